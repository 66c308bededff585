import { ledgerKeys } from "../contract/keys.ts";
import type { RedisPort } from "../contract/redis-port.ts";
import { auditBlocks } from "./audit-blocks.ts";
import { auditHashrate } from "./audit-hashrate.ts";
import { auditPayouts } from "./audit-payouts.ts";
import { auditPow } from "./audit-pow.ts";
import { bookKeys, bookMap } from "./scan.ts";

/** One thing that must be so, and whether it is. */
export interface Finding {
  readonly check: string;
  readonly ok: boolean;
  /** What was found; for a failed check, both sides. */
  readonly detail: string;
}

/** What the checks read. Every key is read once a check, by pages. */
export interface AuditedBooks {
  readonly redis: RedisPort;
  readonly coin: string;
  readonly keys: readonly string[];
}

/**
 * Recomputes every sum of the books that must agree with another one. Reads only.
 *
 * While the pool writes, two readings of one moment are not to be had: a difference that is gone on the next audit was a share between.
 */
export async function auditBooks(redis: RedisPort, coin: string): Promise<Finding[]> {
  const books = { redis, coin, keys: await bookKeys(redis, coin) };
  const wrongTypes = await auditTypes(books);
  // With a key of a wrong type no sum can be had.
  if (wrongTypes.some((finding) => !finding.ok)) return wrongTypes;
  return [
    ...wrongTypes,
    ...(await auditRound(books)),
    ...(await auditBlocks(books)),
    ...(await auditPow(books)),
    ...(await auditHashrate(books)),
    ...(await auditPayouts(books)),
  ];
}

/** @returns a finding that two numbers are the same */
export function agree(check: string, left: bigint, leftName: string, right: bigint, rightName: string): Finding {
  const ok = left === right;
  return {
    check,
    ok,
    detail: ok ? `${leftName} = ${rightName} = ${left}` : `${leftName} is ${left}, ${rightName} is ${right}`,
  };
}

/** @returns one finding for a list of complaints, of which the first are told */
export function complaints(check: string, looked: string, wrong: readonly string[]): Finding {
  const more = wrong.length > 5 ? ` and ${wrong.length - 5} more` : "";
  return { check, ok: wrong.length === 0, detail: wrong.length === 0 ? looked : wrong.slice(0, 5).join("; ") + more };
}

/** The sum of decimal strings; what is none is told to `wrong`. Exact at any size. */
export function sum(values: Iterable<readonly [name: string, value: string]>, wrong: string[]): bigint {
  let total = 0n;
  for (const [name, value] of values) {
    if (/^-?\d+$/.test(value)) total += BigInt(value);
    else wrong.push(`${name} holds "${value.slice(0, 40)}", which is no integer`);
  }
  return total;
}

/** Types by the rest of the key behind the coin, as in ledger.md; the first that matches counts. */
const TYPES: readonly (readonly [RegExp, string])[] = [
  [/^(nodes|stats|finances|shares:.*|miners:.*|credits:(?!all$).*)$/, "hash"],
  [/^(pow|hashrate|hashrate:.*|finders|blocks:(candidates|immature|matured)|credits:all)$/, "zset"],
  [/^payments:lock$/, "string"],
  [/^payments:.*$/, "zset"],
  [/^(blacklist|whitelist)$/, "set"],
];

async function auditTypes({ redis, coin, keys }: AuditedBooks): Promise<Finding[]> {
  const wrong: string[] = [];
  for (let i = 0; i < keys.length; i += 500) {
    const page = keys.slice(i, i + 500);
    const types = await redis.pipeline(page.map((key) => ["TYPE", key]));
    page.forEach((key, j) => {
      const wanted = TYPES.find(([shape]) => shape.test(key.slice(coin.length + 1)))?.[1];
      if (wanted !== undefined && types[j] !== wanted) wrong.push(`${key} is a ${String(types[j])}, not a ${wanted}`);
    });
  }
  return [complaints("every key has its type", `${keys.length} keys`, wrong)];
}

async function auditRound({ redis, coin, keys }: AuditedBooks): Promise<Finding[]> {
  const names = ledgerKeys(coin);
  const round = await bookMap(redis, names.roundCurrent, "hash");
  const stats = await bookMap(redis, names.stats, "hash");
  const wrong: string[] = [];
  const total = sum(round, wrong);
  const roundShares = sum([["roundShares", stats.get("roundShares") ?? "0"]], wrong);
  for (const [login, value] of round) {
    if (!/^[1-9]/.test(value)) wrong.push(`${login} has ${value} in the open round`);
    if (!keys.includes(names.miner(login))) wrong.push(`${login} has shares but no ${names.miner(login)}`);
  }
  return [
    agree("open round", total, "the sum of shares:roundCurrent", roundShares, "stats roundShares"),
    complaints("logins of the open round", `${round.size} logins`, wrong),
  ];
}
