import { blockId } from "../payouts/block-members.ts";
import type { BlockTerms } from "../payouts/block-terms.ts";
import { parseInteger } from "./json.ts";
import type { Scored } from "./replies.ts";

/** A block in the shape of the reference, and from `effort` on what this pool says beyond it. */
export interface BlockEntry {
  readonly height: number;
  /** Unix time in seconds. */
  readonly timestamp: number | bigint;
  readonly difficulty: number | bigint;
  /** Sum of the share difficulties of the block's round. */
  readonly shares: number | bigint;
  readonly uncle: boolean;
  readonly uncleHeight: number | bigint;
  readonly orphan: boolean;
  /** Empty for a candidate. */
  readonly hash: string;
  /** Wei, decimal; empty for a candidate. */
  readonly reward: string;
  /** Work of the round over the difficulty: 1 is average, less is luckier. */
  readonly effort: number;
  /** Percent, decimal: what the pool keeps, as agreed when the block was found; null, as the two that follow, where nothing was written down. */
  readonly fee: string | null;
  readonly scheme: string | null;
  /** Login that found it. */
  readonly finder: string | null;
}

/** What a block was found under, by the id of {@link blockId}. */
export type TermsById = ReadonlyMap<string, Pick<BlockTerms, "poolFee" | "scheme" | "finder">>;

/** A payment in the shape of the reference; `address` only in the pool's own list. */
export interface PaymentEntry {
  readonly address?: string;
  /** Shannon. */
  readonly amount: number | bigint;
  /** Unix time in seconds. */
  readonly timestamp: number;
  readonly tx: string;
}

const integer = (text: string | undefined) => parseInteger(text) ?? 0;

/** Entries that do not have the member format are left out: the ledger is shared with programs that are not ours. */
function parsed<T>(entries: readonly Scored[], fields: number, make: (fields: string[], score: number) => T): T[] {
  return entries.flatMap(({ member, score }) => {
    const parts = member.split(":");
    return parts.length < fields ? [] : [make(parts, score)];
  });
}

/** Ids of the blocks of a list, for what they were found under. @param at where the time stands in a member, @param nonceAt and the nonce */
function idsOf(entries: readonly Scored[], fields: number, nonceAt: number, at: number): string[] {
  return parsed(entries, fields, (parts) => blockId({ nonce: parts[nonceAt] ?? "", ts: parts[at] ?? "" }));
}

/** Of candidates. */
export const candidateIds = (entries: readonly Scored[]): string[] => idsOf(entries, 6, 0, 3);
/** Of immature or matured blocks. */
export const blockIds = (entries: readonly Scored[]): string[] => idsOf(entries, 8, 2, 4);

function agreed(terms: TermsById, nonce: string | undefined, ts: string | undefined) {
  const known = terms.get(blockId({ nonce: nonce ?? "", ts: ts ?? "" }));
  return { fee: known?.poolFee ?? null, scheme: known?.scheme ?? null, finder: known?.finder ?? null };
}

/** A block that someone wrote without difficulty must not make the figure infinite, which JSON cannot say. */
export function effortOf(shares: number | bigint, difficulty: number | bigint): number {
  return Number(difficulty) > 0 ? Number(shares) / Number(difficulty) : 0;
}

/** A block of a hidden login does not say whose it is. */
export const withoutHidden = (block: BlockEntry, hidden: ReadonlySet<string>): BlockEntry =>
  block.finder !== null && hidden.has(block.finder) ? { ...block, finder: null } : block;

/** `nonce:powHash:mixDigest:ts:roundDiff:totalShares`, score height. */
export function candidateEntries(entries: readonly Scored[], terms: TermsById = new Map()): BlockEntry[] {
  return parsed(entries, 6, ([nonce, , , timestamp, difficulty, shares], height) => ({
    height,
    timestamp: integer(timestamp),
    difficulty: integer(difficulty),
    shares: integer(shares),
    uncle: false,
    uncleHeight: 0,
    orphan: false,
    hash: "",
    reward: "",
    effort: effortOf(integer(shares), integer(difficulty)),
    ...agreed(terms, nonce, timestamp),
  }));
}

/** `uncleHeight:orphan:nonce:blockHash:ts:diff:totalShares:rewardWei`, score height. */
export function blockEntries(entries: readonly Scored[], terms: TermsById = new Map()): BlockEntry[] {
  return parsed(entries, 8, ([uncleHeight, orphan, nonce, hash, timestamp, difficulty, shares, reward], height) => ({
    height,
    timestamp: integer(timestamp),
    difficulty: integer(difficulty),
    shares: integer(shares),
    uncle: integer(uncleHeight) > 0,
    uncleHeight: integer(uncleHeight),
    orphan: orphan === "1",
    hash: hash ?? "",
    reward: reward ?? "",
    effort: effortOf(integer(shares), integer(difficulty)),
    ...agreed(terms, nonce, timestamp),
  }));
}

/** `txHash:login:amount` (all payments) or `txHash:amount` (one login's), score ts. */
export function paymentEntries(entries: readonly Scored[]): PaymentEntry[] {
  return parsed(entries, 2, ([tx, second, third], timestamp) =>
    third === undefined
      ? { amount: integer(second), timestamp, tx: tx ?? "" }
      : { address: second ?? "", amount: integer(third), timestamp, tx: tx ?? "" },
  );
}

function byName<T>(list: Iterable<[string, T]>): [string, T][] {
  return [...list].toSorted(([a], [b]) => (a < b ? -1 : 1));
}

/** `<name>:<field>` of `eth:nodes`, grouped by node and in the order of the names; every value stays text, as in the reference. */
export function nodeEntries(hash: ReadonlyMap<string, string>): Record<string, string>[] {
  const nodes = new Map<string, Record<string, string>>();
  for (const [name, value] of hash) {
    // The field is what follows the last colon: an operator's node name may hold one itself.
    const colon = name.lastIndexOf(":");
    if (colon < 0) continue;
    const node = nodes.get(name.slice(0, colon)) ?? {};
    node[name.slice(colon + 1)] = value;
    nodes.set(name.slice(0, colon), node);
  }
  return byName(nodes).map(([, node]) => Object.fromEntries(byName(Object.entries(node))));
}

/** Luck over a number of blocks. */
export interface Luck {
  /** Mean of shares / difficulty: 1 is average, below 1 is lucky. */
  readonly luck: number;
  /** Share of the blocks, 0 to 1. */
  readonly uncleRate: number;
  readonly orphanRate: number;
}

/**
 * Luck by window, keyed by the number of blocks that it really covers, as the reference does: windows rise, and the first
 * that the pool cannot fill is the last.
 * @param blocks newest first: immature, then matured
 */
export function luckWindows(blocks: readonly BlockEntry[], windows: readonly number[]): Record<string, Luck> {
  const result: Record<string, Luck> = {};
  for (const window of windows.toSorted((a, b) => a - b)) {
    const covered = blocks.slice(0, window);
    const mean = (of: (block: BlockEntry) => number) =>
      covered.length === 0 ? 0 : covered.reduce((sum, block) => sum + of(block), 0) / covered.length;
    result[String(covered.length)] = {
      luck: mean(({ effort }) => effort),
      orphanRate: mean((block) => (block.orphan ? 1 : 0)),
      uncleRate: mean((block) => (block.uncle ? 1 : 0)),
    };
    if (covered.length < window) break;
  }
  return result;
}
