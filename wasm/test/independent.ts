import { Ethash as Independent } from "@ethereumjs/ethash";

/** An implementation by others, in JavaScript: about sixty times slower, so it gets few and small tasks. */
export class Peer {
  readonly #ethash = new Independent();
  #datasetBytes = 0;

  /** @returns the cache's bytes */
  build(options: { cacheBytes: number; datasetBytes: number; seed: Uint8Array }): Uint8Array {
    this.#datasetBytes = options.datasetBytes;
    return Buffer.concat(this.#ethash.mkcache(options.cacheBytes, options.seed));
  }

  hash(header: Uint8Array, nonce: bigint): { mixDigest: Uint8Array; result: Uint8Array } {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigUint64(0, nonce);
    const { mix, hash } = this.#ethash.run(header, bytes, this.#datasetBytes);
    return { mixDigest: mix, result: hash };
  }
}
