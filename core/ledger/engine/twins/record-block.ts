import { OUTCOME_CODES } from "../../contract/scripts/script.ts";
import type { Reply } from "../command.ts";
import { incrementField } from "../commands/hashes-and-sets.ts";
import { entriesByScore, removeByScore } from "../commands/zsets.ts";
import { HASH_NOT_AN_INTEGER, OVERFLOW, refuse } from "../errors.ts";
import type { Keyspace } from "../keyspace.ts";
import { fitsInt64 } from "../values.ts";
import { pplnsWeights, type ShareGroup } from "../../../payouts/schemes.ts";
import { listOf, pushLast } from "../commands/lists.ts";
import { readGroup, seedOf } from "./window-log.ts";
import { attempt, isNatural } from "./script-calls.ts";

const { duplicate, recorded, rival } = OUTCOME_CODES;

/** An uncle is listed under its nephew's height. */
const NEPHEWS = 16;

function parseKeys(keys: readonly string[]) {
  const [pow = "", round = "", hashrate = "", stats = "", own = "", miner = "", finders = "", closed = ""] = keys;
  const [candidates = "", agreed = "", immature = "", matured = "", window = ""] = keys.slice(8);
  return { pow, round, hashrate, stats, own, miner, finders, closed, candidates, agreed, immature, matured, window };
}
type BlockKeys = ReturnType<typeof parseKeys>;

function parseArguments(argv: readonly string[]) {
  const [retry, sweep = "", expiration, since, login = "", member = "", height] = argv;
  const [difficulty = "", worker = "", ms = "", ts = "", networkDifficulty = "", terms = ""] = argv.slice(7);
  const [inChain, scheme, size = "0"] = argv.slice(13);
  return {
    retry: retry === "1",
    sweep,
    expirationMs: Number(expiration) * 1000,
    since: Number(since),
    login,
    member,
    height: Number(height),
    difficulty,
    worker,
    ms,
    ts,
    networkDifficulty,
    terms,
    inChain: inChain === "1",
    scheme,
    size: BigInt(size),
  };
}
type Block = ReturnType<typeof parseArguments>;

function has(space: Keyspace, key: string, member: string): boolean {
  const row = space.typed(key, "zset");
  return row !== null && space.entry(row.id, member) !== undefined;
}

/** What is known of a block that an earlier attempt may have written. @returns code, null for nothing, and commands billed */
function trace(space: Keyspace, keys: BlockKeys, block: Block): readonly [code: number | null, billed: number] {
  const traced = has(space, keys.own, `${block.difficulty}:${block.worker}:${block.ms}`);
  const old = Number(block.ms) < block.since;
  if (has(space, keys.pow, block.member)) return [old || traced ? recorded : duplicate, 2];
  if (!old && !traced) return [null, 2];
  const nonce = block.member.slice(0, 18);
  const lists = [keys.candidates, keys.immature, keys.matured];
  const at = lists.findIndex((list) =>
    entriesByScore(space, list, block.height, block.height + NEPHEWS).some(([entry]) => entry.includes(nonce)),
  );
  return at === -1 ? [null, 2 + lists.length] : [recorded, 3 + at];
}

/**
 * Whether another nonce for the block's header is recorded, or may be: the lists of an unlocker have no headers, and one that cannot be
 * read is no hindrance.
 * @returns the answer, and commands billed
 */
function rivalled(space: Keyspace, keys: BlockKeys, block: Block): readonly [rivalled: boolean, billed: number] {
  const nonce = block.member.slice(0, 18);
  const header = block.member.slice(18, 85);
  const candidates = entriesByScore(space, keys.candidates, block.height, block.height);
  if (candidates.some(([entry]) => entry.slice(0, 18) !== nonce && entry.slice(18, 85) === header)) return [true, 1];
  for (const [at, list] of [keys.immature, keys.matured].entries()) {
    const entries = attempt(() => entriesByScore(space, list, block.height, block.height + NEPHEWS)) ?? [];
    const isOther = ([name, score]: readonly [string, number]): boolean => {
      const [, uncle = "", other] = /^(\d+):[01]:(0x[0-9a-fA-F]+):/.exec(name) ?? [];
      return other !== undefined && other !== nonce && (uncle === "0" ? score : Number(uncle)) === block.height;
    };
    if (entries.some(isOther)) return [true, 2 + at];
  }
  return [false, 3];
}

/** The sum of the round with this block's share in it. Another login's field that is no natural number counts for nobody. */
function totalShares(space: Keyspace, keys: BlockKeys, block: Block): bigint {
  const row = space.typed(keys.round, "hash");
  let total = BigInt(block.difficulty);
  let own = total;
  for (const { name, value } of row ? space.entries(row.id) : []) {
    const counts = isNatural(String(value));
    if (counts) total += BigInt(String(value));
    if (name !== block.login || block.scheme !== "prop") continue;
    if (!counts) throw refuse(HASH_NOT_AN_INTEGER);
    own += BigInt(String(value));
  }
  if (!fitsInt64(own)) throw refuse(OVERFLOW);
  return total;
}

function put(space: Keyspace, key: string, member: string, score: number): void {
  space.put(space.open(key, "zset").id, member, score);
}

/** Fields of one HSET, as the script has it. */
const CLOSED_FIELDS = 3_000;

/** What writing a block came to. */
interface Written {
  readonly terms: string;
  /** From the entry in `pow` to the last step. */
  readonly billed: number;
}

/** Groups of the log that the script reads together. */
const AT_ONCE = 50_000;

