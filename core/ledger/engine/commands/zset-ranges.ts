import { read, write, type Call, type CommandTable, type Reply } from "../command.ts";
import { refuse, SYNTAX } from "../errors.ts";
import type { KeyRow, Keyspace } from "../keyspace.ts";
import { countArgument } from "../numbers.ts";
import { indexRange, lexCondition, scoreCondition, type Condition } from "../score-range.ts";
import type { SqlValue } from "../sql-port.ts";
import { putScore, withScores } from "./zsets.ts";

/** A range of a sorted set, whichever command asks for it. */
interface RangeRequest {
  readonly by: "index" | "score" | "lex";
  readonly reverse: boolean;
  /** In the order low, high for score and lex. */
  readonly min: string;
  readonly max: string;
  readonly offset: number;
  /** Negative: all. */
  readonly limit: number;
  readonly scores: boolean;
}

interface RangeOptions {
  /** Null until an option says it. */
  by: RangeRequest["by"] | null;
  reverse: boolean;
  offset: number;
  limit: number;
  scores: boolean;
}

/** Which options a command knows. */
type Allowed = ReadonlySet<"BYSCORE" | "BYLEX" | "REV" | "LIMIT" | "WITHSCORES">;

function rangeOptions(args: readonly string[], allowed: ReadonlySet<string>): RangeOptions {
  const options: RangeOptions = { by: null, reverse: false, offset: 0, limit: -1, scores: false };
  for (let i = 0; i < args.length; i++) {
    const option = (args[i] ?? "").toUpperCase();
    if (!allowed.has(option)) throw refuse(SYNTAX);
    if (option === "WITHSCORES") options.scores = true;
    else if (option === "LIMIT" && i + 2 < args.length) {
      options.offset = countArgument(args[i + 1] ?? "");
      options.limit = countArgument(args[i + 2] ?? "");
      i += 2;
    } else if (option === "REV" && !options.reverse) options.reverse = true;
    else if (option === "BYSCORE" && options.by === null) options.by = "score";
    else if (option === "BYLEX" && options.by === null) options.by = "lex";
    else throw refuse(SYNTAX);
  }
  return options;
}

function checkOptions(by: RangeRequest["by"], { limit, scores }: RangeOptions): void {
  // Redis lets a LIMIT of -1 pass, which limits nothing.
  if (limit !== -1 && by === "index")
    throw refuse("ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX");
  if (scores && by === "lex") throw refuse("ERR syntax error, WITHSCORES not supported in combination with BYLEX");
}

function request(args: readonly string[], allowed: Allowed, kind: RangeRequest["by"], reversed: boolean): RangeRequest {
  const [start = "", stop = "", ...rest] = args;
  const options = rangeOptions(rest, allowed);
  const by = options.by ?? kind;
  checkOptions(by, options);
  const reverse = reversed || options.reverse;
  // Reversed ranges by score and lex name the high end first; by index they count from the high end.
  const swap = reverse && by !== "index";
  return { ...options, by, reverse, min: swap ? stop : start, max: swap ? start : stop };
}

function condition({ by, min, max }: RangeRequest): Condition {
  return by === "score" ? scoreCondition(min, max) : lexCondition(min, max);
}

/** Bounds are checked before the key is looked at, as Redis does. @returns how to read the rows of a key */
function reader(wanted: RangeRequest): (space: Keyspace, row: KeyRow) => SqlValue[][] {
  const order = wanted.reverse ? "DESC" : "ASC";
  const select = (where: string) =>
    `SELECT name, value FROM entries WHERE id = ? AND ${where} ORDER BY value ${order}, name ${order} LIMIT ? OFFSET ?`;
  if (wanted.by === "index") {
    const start = countArgument(wanted.min);
    const stop = countArgument(wanted.max);
    return (space, row) => {
      // Ends that do not count from the end need no count.
      const size = start < 0 || stop < 0 ? space.count(row.id) : Number.MAX_SAFE_INTEGER;
      const found = indexRange(start, stop, size);
      return found ? space.sql.query(select("1"), row.id, found.length, found.offset) : [];
    };
  }
  const { sql, parameters } = condition(wanted);
  return (space, row) =>
    wanted.offset < 0
      ? []
      : space.sql.query(select(sql), row.id, ...parameters, wanted.limit < 0 ? -1 : wanted.limit, wanted.offset);
}

