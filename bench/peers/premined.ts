import { Ethash, type Epoch, toHex } from "@edgepool/ethash-wasm";
import { loadKernel } from "@edgepool/ethash-wasm/node";

/** A share that is ready to be submitted. */
export interface Share {
  /** 16 hex digits. */
  readonly nonce: string;
  /** 64 hex digits. */
  readonly mixDigest: string;
}

const BATCH = 32;

/** Shares of difficulty 1, which every nonce has, on one header. */
export class Premined {
  readonly #ethash: Ethash;
  readonly #header: string;
  readonly #shares: Share[] = [];
  #lastResult = "";

  constructor(epoch: Epoch, header: string) {
    this.#ethash = Ethash.instantiate(loadKernel());
    this.#ethash.buildCache(epoch);
    this.#header = header;
  }

  /** Those with the nonces from 0 on. */
  take(count: number): readonly Share[] {
    while (this.#shares.length < count) {
      const first = this.#shares.length;
      const nonces = Array.from({ length: BATCH }, (_, at) => BigInt(first + at));
      const hashes = this.#ethash.hashBatch(nonces.map((nonce) => ({ header: this.#header, nonce })));
      for (const [at, { mixDigest, result }] of hashes.entries()) {
        this.#shares.push({ nonce: (nonces[at] ?? 0n).toString(16).padStart(16, "0"), mixDigest: toHex(mixDigest) });
        this.#lastResult = toHex(result);
      }
    }
    return this.#shares.slice(0, count);
  }

  /** The result of the last one made, hex, for native code to agree with. */
  get last(): { readonly nonce: number; readonly result: string } {
    return { nonce: this.#shares.length - 1, result: this.#lastResult };
  }
}