/** This block's own and those of the log, from the newest back, read as far as they are needed. */
class NewestFirst implements Iterable<ShareGroup> {
  /** Parts that the script reads for it. */
  parts = 1;
  readonly #log: readonly string[];
  readonly #own: string;

  constructor(log: readonly string[], own: string) {
    this.#log = log;
    this.#own = own;
  }

  *[Symbol.iterator](): Generator<ShareGroup> {
    yield readGroup(this.#own);
    for (let read = 1; read <= this.#log.length; read += 1) {
      yield readGroup(this.#log.at(-read) ?? "");
      if (read % AT_ONCE === 0) this.parts += 1;
    }
  }
}

/** What the last shares filled of the window, this one first, becomes the closed round. */
function closeWindow(space: Keyspace, keys: BlockKeys, block: Block): Written {
  const { login, difficulty, terms, size } = block;
  const own = `${login}:${difficulty}`;
  const log = listOf(space, keys.window);
  const seed = log.length === 0 ? seedOf(space, keys.round) : [];
  const groups = new NewestFirst(seed.length > 0 ? seed : log, own);
  const weights = pplnsWeights(groups, size);
  pushLast(space, keys.window, [...seed, own]);
  const closed = space.open(keys.closed, "hash");
  let filled = 0n;
  for (const [owner, weight] of weights) {
    space.put(closed.id, owner, String(weight));
    filled += weight;
  }
  writeFound(space, keys, block, totalShares(space, keys, block));
  space.put(space.open(keys.stats, "hash").id, "roundShares", "0");
  space.dropKey(keys.round);
  // ZADD pow, HGETALL, RPUSH, DEL, the eight steps of every block, and LRANGE.
  const billed = 12 + (seed.length > 0 ? 1 : groups.parts) + Math.ceil(weights.size / CLOSED_FIELDS);
  return { terms: terms.replace('"weights":null', `"weights":"${filled}"`), billed };
}

function closeRound(space: Keyspace, keys: BlockKeys, block: Block): Written {
  const { login, difficulty, terms } = block;
  put(space, keys.pow, block.member, block.height);
  if (block.scheme === "pplns") return closeWindow(space, keys, block);
  if (block.scheme === "solo") {
    space.put(space.open(keys.closed, "hash").id, login, difficulty);
    writeFound(space, keys, block, BigInt(difficulty));
    return { terms, billed: 10 };
  }
  const total = totalShares(space, keys, block);
  incrementField(space, keys.round, login, difficulty);
  writeFound(space, keys, block, total);
  const round = space.find(keys.round);
  if (round) space.rename(round, keys.closed);
  space.remove(space.open(keys.stats, "hash").id, "roundShares");
  return { terms, billed: 13 };
}

/** What a block's share and the block itself write under every scheme: eight commands. */
function writeFound(space: Keyspace, keys: BlockKeys, block: Block, total: bigint): void {
  const { login, difficulty, worker, ms, ts } = block;
  put(space, keys.hashrate, `${difficulty}:${login}:${worker}:${ms}`, Number(ts));
  const own = space.open(keys.own, "zset");
  space.put(own.id, `${difficulty}:${worker}:${ms}`, Number(ts));
  space.setExpiry(own, space.nowMs + block.expirationMs);
  put(space, keys.candidates, `${block.member}:${ts}:${block.networkDifficulty}:${total}`, block.height);
  const finders = space.open(keys.finders, "zset");
  space.put(finders.id, login, Number(space.entry(finders.id, login) ?? 0) + 1);
  incrementField(space, keys.miner, "blocksFound", "1");
  space.put(space.open(keys.stats, "hash").id, "lastBlockFound", ts);
  space.put(space.open(keys.miner, "hash").id, "lastShare", ts);
}

/** What a block is found under, unless that was written before. */
function agree(space: Keyspace, { agreed }: BlockKeys, { member, ts }: Block, terms: string): void {
  const { id } = space.open(agreed, "hash");
  const name = `${member.slice(0, 18)}:${ts}`;
  if (space.entry(id, name) === undefined) space.put(id, name, terms);
}

/** Native twin of the script `record-block`: the same keys, arguments, replies and writes. A failure leaves nothing. */
export function recordBlock(space: Keyspace, names: readonly string[], argv: readonly string[]): Reply {
  const keys = parseKeys(names);
  const block = parseArguments(argv);
  return space.sql.transaction(() => {
    const reply = record(space, keys, block);
    const isSweepable = block.sweep !== "" && attempt(() => space.typed(keys.pow, "zset")) !== null;
    if (isSweepable) removeByScore(space, keys.pow, "-inf", `(${block.sweep}`);
    return reply;
  });
}

function record(space: Keyspace, keys: BlockKeys, block: Block): Reply {
  // EVALSHA, the sweep, EXISTS of the closed round.
  let billed = block.sweep === "" ? 2 : 3;
  if (space.find(keys.closed)) return [billed, block.retry ? recorded : duplicate];
  if (block.retry) {
    const [known, asked] = trace(space, keys, block);
    billed += asked;
    if (known !== null) return [billed, known];
  }
  if (!block.inChain) {
    const [other, asked] = rivalled(space, keys, block);
    billed += asked;
    if (other) return [billed, rival];
  }
  if (has(space, keys.pow, block.member)) return [billed + 1, duplicate];
  const written = closeRound(space, keys, block);
  if (block.terms !== "") agree(space, keys, block, written.terms);
  return [billed + written.billed + (block.terms === "" ? 0 : 1), recorded];
}