function range(allowed: Allowed, by: RangeRequest["by"], reversed: boolean) {
  return ({ space, args: [key = "", ...rest] }: Call): Reply => {
    const wanted = request(rest, allowed, by, reversed);
    const rows = reader(wanted);
    const row = space.typed(key, "zset");
    return row ? withScores(rows(space, row), wanted.scores) : [];
  };
}

const BY_SCORE: Allowed = new Set(["LIMIT", "WITHSCORES"]);
const BY_LEX: Allowed = new Set(["LIMIT"]);
const BY_INDEX: Allowed = new Set(["WITHSCORES"]);
const ANY: Allowed = new Set(["BYSCORE", "BYLEX", "REV", "LIMIT", "WITHSCORES"]);
const STORE: Allowed = new Set(["BYSCORE", "BYLEX", "REV", "LIMIT"]);

function zrangestore({ space, args: [target = "", source = "", ...rest] }: Call): Reply {
  const rows = reader(request(rest, STORE, "index", false));
  const row = space.typed(source, "zset");
  return storeScores(space, target, row ? rows(space, row) : []);
}

/** Replaces what `target` held. @returns how many members it has now */
export function storeScores(space: Keyspace, target: string, rows: readonly SqlValue[][]): number {
  space.dropKey(target);
  if (rows.length === 0) return 0;
  const row = space.open(target, "zset");
  for (const [name, value] of rows) putScore(space, row, String(name), Number(value));
  return rows.length;
}

function count(by: "score" | "lex") {
  return ({ space, args: [key = "", min = "", max = ""] }: Call): Reply => {
    const { sql, parameters } = by === "score" ? scoreCondition(min, max) : lexCondition(min, max);
    const row = space.typed(key, "zset");
    if (!row) return 0;
    const [counted] = space.sql.query(`SELECT COUNT(*) FROM entries WHERE id = ? AND ${sql}`, row.id, ...parameters);
    return Number(counted?.[0] ?? 0);
  };
}

function removeWhere(space: Keyspace, row: KeyRow, { sql, parameters }: Condition): number {
  const removed = space.sql.query(`DELETE FROM entries WHERE id = ? AND ${sql} RETURNING 1`, row.id, ...parameters);
  if (removed.length > 0) space.dropIfEmpty(row);
  return removed.length;
}

/** ZREMRANGEBYSCORE for the scripts as well. */
export function removeByScore(space: Keyspace, key: string, min: string, max: string): number {
  const wanted = scoreCondition(min, max);
  const row = space.typed(key, "zset");
  return row ? removeWhere(space, row, wanted) : 0;
}

function zremrangebylex({ space, args: [key = "", min = "", max = ""] }: Call): Reply {
  const wanted = lexCondition(min, max);
  const row = space.typed(key, "zset");
  return row ? removeWhere(space, row, wanted) : 0;
}

function zremrangebyrank({ space, args: [key = "", start = "", stop = ""] }: Call): Reply {
  const [from, to] = [countArgument(start), countArgument(stop)];
  const row = space.typed(key, "zset");
  const found = row && indexRange(from, to, space.count(row.id));
  if (!found) return 0;
  const rows = space.sql.query(
    "SELECT name FROM entries WHERE id = ? ORDER BY value, name LIMIT ? OFFSET ?",
    row.id,
    found.length,
    found.offset,
  );
  for (const [name] of rows) space.remove(row.id, String(name));
  if (rows.length > 0) space.dropIfEmpty(row);
  return rows.length;
}

export const ZSET_RANGE_COMMANDS: CommandTable = {
  zrange: read(-4, range(ANY, "index", false)),
  zrevrange: read(-4, range(BY_INDEX, "index", true)),
  zrangebyscore: read(-4, range(BY_SCORE, "score", false)),
  zrevrangebyscore: read(-4, range(BY_SCORE, "score", true)),
  zrangebylex: read(-4, range(BY_LEX, "lex", false)),
  zrevrangebylex: read(-4, range(BY_LEX, "lex", true)),
  zrangestore: write(-5, zrangestore),
  zcount: read(4, count("score")),
  zlexcount: read(4, count("lex")),
  zremrangebyscore: write(4, ({ space, args: [key = "", min = "", max = ""] }) => removeByScore(space, key, min, max)),
  zremrangebylex: write(4, zremrangebylex),
  zremrangebyrank: write(4, zremrangebyrank),
};
