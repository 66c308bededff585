import { pairs, read, write, type Call, type CommandTable, type Reply } from "../command.ts";
import {
  HASH_NOT_A_FLOAT,
  HASH_NOT_AN_INTEGER,
  NAN_OR_INFINITY,
  NOT_A_FLOAT,
  OVERFLOW,
  refuse,
  SYNTAX,
  wrongArity,
} from "../errors.ts";
import type { Keyspace } from "../keyspace.ts";
import { addDecimals, isInfinite } from "../long-double.ts";
import { fitsInt64, integerArgument, parseInt64 } from "../numbers.ts";
import { bytesOf } from "../bytes.ts";
import { chooseArguments, choose } from "../random-choice.ts";
import type { SqlValue } from "../sql-port.ts";

function field(space: Keyspace, key: string, name: string): string | null {
  const row = space.typed(key, "hash");
  const value = row ? space.entry(row.id, name) : undefined;
  return value === undefined ? null : String(value);
}

function all(call: Call): SqlValue[][] {
  const row = call.space.typed(call.args[0] ?? "", "hash");
  return row ? call.space.entries(row.id) : [];
}

function hset(call: Call): Reply {
  const [key = "", ...rest] = call.args;
  if (rest.length % 2 !== 0) throw wrongArity(call.name);
  const row = call.space.open(key, "hash");
  let added = 0;
  for (const [name, value] of pairs(rest)) {
    if (call.space.entry(row.id, name) === undefined) added++;
    call.space.put(row.id, name, value);
  }
  return call.name === "hmset" ? "OK" : added;
}

function hsetnx({ space, args: [key = "", name = "", value = ""] }: Call): Reply {
  const row = space.open(key, "hash");
  if (space.entry(row.id, name) !== undefined) return 0;
  space.put(row.id, name, value);
  return 1;
}

function hdel({ space, args: [key = "", ...names] }: Call): Reply {
  const row = space.typed(key, "hash");
  if (!row) return 0;
  const removed = names.filter((name) => space.remove(row.id, name)).length;
  if (removed > 0) space.dropIfEmpty(row);
  return removed;
}

/** HINCRBY, for the scripts as well. @param amount decimal @returns the sum */
export function incrementField(space: Keyspace, key: string, name: string, amount: string): bigint {
  const by = integerArgument(amount);
  const before = field(space, key, name);
  const value = before === null ? 0n : parseInt64(before);
  if (value === null) throw refuse(HASH_NOT_AN_INTEGER);
  const sum = value + by;
  if (!fitsInt64(sum)) throw refuse(OVERFLOW);
  space.put(space.open(key, "hash").id, name, String(sum));
  return sum;
}

function hincrbyfloat({ space, args: [key = "", name = "", by = ""] }: Call): Reply {
  if (isInfinite(by)) throw refuse("ERR value is NaN or Infinity");
  if (addDecimals("0", by) === "invalid") throw refuse(NOT_A_FLOAT);
  const added = addDecimals(field(space, key, name) ?? "0", by);
  if (added === "invalid") throw refuse(HASH_NOT_A_FLOAT);
  if (added === "infinite") throw refuse(NAN_OR_INFINITY);
  space.put(space.open(key, "hash").id, name, added.sum);
  return added.sum;
}

function hrandfield(call: Call): Reply {
  const { count, withValues } = chooseArguments(call, "WITHVALUES");
  const rows = all(call);
  if (count === null) return choose(rows, 1, call.random).map(([name]) => String(name))[0] ?? null;
  return choose(rows, count, call.random).flatMap(([name, value]) =>
    withValues ? [String(name), String(value)] : [String(name)],
  );
}

function hmget({ space, args: [key = "", ...names] }: Call): Reply {
  const row = space.typed(key, "hash");
  return names.map((name) => {
    const value = row ? space.entry(row.id, name) : undefined;
    return value === undefined ? null : String(value);
  });
}

function hgetall(call: Call): Reply {
  if (call.args.length !== 1) throw refuse(SYNTAX);
  return all(call).flatMap(([name, value]) => [String(name), String(value)]);
}

export const HASH_COMMANDS: CommandTable = {
  hset: write(-4, hset),
  hmset: write(-4, hset),
  hsetnx: write(4, hsetnx),
  hget: read(3, ({ space, args: [key = "", name = ""] }) => field(space, key, name)),
  hmget: read(-3, hmget),
  hgetall: read(2, hgetall),
  hkeys: read(2, (call) => all(call).map(([name]) => String(name))),
  hvals: read(2, (call) => all(call).map(([, value]) => String(value))),
  hdel: write(-3, hdel),
  hexists: read(3, ({ space, args: [key = "", name = ""] }) => (field(space, key, name) === null ? 0 : 1)),
  hlen: read(2, ({ space, args: [key = ""] }) => {
    const row = space.typed(key, "hash");
    return row ? space.count(row.id) : 0;
  }),
  hstrlen: read(3, ({ space, args: [key = "", name = ""] }) => bytesOf(field(space, key, name) ?? "").length),
  hincrby: write(4, ({ space, args: [key = "", name = "", amount = ""] }) => incrementField(space, key, name, amount)),
  hincrbyfloat: write(4, hincrbyfloat),
  hrandfield: read(-2, hrandfield),
};
