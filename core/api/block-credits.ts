import { ledgerKeys, type LedgerKeys } from "../ledger/contract/keys.ts";
import type { RedisPort } from "../ledger/contract/redis-port.ts";
import { withoutHidden, type BlockEntry } from "./entries.ts";
import { parseInteger } from "./json.ts";
import { asCount, asHash, asList } from "./replies.ts";

/** `/api/blocks/<height>/<hash>`: who was credited what for a block. */
export interface BlockCredits extends BlockEntry {
  readonly immature: boolean;
  /** Logins that were credited, those among them that want to be in no list. */
  readonly creditsTotal: number;
  /** Shannon, the largest first; some of them only where there are more than 2,000. */
  readonly credits: readonly { readonly login: string; readonly amount: number | bigint }[];
}

/** Credits in one answer, some 130 kB. */
const MOST_CREDITS = 2_000;

/** Reads a block's credits in two commands, however many there are. @throws RedisUnreachableError */
export async function readCredits(
  redis: RedisPort,
  coin: string,
  block: BlockEntry,
  immature: boolean,
  hidden: ReadonlySet<string>,
): Promise<BlockCredits> {
  const key = creditsKey(ledgerKeys(coin), block, immature);
  const [length, page] = await redis.pipeline([
    ["HLEN", key],
    ["HSCAN", key, 0, "COUNT", MOST_CREDITS],
  ]);
  const [, pairs] = asList(page);
  const credits = [...asHash(Array.isArray(pairs) ? pairs : null)]
    .filter(([login]) => !hidden.has(login))
    .map(([login, amount]) => ({ login, amount: parseInteger(amount) ?? 0 }))
    .toSorted((a, b) => (a.amount < b.amount ? 1 : a.amount > b.amount ? -1 : 0))
    .slice(0, MOST_CREDITS);
  return { ...withoutHidden(block, hidden), immature, creditsTotal: asCount(length), credits };
}

/** Where the ledger has the credits of a listed block. */
export function creditsKey(keys: LedgerKeys, { height, hash }: BlockEntry, immature: boolean): string {
  return immature ? keys.immatureCredits(height, hash) : keys.credits(height, hash);
}
