import type { Epoch } from "@edgepool/ethash-wasm";

/** Hashes `calls` batches of `shares` consecutive nonces. */
export interface Work {
  /** 64 hex digits. */
  readonly header: string;
  readonly firstNonce: bigint;
  readonly shares: number;
  readonly calls: number;
}

/** Something that hashes, and says how much CPU time it took: what other programs take of the machine is not counted. */
export interface Contender {
  readonly name: string;
  /** Builds the cache. @returns milliseconds */
  build(epoch: Epoch): Promise<number>;
  /** `lastResult` in hex, to show that all contenders computed the same. */
  hash(work: Work): Promise<{ milliseconds: number; lastResult: string }>;
  stop(): Promise<void>;
}
