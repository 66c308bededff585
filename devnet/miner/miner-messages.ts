import type { Epoch } from "@edgepool/ethash-wasm/chain-spec";

/** Main thread to search thread. `null` stops searching. */
export type SearchOrder = {
  readonly sequence: number;
  /** 64 hex digits. */
  readonly header: string;
  readonly epoch: Epoch;
  readonly target: bigint;
  /** First nonce to try; the thread goes up from there, and wraps around within `free`. */
  readonly nonce: bigint;
  /** The bits of the nonce that may change; the others are the pool's. */
  readonly freeMask: bigint;
} | null;

/** Search thread to main thread. */
export type SearchReport =
  | { readonly kind: "cache"; readonly epoch: number; readonly progress: number }
  | { readonly kind: "hashes"; readonly count: number }
  | { readonly kind: "found"; readonly sequence: number; readonly nonce: bigint; readonly mixDigest: string };
