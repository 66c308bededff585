import { ledgerKeys, typeOfKey } from "../contract/keys.ts";
import type { RedisPort } from "../contract/redis-port.ts";
import { auditBlocks } from "./audit-blocks.ts";
import { auditCredits } from "./audit-credits.ts";
import { auditFormat } from "./audit-format.ts";
import { auditPayouts } from "./audit-payouts.ts";
import { auditHashrate, auditPow } from "./audit-shares.ts";
import { auditWorth, type WorthTerms } from "./audit-worth.ts";
import { agree, complaints, sum, type AuditedBooks, type Finding } from "./finding.ts";
import { bookKeys, bookMap } from "./scan.ts";

/**
 * Recomputes every sum of the books that must agree with another one. Reads only.
 *
 * While the pool writes, two readings of one moment are not to be had: a difference that is gone on the next audit was a share between.
 * @param terms that all shares of the last heights were mined under; null: what they are worth is not looked at
 */
export async function auditBooks(redis: RedisPort, coin: string, terms: WorthTerms | null = null): Promise<Finding[]> {
  const books = { redis, coin, names: ledgerKeys(coin), keys: await bookKeys(redis, coin) };
  const begun = await redis.command(["GET", books.names.restoring]);
  if (begun !== null)
    return [
      complaints("books are whole", "", [
        `a restore of them was cut (SHA-256 and file: ${String(begun)}): run it again`,
      ]),
    ];
  const wrongTypes = await auditTypes(books);
  // With a key of a wrong type no sum can be had.
  if (wrongTypes.some((finding) => !finding.ok)) return wrongTypes;
  const format = await auditFormat(books);
  // Of another pool's books each sum would be wrong in its own way.
  if (!format.ok) return [format, ...wrongTypes];
  return [
    format,
    ...wrongTypes,
    ...(await auditRound(books)),
    ...(await auditBlocks(books)),
    ...(await auditPow(books)),
    ...(terms === null ? [] : await auditWorth(books, terms)),
    ...(await auditHashrate(books)),
    ...(await auditPayouts(books)),
    ...(await auditCredits(books)),
  ];
}

async function auditTypes({ redis, coin, keys }: AuditedBooks): Promise<Finding[]> {
  const wrong: string[] = [];
  for (let i = 0; i < keys.length; i += 500) {
    const page = keys.slice(i, i + 500);
    const types = await redis.pipeline(page.map((key) => ["TYPE", key]));
    page.forEach((key, j) => {
      const wanted = typeOfKey(coin, key);
      // Expired, renamed or deleted since its name was read: the pool goes on meanwhile.
      if (types[j] === "none") return;
      if (wanted !== undefined && types[j] !== wanted) wrong.push(`${key} is a ${String(types[j])}, not a ${wanted}`);
    });
  }
  return [complaints("every key has its type", `${keys.length} keys`, wrong)];
}

async function auditRound({ redis, names, keys }: AuditedBooks): Promise<Finding[]> {
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
