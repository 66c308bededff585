import type { Reply } from "../command.ts";
import { NO_SUCH_KEY, refuse } from "../errors.ts";
import type { Keyspace } from "../keyspace.ts";
import { attempt, isWhole, needWhole, ScriptCalls } from "./script-calls.ts";
import { MOVE_CODES, pairsFrom } from "./move-codes.ts";

const { gone, done, before, replaced, incomplete } = MOVE_CODES;

/** Native twin of the script `to-immature`: the same keys, arguments, replies and writes. */
export function toImmature(space: Keyspace, keys: readonly string[], argv: readonly string[]): Reply {
  return space.sql.transaction(() => move(new ScriptCalls(space), keys, argv));
}

function move(redis: ScriptCalls, keys: readonly string[], argv: readonly string[]): Reply {
  const [candidates = "", immature = "", credits = "", finances = "", round = "", moved = "", moves = "", owed = ""] =
    keys;
  const [plan = "", last, from = "", height = "", to = "", miners = "", expected] = argv;
  const final = last === "1";
  const here = redis.zscore(candidates, from);
  const there = redis.zscore(immature, to);
  if (here === null) return [redis.billed, there === null ? gone : before];
  if ((redis.hget(moves, from) ?? "") !== plan) return [redis.billed, replaced];

  needWhole(redis.hget(finances, "immature"));
  redis.size(owed, "hash");
  const count = redis.size(credits, "hash");
  if (final && round !== moved) {
    if (!redis.exists(round)) throw refuse(NO_SUCH_KEY);
    if (redis.exists(moved)) throw refuse("ERR the round's new name is taken");
  }

  const logins = pairsFrom(argv, 7);
  const had =
    logins.length === 0
      ? []
      : redis.hmget(
          credits,
          logins.map(([login]) => login),
        );
  const fresh: (readonly [login: string, amount: string])[] = [];
  const bad: string[] = [];
  for (const [index, entry] of logins.entries()) {
    const [login, amount] = entry;
    const known = had[index] ?? null;
    if (known === null) {
      fresh.push(entry);
      const account = attempt(() => [redis.hget(`${miners}${login}`, "immature")]);
      if (account === null || !account.every(isWhole)) bad.push(login);
    } else if (known !== amount) throw refuse(`ERR ${login} was credited another amount before`);
  }
  if (final && count + fresh.length !== Number(expected)) return [redis.billed, incomplete];

  let sum = 0n;
  for (const [login, amount] of fresh) {
    if (bad.includes(login)) redis.hincrby(owed, `${login}:immature`, amount);
    else {
      redis.hincrby(`${miners}${login}`, "immature", amount);
      sum += BigInt(amount);
    }
  }
  if (fresh.length > 0) redis.hset(credits, fresh);
  if (sum > 0n) redis.hincrby(finances, "immature", String(sum));
  if (final) {
    redis.zadd(immature, height, to);
    redis.zrem(candidates, from);
    if (round !== moved) redis.rename(round, moved);
    if (plan !== "") redis.hdel(moves, [from]);
  }
  return [redis.billed, done, ...bad];
}
