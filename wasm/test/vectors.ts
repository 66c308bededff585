import { readFileSync } from "node:fs";

interface Sizes {
  readonly size_epoch: number;
  readonly cache_bytes: number;
  readonly dataset_bytes: number;
}

interface Seeded {
  readonly size_epoch: number;
  readonly seed_rounds: number;
}

interface Pow {
  readonly header_hash: string;
  readonly nonce: string;
  readonly mix_digest: string;
  readonly result: string;
}

/** test/vectors/ethash.json: published facts, each with its source; hex without 0x. */
interface Vectors {
  readonly pow: readonly (Pow &
    Seeded & {
      readonly algo: string;
      readonly block: number | null;
      readonly difficulty?: string;
      readonly boundary?: string;
    })[];
  readonly sizes: readonly Sizes[];
  readonly seeds: readonly { readonly seed_rounds: number; readonly seed: string }[];
  readonly caches: readonly (Seeded & { readonly hash: string; readonly value: string })[];
  readonly small: readonly (
    | { readonly kind: "cache"; readonly cache_bytes: number; readonly epoch: number; readonly content: string }
    | {
        readonly kind: "dataset";
        readonly cache_bytes: number;
        readonly dataset_bytes: number;
        readonly keccak256: string;
      }
    | ({ readonly kind: "hashimoto"; readonly cache_bytes: number; readonly dataset_bytes: number } & Pow)
  )[];
  readonly keccak: readonly { readonly input: string; readonly value: string }[];
  readonly dataset_items: readonly (Seeded & {
    readonly index_1024bit: number;
    readonly item0: string;
    readonly item1: string;
  })[];
  readonly epoch_rules: readonly (Seeded & { readonly chain: string; readonly block: number })[];
  readonly etchash_cache_derived: readonly (Seeded &
    Sizes & { readonly seed: string; readonly cache_keccak256: string })[];
}

const text = readFileSync(new URL("../../test/vectors/ethash.json", import.meta.url), "utf8");

export const vectors: Vectors = JSON.parse(text);
