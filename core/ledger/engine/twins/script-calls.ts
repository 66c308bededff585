import { RedisReplyError } from "../../contract/redis-port.ts";
import { incrementField } from "../commands/hashes-and-sets.ts";
import { pushLast } from "../commands/lists.ts";
import { HASH_NOT_AN_INTEGER, NO_SUCH_KEY, refuse } from "../errors.ts";
import type { Keyspace, KeyRow } from "../keyspace.ts";

/** The commands that the scripts of unlocker and payer call inside, on the embedded ledger, counted as Upstash would bill them. */
export class ScriptCalls {
  /** The call of the script itself counts as well. */
  billed = 1;
  readonly #space: Keyspace;

  constructor(space: Keyspace) {
    this.#space = space;
  }

  /** GET. */
  get(key: string): string | null {
    this.billed += 1;
    return this.#space.text(key);
  }

  /** SET. */
  set(key: string, value: string): void {
    this.billed += 1;
    this.#space.setText(key, value, null);
  }

  zscore(key: string, member: string): number | null {
    const row = this.#read(key, "zset");
    const score = row ? this.#space.entry(row.id, member) : undefined;
    return score === undefined ? null : Number(score);
  }

  hget(key: string, name: string): string | null {
    return this.hmget(key, [name])[0] ?? null;
  }

  hmget(key: string, names: readonly string[]): (string | null)[] {
    const row = this.#read(key, "hash");
    return names.map((name) => {
      const value = row ? this.#space.entry(row.id, name) : undefined;
      return value === undefined ? null : String(value);
    });
  }

  /** HLEN or ZCARD. */
  size(key: string, type: "hash" | "zset"): number {
    const row = this.#read(key, type);
    return row ? this.#space.count(row.id) : 0;
  }

  exists(key: string): boolean {
    this.billed += 1;
    return this.#space.find(key) !== null;
  }

  /** TYPE. */
  type(key: string): string {
    this.billed += 1;
    return this.#space.find(key)?.type ?? "none";
  }

  hincrby(key: string, name: string, by: string): void {
    this.billed += 1;
    incrementField(this.#space, key, name, by);
  }

  hset(key: string, fields: readonly (readonly [name: string, value: string])[]): void {
    this.billed += 1;
    const { id } = this.#space.open(key, "hash");
    for (const [name, value] of fields) this.#space.put(id, name, value);
  }

  hdel(key: string, names: readonly string[]): void {
    this.#space.removeAll(this.#read(key, "hash"), names);
  }

  zadd(key: string, score: string, member: string): void {
    this.billed += 1;
    this.#space.put(this.#space.open(key, "zset").id, member, Number(score));
  }

  zrem(key: string, member: string): void {
    this.#space.removeAll(this.#read(key, "zset"), [member]);
  }

  /** SADD or SREM. */
  setMember(key: string, member: string, wanted: boolean): void {
    const row = this.#read(key, "set");
    if (!wanted) this.#space.removeAll(row, [member]);
    else if (row === null || this.#space.entry(row.id, member) === undefined)
      this.#space.put(this.#space.open(key, "set").id, member, null);
  }

  rpushx(key: string, values: readonly string[]): void {
    if (this.#read(key, "list")) pushLast(this.#space, key, values);
  }

  rename(from: string, to: string): void {
    this.billed += 1;
    const row = this.#space.find(from);
    if (!row) throw refuse(NO_SUCH_KEY);
    this.#space.rename(row, to);
  }

  del(key: string): void {
    this.billed += 1;
    this.#space.dropKey(key);
  }

  #read(key: string, type: "hash" | "list" | "set" | "zset"): KeyRow | null {
    this.billed += 1;
    return this.#space.typed(key, type);
  }
}

/** `redis.pcall`: a refusal as null. */
export function attempt<T>(work: () => T): T | null {
  try {
    return work();
  } catch (error) {
    if (error instanceof RedisReplyError) return null;
    throw error;
  }
}

/** The prelude's `whole`: a sum that an increment of as many digits cannot overflow. */
export function isWhole(value: string | null): boolean {
  return value === null || value === "0" || (value.length <= 18 && /^-?[1-9]\d*$/.test(value));
}

/** The prelude's `natural`. */
export const isNatural = (value: string): boolean => /^\d+$/.test(value);

/** @throws RedisReplyError where a value is no whole sum */
export function needWhole(...values: readonly (string | null)[]): void {
  if (!values.every(isWhole)) throw refuse(HASH_NOT_AN_INTEGER);
}
