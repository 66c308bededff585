import { blockId } from "../../payouts/block-members.ts";
import { decodeTerms } from "../../payouts/block-terms.ts";
import { agree, complaints, sum, type AuditedBooks, type Finding } from "./finding.ts";
import { bookMap } from "./scan.ts";

/** A block in one of its three lists. */
interface ListedBlock {
  readonly list: "candidates" | "immature" | "matured";
  readonly member: string;
  readonly height: string;
  readonly nonce: string;
  readonly totalShares: string;
  readonly ts: string;
}

/** Where each list has what: `nonce:powHash:mixDigest:ts:roundDiff:totalShares` and `uncleHeight:orphan:nonce:blockHash:ts:diff:totalShares:rewardWei`. */
const SHAPES = {
  candidates: { parts: 6, nonce: 0, ts: 3, totalShares: 5 },
  immature: { parts: 8, nonce: 2, ts: 4, totalShares: 6 },
  matured: { parts: 8, nonce: 2, ts: 4, totalShares: 6 },
} as const;

async function listedBlocks({ redis, names }: AuditedBooks, wrong: string[]): Promise<ListedBlock[]> {
  const blocks: ListedBlock[] = [];
  for (const list of ["candidates", "immature", "matured"] as const) {
    const shape = SHAPES[list];
    for (const [member, height] of await bookMap(redis, names[list], "zset")) {
      const parts = member.split(":");
      const totalShares = parts[shape.totalShares] ?? "";
      if (parts.length !== shape.parts || !/^\d+$/.test(totalShares))
        wrong.push(`blocks:${list} has "${member.slice(0, 60)}"`);
      else
        blocks.push({ list, member, height, nonce: parts[shape.nonce] ?? "", totalShares, ts: parts[shape.ts] ?? "" });
    }
  }
  return blocks;
}

/** What `record-block` counts: a field that is no natural number is no part of the total, and told to `wrong`. */
function roundTotal(key: string, round: ReadonlyMap<string, string>, wrong: string[]): bigint {
  let total = 0n;
  for (const [login, value] of round) {
    if (/^\d+$/.test(value)) total += BigInt(value);
    else wrong.push(`field ${login} of ${key} holds "${value.slice(0, 40)}", which is no sum of shares`);
  }
  return total;
}

/** Closed rounds against their blocks, finders against blocks and against the miners' own counts. */
export async function auditBlocks(books: AuditedBooks): Promise<Finding[]> {
  const { redis, names, keys } = books;
  const malformed: string[] = [];
  const rounds: string[] = [];
  const blocks = await listedBlocks(books, malformed);
  const owned = new Set([names.roundCurrent]);
  const moving = await bookMap(redis, names.blockMoves, "hash");
  const terms = await bookMap(redis, names.blockTerms, "hash");
  for (const block of blocks) {
    const key = names.round(Number(block.height), block.nonce);
    owned.add(key);
    const round = await bookMap(redis, key, "hash");
    // The unlocker deletes the round of a block that has matured; that of an orphan goes back into the open round part by part.
    if ((round.size === 0 && block.list === "matured") || moving.has(block.member)) continue;
    if (round.size === 0) rounds.push(`the round of block ${block.height} (${block.list}) is missing: ${key}`);
    else {
      const total = roundTotal(key, round, rounds);
      // Under pplns the round of the block's own effort is gone, and what its window had stands there.
      const shares = decodeTerms(terms.get(blockId(block)) ?? "")?.weights ?? block.totalShares;
      if (total !== BigInt(shares))
        rounds.push(`block ${block.height} (${block.list}) says ${shares} shares, its round has ${total}`);
    }
  }
  const orphans = keys.filter((key) => key.startsWith(names.roundPrefix) && !owned.has(key));
  const finders = await bookMap(redis, names.finders, "zset");
  const counts: string[] = [];
  const found = sum(finders, counts);
  for (const [login, score] of finders) {
    const miner = await bookMap(redis, names.miner(login), "hash");
    const own = miner.get("blocksFound") ?? "0";
    if (own !== score) counts.push(`${login} found ${score} blocks by finders, ${own} by its own count`);
  }
  const last = await redis.command(["HGET", names.stats, "lastBlockFound"]);
  const latest = blocks.reduce((ts, block) => Math.max(ts, Number(block.ts)), 0);
  if (latest > 0 && last === null) counts.push("there are blocks, but stats has no lastBlockFound");
  return [
    complaints("members of the block lists", `${blocks.length} blocks`, malformed),
    complaints("closed rounds add up to their blocks' totalShares", `${blocks.length} blocks`, rounds),
    complaints(
      "every closed round has its block",
      "none without",
      orphans.map((key) => `${key} belongs to no block`),
    ),
    agree(
      "finders and blocks",
      found,
      "the sum of finders",
      BigInt(blocks.length + malformed.length),
      "the number of blocks",
    ),
    complaints("finders and the miners' own counts", `${finders.size} finders`, counts),
  ];
}
