import * as v from "valibot";
import type { BlockRecord } from "../ledger/contract/records.ts";
import { parsePercent, type SplitTerms } from "./revenue-split.ts";
import { SCHEMES, windowOf, type PayoutsConfig, type Scheme } from "./schemes.ts";

/**
 * What was agreed on when a block was found, and what its later lists do not tell. It stands in the ledger (`blocks:terms`, by
 * {@link blockId}), so that a change of settings touches later blocks only and a restored ledger brings it along.
 */
export interface BlockTerms extends SplitTerms {
  readonly scheme: Scheme;
  /** 32 bytes, `0x`; null for a block whose candidate entry was gone before this pool saw it. */
  readonly mixDigest: string | null;
  /** The login that found it; null where it was not written down. */
  readonly finder: string | null;
  /** Under `pplns`: difficulty of the window, and what of it the shares filled, which the closed round adds up to. Decimal; null under other schemes. */
  readonly window: string | null;
  readonly weights: string | null;
}

const address = v.nullable(v.pipe(v.string(), v.regex(/^0x[0-9a-f]{40}$/)));

const digits = v.optional(v.nullable(v.pipe(v.string(), v.regex(/^\d{1,40}$/))), null);

const termsSchema = v.object({
  scheme: v.picklist(SCHEMES),
  poolFee: v.pipe(
    v.string(),
    v.check((text) => parsePercent(text) !== null),
  ),
  poolFeeAddress: address,
  donateTo: address,
  keepTxFees: v.boolean(),
  mixDigest: v.nullable(v.string()),
  finder: address,
  // Left out of terms that were written before there was pplns.
  window: digits,
  weights: digits,
});

const storedTerms = v.pipe(v.string(), v.parseJson(), termsSchema);

/** As the ledger keeps it: JSON with the members in a fixed order. */
export function encodeTerms(terms: BlockTerms): string {
  const { scheme, poolFee, poolFeeAddress, donateTo, keepTxFees, mixDigest, finder, window, weights } = terms;
  return JSON.stringify({
    scheme,
    poolFee,
    poolFeeAddress,
    donateTo,
    keepTxFees,
    mixDigest,
    finder,
    window,
    weights,
  });
}

/** @returns null for what {@link encodeTerms} did not write: the block waits, named, rather than being shared out by a guess */
export function decodeTerms(text: string): BlockTerms | null {
  const parsed = v.safeParse(storedTerms, text);
  return parsed.success ? parsed.output : null;
}

/** Terms of the settings of now, before there is a block. */
export type PoolTerms = Pick<BlockTerms, "scheme" | keyof SplitTerms>;

/**
 * What a block is found under now, as `record-block` writes it; under `pplns` that script puts in the weights. The scheme is the header's
 * where that is solo work. Common work of before a change to `solo` is still the round's that its shares went into.
 */
export function termsOf(terms: PoolTerms, { scheme, pplnsWindow, soloFee }: PayoutsConfig, block: FoundBlock): string {
  const { mixDigest, login: finder, networkDifficulty, solo } = block;
  const found = { ...terms, mixDigest, finder, window: null, weights: null };
  if (solo === true) return encodeTerms({ ...found, scheme: "solo", poolFee: soloFee });
  if (scheme !== "pplns") return encodeTerms({ ...found, scheme: "prop" });
  return encodeTerms({ ...found, scheme, window: String(windowOf(pplnsWindow, networkDifficulty)) });
}

type FoundBlock = Pick<BlockRecord, "mixDigest" | "login" | "networkDifficulty" | "solo">;
