import type { Reply } from "../command.ts";
import type { Keyspace } from "../keyspace.ts";
import { attempt, isWhole, needWhole, ScriptCalls } from "./script-calls.ts";

const FIELDS = ["immature", "balance"] as const;
const STILL = 0;
const DONE = 1;
const NOTHING = 2;

/** Native twin of the script `settle-owed`: the same keys, arguments, replies and writes. */
export function settleOwed(space: Keyspace, keys: readonly string[], argv: readonly string[]): Reply {
  return space.sql.transaction(() => settle(new ScriptCalls(space), keys, argv[0] ?? ""));
}

function settle(redis: ScriptCalls, [owed = "", finances = "", miner = ""]: readonly string[], login: string): Reply {
  const debts = redis.hmget(
    owed,
    FIELDS.map((field) => `${login}:${field}`),
  );
  if (debts.every((debt) => debt === null)) return [redis.billed, NOTHING];
  const totals = redis.hmget(finances, FIELDS);
  const account = attempt(() => redis.hmget(miner, FIELDS));
  if (account === null) return [redis.billed, STILL];
  for (const [index] of FIELDS.entries()) {
    const debt = debts[index] ?? null;
    if (debt === null) continue;
    needWhole(debt, totals[index] ?? null);
    if (!isWhole(account[index] ?? null)) return [redis.billed, STILL];
  }
  const settled: string[] = [];
  for (const [index, field] of FIELDS.entries()) {
    const debt = debts[index] ?? null;
    if (debt === null) continue;
    settled.push(`${login}:${field}`);
    if (debt === "0") continue;
    redis.hincrby(miner, field, debt);
    redis.hincrby(finances, field, debt);
  }
  redis.hdel(owed, settled);
  return [redis.billed, DONE];
}
