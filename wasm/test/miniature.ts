import { loadKernel } from "@edgepool/ethash-wasm/node";
import { growTo, instantiateKernel, LAYOUT, memoryFor } from "../src/kernel.ts";

interface Share {
  readonly header: Uint8Array;
  readonly nonce: bigint;
}

/** The kernel itself with a cache of a size that no epoch has, which the typed host refuses. */
export class Miniature {
  readonly #kernel = instantiateKernel(loadKernel());

  /** Builds a cache of `items` rows, in calls of `slice` items, for a dataset of `pages` pages. */
  build({
    items,
    pages,
    seedRounds = 0,
    slice = items,
  }: {
    items: number;
    pages: number;
    seedRounds?: number;
    slice?: number;
  }) {
    const kernel = this.#kernel;
    growTo(kernel.memory, memoryFor({ cacheBytes: items * 64 }));
    kernel.setCacheItems(items);
    kernel.setDatasetPages(pages);
    kernel.seedHash(seedRounds);
    for (let from = 0; from < items; from += slice) kernel.fillCache(from, Math.min(items, from + slice));
    for (let round = 0; round < 3; round++) {
      for (let from = 0; from < items; from += slice) kernel.mixCache(from, Math.min(items, from + slice));
    }
    return this.#bytes(LAYOUT.cache, items * 64);
  }

  page(index: number): Uint8Array {
    this.#kernel.buildPage(index);
    return this.#bytes(LAYOUT.items, 128);
  }

  hash(shares: readonly Share[]): { mixDigest: Uint8Array; result: Uint8Array }[] {
    const slots = shares.map((share, index) => ({ ...share, slot: LAYOUT.shares + index * LAYOUT.shareBytes }));
    const view = new DataView(this.#kernel.memory.buffer);
    for (const { slot, header, nonce } of slots) {
      new Uint8Array(this.#kernel.memory.buffer, slot, 32).set(header);
      view.setBigUint64(slot + LAYOUT.shareNonce, nonce, true);
    }
    this.#kernel.hashShares(shares.length);
    return slots.map(({ slot }) => ({
      mixDigest: this.#bytes(slot + LAYOUT.shareMixDigest, 32),
      result: this.#bytes(slot + LAYOUT.shareResult, 32),
    }));
  }

  #bytes(address: number, length: number): Uint8Array {
    return new Uint8Array(this.#kernel.memory.buffer, address, length).slice();
  }
}
