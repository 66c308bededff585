import { setImmediate as breathe } from "node:timers/promises";
import { Ethash, fromHex, meetsTarget, toHex } from "@edgepool/ethash-wasm";
import { epochOf, type ChainSpec } from "@edgepool/ethash-wasm/chain-spec";
import { loadKernel } from "@edgepool/ethash-wasm/node";
import { BoundedMap } from "../../core/bounded-map.ts";

/** A nonce for a header, as a node gets it in `eth_submitWork`. Hex strings are lower case with `0x`. */
export interface Solution {
  readonly header: string;
  readonly nonce: string;
  readonly mixDigest: string;
  readonly height: number;
  readonly target: bigint;
}

/** A chain mines in one epoch and, around a boundary, still takes blocks of the one before. */
const KEPT_CACHES = 2;

/** Checks proofs of work in full, as a node does before it takes a block. Light caches are built in slices when first needed. */
export class ProofOfWork {
  readonly #chain: ChainSpec;
  readonly #kernel = loadKernel();
  /** By seed rounds: ECIP-1099 gives two epochs of one chain the same number. */
  readonly #caches = new BoundedMap<number, Promise<Ethash>>(KEPT_CACHES);
  readonly #keccak: Ethash;

  constructor(chain: ChainSpec) {
    this.#chain = chain;
    this.#keccak = Ethash.instantiate(this.#kernel);
  }

  /** Seed hash for work at a height, `0x` and 64 hex digits. */
  seedHash(height: number): string {
    return this.seedAfter(epochOf(this.#chain, height).seedRounds);
  }

  /** Seed hash after so many rounds, `0x` and 64 hex digits. */
  seedAfter(rounds: number): string {
    return `0x${toHex(this.#keccak.seedHash(rounds))}`;
  }

  /** Keccak-256 of a text, `0x` and 64 hex digits. */
  keccak(text: string): string {
    return `0x${toHex(this.#keccak.keccak256(new TextEncoder().encode(text)))}`;
  }

  /** Has the light cache for a height, or waits until it is built. */
  async prepare(height: number): Promise<void> {
    await this.#cache(height);
  }

  /** Whether the mix digest belongs to header and nonce, and the result meets the target. */
  async check(solution: Solution): Promise<boolean> {
    const { header, nonce, mixDigest, target } = solution;
    // Two Keccaks refuse junk before a cache is touched.
    if (!meetsTarget(this.#keccak.resultOf(header, BigInt(nonce), mixDigest), target)) return false;
    const ethash = await this.#cache(solution.height);
    return toHex(ethash.hash(header, BigInt(nonce)).mixDigest) === toHex(fromHex(mixDigest));
  }

  #cache(height: number): Promise<Ethash> {
    const epoch = epochOf(this.#chain, height);
    let cache = this.#caches.get(epoch.seedRounds);
    if (cache === undefined) {
      cache = this.#build(height);
      this.#caches.set(epoch.seedRounds, cache);
    }
    return cache;
  }

  async #build(height: number): Promise<Ethash> {
    const ethash = Ethash.instantiate(this.#kernel);
    const build = ethash.startCache(epochOf(this.#chain, height));
    while (!build.done) {
      build.step();
      await breathe();
    }
    return ethash;
  }
}
