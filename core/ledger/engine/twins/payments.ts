import type { Reply } from "../command.ts";
import { HASH_NOT_AN_INTEGER, refuse } from "../errors.ts";
import type { Keyspace } from "../keyspace.ts";
import { isNatural, isWhole, needWhole, ScriptCalls } from "./script-calls.ts";

type Run = (redis: ScriptCalls, keys: readonly string[], argv: readonly string[]) => Reply;

const twin =
  (run: Run) =>
  (space: Keyspace, keys: readonly string[], argv: readonly string[]): Reply =>
    space.sql.transaction(() => run(new ScriptCalls(space), keys, argv));

/** Native twin of the script `lock-payments`: the same keys, arguments, replies and writes. */
export const lockPayments = twin((redis, [lock = ""], [holder = "", action]) => {
  const current = redis.get(lock);
  if (action === "release") {
    if (current === holder) redis.del(lock);
    return current === null || current === holder ? [redis.billed, 1, ""] : [redis.billed, 0, current];
  }
  if (current !== null && current !== holder) return [redis.billed, 0, current];
  if (current === null) redis.set(lock, holder);
  return [redis.billed, 1, holder];
});

const LOCKED = 0;
const DONE = 1;
const BEFORE = 2;

/** Native twin of the script `debit-payment`: the same keys, arguments, replies and writes. */
export const debitPayment = twin((redis, keys, argv) => {
  const [lock = "", open = "", miner = "", finances = "", pending = ""] = keys;
  const [holder, id = "", login = "", amount = "", ts = "", least = ""] = argv;
  const current = redis.get(lock);
  const marker = redis.hget(open, id);
  const entry = `${login}:${amount}`;
  if (marker !== null) {
    if (!marker.endsWith(`:${entry}`)) throw refuse(`ERR payment ${id} is another one: ${marker}`);
    return [redis.billed, BEFORE];
  }
  if (current !== holder) return [redis.billed, LOCKED];
  const account = redis.hmget(miner, ["balance", "pending", "paid"]);
  const totals = redis.hmget(finances, ["balance", "pending"]);
  if (!isNatural(amount) || amount === "0") throw refuse(HASH_NOT_AN_INTEGER);
  needWhole(amount, ...totals, ...account);
  const [balance, had, paid] = account.map((value) => value ?? "0");
  if (balance === undefined || had === undefined || paid === undefined || !isNatural(had) || !isNatural(paid))
    throw refuse(HASH_NOT_AN_INTEGER);
  const gone = BigInt(had) + BigInt(paid);
  if (gone < BigInt(least)) return [redis.billed, 4, String(gone)];
  if (BigInt(balance) < BigInt(amount)) return [redis.billed, 3, balance];
  if (had !== "0") return [redis.billed, 5];
  redis.size(pending, "zset");
  redis.hincrby(miner, "balance", `-${amount}`);
  redis.hincrby(miner, "pending", amount);
  redis.hincrby(finances, "balance", `-${amount}`);
  redis.hincrby(finances, "pending", amount);
  redis.zadd(pending, ts, entry);
  redis.hset(open, [[id, `debited:${entry}`]]);
  return [redis.billed, DONE, String(gone)];
});

/** Native twin of the script `close-payment`: the same keys, arguments, replies and writes. */
export const closePayment = twin((redis, keys, argv) => {
  const [lock = "", open = "", miner = "", finances = "", pending = "", all = "", own = ""] = keys;
  const [holder, id = "", login = "", amount = "", target = "", ts = "", hash = ""] = argv;
  const current = redis.get(lock);
  const marker = redis.hget(open, id);
  if (marker === null) return [redis.billed, 3];
  const entry = `${login}:${amount}`;
  if (marker === `${target}:${entry}`) return [redis.billed, BEFORE];
  if (marker !== `debited:${entry}`) {
    if (marker.endsWith(`:${entry}`)) return [redis.billed, 4];
    throw refuse(`ERR payment ${id} is another one: ${marker}`);
  }
  if (current !== holder) return [redis.billed, LOCKED];
  const account = redis.hmget(miner, ["pending", target]);
  const totals = redis.hmget(finances, ["pending", target]);
  if (![...account, ...totals].every(isWhole)) throw refuse(HASH_NOT_AN_INTEGER);
  const score = redis.zscore(pending, entry);
  redis.size(all, "zset");
  redis.size(own, "zset");
  redis.hincrby(miner, "pending", `-${amount}`);
  redis.hincrby(miner, target, amount);
  redis.hincrby(finances, "pending", `-${amount}`);
  redis.hincrby(finances, target, amount);
  if (score !== null) redis.zrem(pending, entry);
  if (target === "paid") {
    redis.zadd(all, ts, `${hash}:${entry}`);
    redis.zadd(own, ts, `${hash}:${amount}`);
  }
  redis.hset(open, [[id, `${target}:${entry}`]]);
  return [redis.billed, DONE];
});
