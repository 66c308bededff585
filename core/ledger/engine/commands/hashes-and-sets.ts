import { pairs, type Call, type Reply } from "../command.ts";
import { HASH_NOT_AN_INTEGER, OVERFLOW, refuse, wrongArity } from "../errors.ts";
import type { Entry, Keyspace } from "../keyspace.ts";
import { fitsInt64, integerArgument, parseInt64 } from "../values.ts";

function field(space: Keyspace, key: string, name: string): string | null {
  const row = space.typed(key, "hash");
  const value = row ? space.entry(row.id, name) : undefined;
  return value === undefined ? null : String(value);
}

function all({ space, args: [key = ""] }: Call): Entry[] {
  const row = space.typed(key, "hash");
  return row ? space.entries(row.id) : [];
}

export function hset({ space, name: command, args: [key = "", ...rest] }: Call): Reply {
  if (rest.length % 2 !== 0) throw wrongArity(command);
  const row = space.open(key, "hash");
  let added = 0;
  for (const [name, value] of pairs(rest)) {
    if (space.entry(row.id, name) === undefined) added++;
    space.put(row.id, name, value);
  }
  return added;
}

export function hsetnx({ space, args: [key = "", name = "", value = ""] }: Call): Reply {
  const row = space.open(key, "hash");
  if (space.entry(row.id, name) !== undefined) return 0;
  space.put(row.id, name, value);
  return 1;
}

export function hdel({ space, args: [key = "", ...names] }: Call): Reply {
  return space.removeAll(space.typed(key, "hash"), names);
}

/** What HINCRBY makes of a field. @param before null where there is no such field @throws RedisReplyError where it is no integer, or overflows */
export function incremented(before: string | null, by: bigint): bigint {
  const value = before === null ? 0n : parseInt64(before);
  if (value === null) throw refuse(HASH_NOT_AN_INTEGER);
  const sum = value + by;
  if (!fitsInt64(sum)) throw refuse(OVERFLOW);
  return sum;
}

/** HINCRBY, for the twins as well. @param amount decimal @returns the sum */
export function incrementField(space: Keyspace, key: string, name: string, amount: string): bigint {
  const by = integerArgument(amount);
  const sum = incremented(field(space, key, name), by);
  space.put(space.open(key, "hash").id, name, String(sum));
  return sum;
}

export function hincrby({ space, args: [key = "", name = "", amount = ""] }: Call): Reply {
  return incrementField(space, key, name, amount);
}

export function hget({ space, args: [key = "", name = ""] }: Call): Reply {
  return field(space, key, name);
}

export function hmget({ space, args: [key = "", ...names] }: Call): Reply {
  const row = space.typed(key, "hash");
  return names.map((name) => {
    const value = row ? space.entry(row.id, name) : undefined;
    return value === undefined ? null : String(value);
  });
}

export function hgetall(call: Call): Reply {
  return all(call).flatMap(({ name, value }) => [name, String(value)]);
}

export function hvals(call: Call): Reply {
  return all(call).map(({ value }) => String(value));
}

export function sadd({ space, args: [key = "", ...names] }: Call): Reply {
  const row = space.open(key, "set");
  let added = 0;
  for (const name of names) {
    if (space.entry(row.id, name) !== undefined) continue;
    space.put(row.id, name, null);
    added++;
  }
  return added;
}

export function srem({ space, args: [key = "", ...names] }: Call): Reply {
  return space.removeAll(space.typed(key, "set"), names);
}

export function sismember({ space, args: [key = "", name = ""] }: Call): Reply {
  const row = space.typed(key, "set");
  return row && space.entry(row.id, name) !== undefined ? 1 : 0;
}

export function smembers({ space, args: [key = ""] }: Call): Reply {
  const row = space.typed(key, "set");
  return row ? space.entries(row.id).map(({ name }) => name) : [];
}
