import {
  RedisReplyError,
  type RedisCommand,
  type RedisPort,
  type RedisValue,
} from "../../core/ledger/contract/redis-port.ts";

/**
 * The few commands that the API uses, in memory, so that its figures can be tested against thousands of random ledgers. That
 * it answers as Redis does is shown by running the same golden ledger through it, a real Redis and the embedded ledger.
 */
export class MemoryRedis implements RedisPort {
  readonly #hashes = new Map<string, Map<string, string>>();
  readonly #sets = new Map<string, Map<string, number>>();
  /** Every command that was asked. */
  readonly log: RedisCommand[] = [];

  async command(command: RedisCommand): Promise<RedisValue> {
    const [reply] = await this.pipeline([command]);
    if (reply instanceof RedisReplyError) throw reply;
    return reply ?? null;
  }

  async pipeline(commands: readonly RedisCommand[]): Promise<(RedisValue | RedisReplyError)[]> {
    return commands.map((command) => {
      this.log.push(command);
      const [name, ...args] = command;
      return this.#run(name, args.map(String));
    });
  }

  #run(name: string, args: string[]): RedisValue | RedisReplyError {
    const [key = "", ...rest] = args;
    switch (name) {
      case "HSET": {
        const hash = upsert(this.#hashes, key);
        for (let i = 0; i + 1 < rest.length; i += 2) hash.set(rest[i] ?? "", rest[i + 1] ?? "");
        return rest.length / 2;
      }
      case "HGET":
        return this.#hashes.get(key)?.get(rest[0] ?? "") ?? null;
      case "HMGET":
        return rest.map((field) => this.#hashes.get(key)?.get(field) ?? null);
      case "HLEN":
        return this.#hashes.get(key)?.size ?? 0;
      case "HSCAN":
        return ["0", [...(this.#hashes.get(key) ?? [])].flat()];
      case "HGETALL":
        if (this.#sets.has(key)) return new RedisReplyError("WRONGTYPE Operation against a key of the wrong kind");
        return [...(this.#hashes.get(key) ?? [])].flat();
      case "ZADD": {
        const set = upsert(this.#sets, key);
        for (let i = 0; i + 1 < rest.length; i += 2) set.set(rest[i + 1] ?? "", Number(rest[i]));
        return rest.length / 2;
      }
      case "ZCARD":
        return this.#sets.get(key)?.size ?? 0;
      case "ZCOUNT":
        return this.#byScore(key, rest[0], rest[1]).length;
      case "ZREVRANGEBYSCORE": {
        const [max, min, , , offset, count] = rest;
        const found = this.#byScore(key, min, max).toReversed();
        return found.slice(Number(offset), Number(offset) + Number(count)).flatMap(([m, s]) => [m, String(s)]);
      }
      case "ZREVRANGE":
        return this.#byScore(key, "-inf", "+inf")
          .toReversed()
          .slice(0, Number(rest[1]) + 1)
          .flatMap(([member, score]) => [member, String(score)]);
      case "ZREMRANGEBYSCORE": {
        const gone = this.#byScore(key, rest[0], rest[1]);
        for (const [member] of gone) this.#sets.get(key)?.delete(member);
        return gone.length;
      }
      case "SCAN": {
        const keys = [...this.#hashes.keys(), ...this.#sets.keys()];
        const start = rest[1] ?? "";
        const from = Number(key);
        const next = from + Number(rest[3]);
        const named = keys.slice(from, next).filter((found) => found.startsWith(start.slice(0, -1)));
        return [next < keys.length ? String(next) : "0", named];
      }
      default:
        return new RedisReplyError(`ERR unknown command '${name}'`);
    }
  }

  #byScore(key: string, min = "-inf", max = "+inf"): [string, number][] {
    const low = bound(min);
    const high = bound(max);
    return [...(this.#sets.get(key) ?? [])]
      .filter(([, s]) => (low.open ? s > low.at : s >= low.at) && (high.open ? s < high.at : s <= high.at))
      .toSorted(([a, sa], [b, sb]) => sa - sb || (a < b ? -1 : 1));
  }
}

function bound(text: string): { at: number; open: boolean } {
  const open = text.startsWith("(");
  return { at: Number(text.replace("(", "").replace("inf", "Infinity")), open };
}

function upsert<T>(map: Map<string, Map<string, T>>, key: string): Map<string, T> {
  const known = map.get(key);
  if (known) return known;
  const made = new Map<string, T>();
  map.set(key, made);
  return made;
}
