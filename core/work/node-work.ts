import type { NodeJob } from "./job.ts";
import { isRecord } from "./node-rpc.ts";

/** Outcome of reading work; `reason` is one line that says what is wrong and, where it can, what to do. */
export type ParsedWork =
  /** `ownHeight`: the height stood in the work itself and not beside it. */
  | { readonly ok: true; readonly job: NodeJob; readonly ownHeight: boolean }
  | { readonly ok: false; readonly reason: string };

const TWO_256 = 1n << 256n;
const HASH = /^0x[0-9a-f]{64}$/;
const QUANTITY = /^0x[0-9a-f]{1,64}$/;

const refuse = (reason: string): ParsedWork => ({ ok: false, reason });

/** An Ethereum JSON-RPC quantity (`0x` and hex digits); null for anything else. Leading zeros are let pass. */
export function parseQuantity(value: unknown): bigint | null {
  return typeof value === "string" && QUANTITY.test(value.toLowerCase()) ? BigInt(value.toLowerCase()) : null;
}

/** The same for heights, nonces and counts: null for what is no safe integer, too. */
export function parseCount(value: unknown): number | null {
  const parsed = parseQuantity(value);
  return parsed === null || parsed > BigInt(Number.MAX_SAFE_INTEGER) ? null : Number(parsed);
}

/**
 * Reads the result of `eth_getWork`: `[header, seed, target]` or, from geth 1.8.18 on, `[header, seed, target, height]`.
 * The difficulty comes from the target: floor(2^256 / floor(2^256 / d)) is d for every d below 2^128.
 * @param heightBeside height to take where the work has none; null when there is none either
 */
export function parseWork(value: unknown, heightBeside: number | null): ParsedWork {
  if (!Array.isArray(value)) return refuse("the work is not an array");
  const items: unknown[] = value;
  if (items.length < 3) return refuse(`the work has ${items.length} items, it must have 3 or 4`);
  const [header, seed, target] = items.map((item) => (typeof item === "string" ? item.toLowerCase() : ""));
  if (!header || !HASH.test(header)) return refuse("the header hash is not 32 bytes of 0x hex");
  if (!seed || !HASH.test(seed)) return refuse("the seed hash is not 32 bytes of 0x hex");
  const targetNumber = parseQuantity(target);
  if (targetNumber === null || targetNumber === 0n) return refuse("the target is not a number above 0 in 0x hex");
  const ownHeight = items.length > 3;
  const ownNumber = ownHeight ? parseQuantity(items[3]) : null;
  if (ownHeight && ownNumber === null) return refuse("the block number (4th item) is not 0x hex");
  const height = ownNumber === null ? heightBeside : Number(ownNumber);
  if (height === null)
    return refuse("the work has no block number (4th item), and there is no pending block to take it from");
  if (!Number.isSafeInteger(height)) return refuse("the block number is too large");
  return { ok: true, job: { header, seed, height, networkDifficulty: TWO_256 / targetNumber }, ownHeight };
}

/**
 * Reads the body of a node's work notification: the four-item array (geth, core-geth), or an object that carries it as `result`
 * (OpenEthereum and its forerunners) or as `params` (JSON-RPC notifications).
 */
export function parseNotify(body: string): ParsedWork {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return refuse("the body is not JSON");
  }
  if (isRecord(value)) {
    const { result, params } = value;
    if (Array.isArray(result)) return parseWork(result, null);
    if (Array.isArray(params)) return parseWork(Array.isArray(params[0]) ? params[0] : params, null);
    return refuse(
      "this is a block header as sent with --miner.notify.full; its hash is not the one that is mined: run the node without --miner.notify.full",
    );
  }
  return parseWork(value, null);
}
