import type { SqlRow } from "../../../sql-port.ts";
import { pairs, type Call, type Reply } from "../command.ts";
import { MIN_MAX_NOT_FLOAT, NOT_A_FLOAT, refuse, SCORE_NAN, SYNTAX } from "../errors.ts";
import type { KeyRow, Keyspace } from "../keyspace.ts";
import { countArgument, doubleArgument, formatScore, isDecimal, parseDouble } from "../values.ts";

/** The score of a member, or undefined. */
function scoreOf(space: Keyspace, row: KeyRow | null, member: string): number | undefined {
  const value = row ? space.entry(row.id, member) : undefined;
  return value === undefined ? undefined : Number(value);
}

/** Redis' small sorted sets keep a negative zero as 0; here all do. */
function putScore(space: Keyspace, row: KeyRow, member: string, score: number): void {
  space.put(row.id, member, score + 0);
}

/** ZADD with NX as its only option. */
export function zadd({ space, args: [key = "", ...rest] }: Call): Reply {
  const onlyNew = rest[0]?.toUpperCase() === "NX";
  const values = onlyNew ? rest.slice(1) : rest;
  if (values.length === 0 || values.length % 2 !== 0) throw refuse(SYNTAX);
  const entries = pairs(values).map(([score, member]) => ({ score: doubleArgument(score, NOT_A_FLOAT), member }));
  const row = space.open(key, "zset");
  let added = 0;
  for (const { score, member } of entries) {
    const before = scoreOf(space, row, member);
    if (before === undefined) added++;
    if (before === undefined || (!onlyNew && before !== score)) putScore(space, row, member, score);
  }
  return added;
}

export function zincrby({ space, args: [key = "", by = "", member = ""] }: Call): Reply {
  const amount = doubleArgument(by);
  const row = space.open(key, "zset");
  const score = (scoreOf(space, row, member) ?? 0) + amount;
  if (Number.isNaN(score)) throw refuse(SCORE_NAN);
  putScore(space, row, member, score);
  return formatScore(score);
}

export function zrem({ space, args: [key = "", ...members] }: Call): Reply {
  return space.removeAll(space.typed(key, "zset"), members);
}

function printedScore(space: Keyspace, row: KeyRow | null, member: string): string | null {
  const score = scoreOf(space, row, member);
  return score === undefined ? null : formatScore(score);
}

export function zscore({ space, args: [key = "", member = ""] }: Call): Reply {
  return printedScore(space, space.typed(key, "zset"), member);
}

export function zmscore({ space, args: [key = "", ...members] }: Call): Reply {
  const row = space.typed(key, "zset");
  return members.map((member) => printedScore(space, row, member));
}

/** Members, and scores where they were asked for, as replies have them. */
function listed(rows: readonly SqlRow[], scores: boolean): string[] {
  return rows.flatMap(({ name, value }) => (scores ? [String(name), formatScore(Number(value))] : [String(name)]));
}

/** A part of a WHERE clause and its parameters. */
interface ScoreRange {
  readonly sql: string;
  readonly parameters: readonly number[];
}

/** `min max` of the BYSCORE commands: numbers, `-inf`, `+inf`, `(` for exclusive. */
function scoreRange(min: string, max: string): ScoreRange {
  const low = scoreBound(min);
  const high = scoreBound(max);
  return {
    sql: `value ${low.exclusive ? ">" : ">="} ? AND value ${high.exclusive ? "<" : "<="} ?`,
    parameters: [low.value, high.value],
  };
}

function scoreBound(text: string): { value: number; exclusive: boolean } {
  const exclusive = text.startsWith("(");
  const value = boundValue(exclusive ? text.slice(1) : text);
  if (value === null) throw refuse(MIN_MAX_NOT_FLOAT);
  return { value, exclusive };
}

/** Here Redis takes what C's strtod makes of it: nothing at all is 0, space may lead, what overflows is infinite. */
function boundValue(text: string): number | null {
  if (text === "") return 0;
  const digits = text.replace(/^[ \t-\r]+/, "");
  const value = parseDouble(digits);
  if (value !== null) return value;
  return isDecimal(digits) ? Number(digits) : null;
}

