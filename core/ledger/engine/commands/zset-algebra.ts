import { read, write, type Call, type CommandTable, type Reply } from "../command.ts";
import { refuse, SYNTAX, WRONG_TYPE } from "../errors.ts";
import type { Keyspace } from "../keyspace.ts";
import { countArgument, doubleArgument, integerArgument } from "../numbers.ts";
import type { SqlValue } from "../sql-port.ts";
import { storeScores } from "./zset-ranges.ts";
import { withScores } from "./zsets.ts";

type Kind = "union" | "inter" | "diff";
type Scores = Map<string, number>;

const AGGREGATES: Readonly<Record<string, (a: number, b: number) => number>> = {
  // Redis takes infinity minus infinity as 0 here.
  SUM: (a, b) => (Number.isNaN(a + b) ? 0 : a + b),
  MIN: Math.min,
  MAX: Math.max,
};

interface AlgebraRequest {
  readonly keys: readonly string[];
  readonly weights: readonly number[];
  readonly aggregate: (a: number, b: number) => number;
  readonly scores: boolean;
}

/** `numkeys key…`; the types of the keys are looked at before the options, as Redis does. */
function keysArgument({ space, name }: Call, args: readonly string[]): { keys: string[]; rest: string[] } {
  const count = countArgument(args[0] ?? "");
  if (count < 1) throw refuse(`ERR at least 1 input key is needed for '${name}' command`);
  if (count > args.length - 1) throw refuse(SYNTAX);
  const keys = args.slice(1, 1 + count);
  for (const key of keys) {
    const type = space.find(key)?.type ?? "zset";
    if (type !== "zset" && type !== "set") throw refuse(WRONG_TYPE);
  }
  return { keys, rest: args.slice(1 + count) };
}

/** `numkeys key… [WEIGHTS w…] [AGGREGATE SUM|MIN|MAX] [WITHSCORES]` */
function algebraRequest(call: Call, args: readonly string[], kind: Kind, stores: boolean): AlgebraRequest {
  const { keys, rest } = keysArgument(call, args);
  let weights = keys.map(() => 1);
  let aggregate = AGGREGATES["SUM"]!;
  let scores = false;
  for (let i = 0; i < rest.length;) {
    const option = (rest[i] ?? "").toUpperCase();
    if (kind !== "diff" && option === "WEIGHTS" && rest.length - i > keys.length) {
      weights = rest.slice(i + 1, i + 1 + keys.length).map((w) => doubleArgument(w, "ERR weight value is not a float"));
      i += 1 + keys.length;
    } else if (kind !== "diff" && option === "AGGREGATE" && i + 1 < rest.length) {
      const chosen = AGGREGATES[(rest[i + 1] ?? "").toUpperCase()];
      if (!chosen) throw refuse(SYNTAX);
      aggregate = chosen;
      i += 2;
    } else if (!stores && option === "WITHSCORES") {
      scores = true;
      i += 1;
    } else throw refuse(SYNTAX);
  }
  return { keys, weights, aggregate, scores };
}

/** A plain set counts as a sorted set whose scores are 1. */
function scoresOf(space: Keyspace, key: string, weight: number): Scores {
  const row = space.find(key);
  if (!row) return new Map();
  return new Map(
    space.entries(row.id).map(([name, value]) => {
      const score = (value === null ? 1 : Number(value)) * weight;
      return [String(name), Number.isNaN(score) ? 0 : score];
    }),
  );
}

function combine(space: Keyspace, kind: Kind, { keys, weights, aggregate }: AlgebraRequest): Scores {
  const sets = keys.map((key, i) => scoresOf(space, key, weights[i] ?? 1));
  const [first = new Map<string, number>(), ...others] = sets;
  const result: Scores = new Map(first);
  for (const other of others) {
    if (kind === "union") {
      for (const [name, score] of other) {
        const before = result.get(name);
        result.set(name, before === undefined ? score : aggregate(before, score));
      }
      continue;
    }
    for (const [name, before] of result) {
      const score = other.get(name);
      if ((score === undefined) === (kind === "inter")) result.delete(name);
      else if (score !== undefined) result.set(name, aggregate(before, score));
    }
  }
  return result;
}

/** By score, then by the bytes of the member. */
function sorted(scores: Scores): SqlValue[][] {
  return [...scores].toSorted(([a, x], [b, y]) => x - y || compareBytes(a, b));
}

/** UTF-16 order differs from the order of UTF-8 bytes only above the surrogates; code points do not. */
function compareBytes(a: string, b: string): number {
  const left = Array.from(a, (c) => c.codePointAt(0) ?? 0);
  const right = Array.from(b, (c) => c.codePointAt(0) ?? 0);
  const at = left.findIndex((code, i) => code !== right[i]);
  return at === -1 ? left.length - right.length : (left[at] ?? 0) - (right[at] ?? -1);
}

function reply(kind: Kind) {
  return (call: Call): Reply => {
    const request = algebraRequest(call, call.args, kind, false);
    return withScores(sorted(combine(call.space, kind, request)), request.scores);
  };
}

function store(kind: Kind) {
  return (call: Call): Reply => {
    const [target = "", ...rest] = call.args;
    const request = algebraRequest(call, rest, kind, true);
    return storeScores(call.space, target, sorted(combine(call.space, kind, request)));
  };
}

function zintercard(call: Call): Reply {
  const { keys, rest } = keysArgument(call, call.args);
  const [option, argument = "", ...more] = rest;
  let limit = 0n;
  if (option !== undefined) {
    if (option.toUpperCase() !== "LIMIT" || rest.length !== 2 || more.length > 0) throw refuse(SYNTAX);
    limit = integerArgument(argument, "ERR LIMIT can't be negative");
    if (limit < 0n) throw refuse("ERR LIMIT can't be negative");
  }
  const plain = { keys, weights: keys.map(() => 1), aggregate: Math.min, scores: false };
  const size = combine(call.space, "inter", plain).size;
  return limit > 0n && BigInt(size) > limit ? limit : size;
}

export const ZSET_ALGEBRA_COMMANDS: CommandTable = {
  zunion: read(-3, reply("union")),
  zinter: read(-3, reply("inter")),
  zdiff: read(-3, reply("diff")),
  zunionstore: write(-4, store("union")),
  zinterstore: write(-4, store("inter")),
  zdiffstore: write(-4, store("diff")),
  zintercard: read(-3, zintercard),
};
