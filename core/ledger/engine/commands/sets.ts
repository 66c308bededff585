import { read, write, type Call, type CommandTable, type Reply } from "../command.ts";
import { refuse, SYNTAX } from "../errors.ts";
import type { Keyspace } from "../keyspace.ts";
import { countArgument, integerArgument } from "../numbers.ts";
import { choose, chooseArguments } from "../random-choice.ts";

function members(space: Keyspace, key: string): string[] {
  const row = space.typed(key, "set");
  return row ? space.names(row.id) : [];
}

function sadd({ space, args: [key = "", ...names] }: Call): Reply {
  const row = space.open(key, "set");
  let added = 0;
  for (const name of names) {
    if (space.entry(row.id, name) !== undefined) continue;
    space.put(row.id, name, null);
    added++;
  }
  return added;
}

function srem({ space, args: [key = "", ...names] }: Call): Reply {
  const row = space.typed(key, "set");
  if (!row) return 0;
  const removed = names.filter((name) => space.remove(row.id, name)).length;
  if (removed > 0) space.dropIfEmpty(row);
  return removed;
}

function contains({ space, args: [key = "", ...names] }: Call): number[] {
  const row = space.typed(key, "set");
  return names.map((name) => (row && space.entry(row.id, name) !== undefined ? 1 : 0));
}

function spop(call: Call): Reply {
  const [key = "", count] = call.args;
  if (call.args.length > 2) throw refuse(SYNTAX);
  const wanted = count === undefined ? 1 : countArgument(count, "ERR value is out of range, must be positive");
  if (wanted < 0) throw refuse("ERR value is out of range, must be positive");
  const row = call.space.typed(key, "set");
  const chosen = row ? choose(call.space.names(row.id), wanted, call.random) : [];
  if (row) {
    for (const name of chosen) call.space.remove(row.id, name);
    call.space.dropIfEmpty(row);
  }
  return count === undefined ? (chosen[0] ?? null) : chosen;
}

function srandmember(call: Call): Reply {
  const { count } = chooseArguments(call, null);
  const names = members(call.space, call.args[0] ?? "");
  return count === null ? (choose(names, 1, call.random)[0] ?? null) : choose(names, count, call.random);
}

function smove({ space, args: [source = "", target = "", name = ""] }: Call): Reply {
  const from = space.typed(source, "set");
  if (!from) return 0;
  space.typed(target, "set");
  if (source === target) return space.entry(from.id, name) === undefined ? 0 : 1;
  if (!space.remove(from.id, name)) return 0;
  space.dropIfEmpty(from);
  space.put(space.open(target, "set").id, name, null);
  return 1;
}

type Algebra = (sets: readonly (readonly string[])[]) => string[];

const inter: Algebra = ([first = [], ...others]) => {
  const rest = others.map((set) => new Set(set));
  return first.filter((name) => rest.every((set) => set.has(name)));
};
const union: Algebra = (sets) => [...new Set(sets.flat())];
const diff: Algebra = ([first = [], ...others]) => {
  const rest = new Set(others.flat());
  return first.filter((name) => !rest.has(name));
};

function combine(algebra: Algebra) {
  return ({ space, args }: Call): Reply => algebra(args.map((key) => members(space, key)));
}

function combineStore(algebra: Algebra) {
  return ({ space, args: [target = "", ...keys] }: Call): Reply => {
    const names = algebra(keys.map((key) => members(space, key)));
    space.dropKey(target);
    if (names.length === 0) return 0;
    const row = space.open(target, "set");
    for (const name of names) space.put(row.id, name, null);
    return names.length;
  };
}

function sintercard({ space, args: [amount = "", ...rest] }: Call): Reply {
  const count = countArgument(amount, "ERR numkeys should be greater than 0");
  if (count <= 0) throw refuse("ERR numkeys should be greater than 0");
  if (count > rest.length) throw refuse("ERR Number of keys can't be greater than number of args");
  const [option, argument = "", ...more] = rest.slice(count);
  let limit = 0n;
  if (option !== undefined) {
    if (option.toUpperCase() !== "LIMIT" || more.length > 0 || rest.length !== count + 2) throw refuse(SYNTAX);
    limit = integerArgument(argument, "ERR LIMIT can't be negative");
    if (limit < 0n) throw refuse("ERR LIMIT can't be negative");
  }
  const size = inter(rest.slice(0, count).map((key) => members(space, key))).length;
  return limit > 0n && BigInt(size) > limit ? limit : size;
}

export const SET_COMMANDS: CommandTable = {
  sadd: write(-3, sadd),
  srem: write(-3, srem),
  smembers: read(2, ({ space, args: [key = ""] }) => members(space, key)),
  sismember: read(3, (call) => contains(call)[0] ?? 0),
  smismember: read(-3, contains),
  scard: read(2, ({ space, args: [key = ""] }) => {
    const row = space.typed(key, "set");
    return row ? space.count(row.id) : 0;
  }),
  spop: write(-2, spop),
  srandmember: read(-2, srandmember),
  smove: write(4, smove),
  sinter: read(-2, combine(inter)),
  sunion: read(-2, combine(union)),
  sdiff: read(-2, combine(diff)),
  sinterstore: write(-3, combineStore(inter)),
  sunionstore: write(-3, combineStore(union)),
  sdiffstore: write(-3, combineStore(diff)),
  sintercard: read(-3, sintercard),
};