/** Options behind the bounds of a range. */
interface RangeOptions {
  scores: boolean;
  offset: number;
  /** Negative: all. */
  limit: number;
}

function rangeOptions(args: readonly string[], limits: boolean): RangeOptions {
  const options: RangeOptions = { scores: false, offset: 0, limit: -1 };
  for (let i = 0; i < args.length; i++) {
    const option = (args[i] ?? "").toUpperCase();
    if (option === "WITHSCORES") options.scores = true;
    else if (option === "LIMIT" && limits && i + 2 < args.length) {
      options.offset = countArgument(args[i + 1] ?? "");
      options.limit = countArgument(args[i + 2] ?? "");
      i += 2;
    } else throw refuse(SYNTAX);
  }
  return options;
}

type Order = "ASC" | "DESC";

function select(where: string, order: Order): string {
  return `SELECT name, value FROM entries WHERE id = ? AND ${where} ORDER BY value ${order}, name ${order} LIMIT ? OFFSET ?`;
}

/** ZRANGE and ZREVRANGE: both ends are included, negative ones count from the end of the order. */
export function rangeByRank(order: Order) {
  return ({ space, args: [key = "", first = "", last = "", ...rest] }: Call): Reply => {
    const { scores } = rangeOptions(rest, false);
    const [start, stop] = [countArgument(first), countArgument(last)];
    const row = space.typed(key, "zset");
    if (!row) return [];
    // Ends that do not count from the end need no count.
    const size = start < 0 || stop < 0 ? space.count(row.id) : Number.MAX_SAFE_INTEGER;
    const from = Math.max(0, start < 0 ? size + start : start);
    const to = Math.min(size - 1, stop < 0 ? size + stop : stop);
    return from > to ? [] : listed(space.sql.exec(select("1", order), row.id, to - from + 1, from), scores);
  };
}

/** ZRANGEBYSCORE and ZREVRANGEBYSCORE, which names the high end first. Bounds are checked before the key is looked at, as Redis does. */
export function rangeByScore(order: Order) {
  return ({ space, args: [key = "", first = "", second = "", ...rest] }: Call): Reply => {
    const { scores, offset, limit } = rangeOptions(rest, true);
    const { sql, parameters } = order === "ASC" ? scoreRange(first, second) : scoreRange(second, first);
    const row = space.typed(key, "zset");
    if (!row || offset < 0) return [];
    return listed(space.sql.exec(select(sql, order), row.id, ...parameters, Math.max(-1, limit), offset), scores);
  };
}

/** Members with their scores, where those are in the range, both ends included, in order; for the twins. */
export function entriesByScore(
  space: Keyspace,
  key: string,
  from: number,
  to: number,
  limit = -1,
): (readonly [member: string, score: number])[] {
  const row = space.typed(key, "zset");
  if (!row) return [];
  return space.sql
    .exec(select("value >= ? AND value <= ?", "ASC"), row.id, from, to, limit, 0)
    .map(({ name, value }) => [String(name), Number(value)]);
}

export function zcount({ space, args: [key = "", min = "", max = ""] }: Call): Reply {
  const { sql, parameters } = scoreRange(min, max);
  const row = space.typed(key, "zset");
  if (!row) return 0;
  const [counted] = space.sql.exec(`SELECT COUNT(*) AS n FROM entries WHERE id = ? AND ${sql}`, row.id, ...parameters);
  return Number(counted?.["n"]);
}

/** ZREMRANGEBYSCORE, for the twins as well. */
export function removeByScore(space: Keyspace, key: string, min: string, max: string): number {
  const { sql, parameters } = scoreRange(min, max);
  const row = space.typed(key, "zset");
  if (!row) return 0;
  const removed = space.sql.exec(`DELETE FROM entries WHERE id = ? AND ${sql} RETURNING 1`, row.id, ...parameters);
  if (removed.length > 0) space.dropIfEmpty(row);
  return removed.length;
}

export function zremrangebyscore({ space, args: [key = "", min = "", max = ""] }: Call): Reply {
  return removeByScore(space, key, min, max);
}
