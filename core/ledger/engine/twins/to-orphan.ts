import type { Reply } from "../command.ts";
import { HASH_NOT_AN_INTEGER, OVERFLOW, refuse } from "../errors.ts";
import type { Keyspace } from "../keyspace.ts";
import { fitsInt64 } from "../values.ts";
import { MOVE_CODES } from "./move-codes.ts";
import { windowGroups } from "./window-log.ts";
import { attempt, isNatural, isWhole, needWhole, ScriptCalls } from "./script-calls.ts";

const { gone, done, before, replaced, incomplete } = MOVE_CODES;

/** What a login loses, whether its account can be written, and what work it gets back. */
interface Change {
  readonly login: string;
  readonly loss: string | null;
  readonly ok: boolean;
  readonly work: string | null;
}

/** Native twin of the script `to-orphan`: the same keys, arguments, replies and writes. */
export function toOrphan(space: Keyspace, keys: readonly string[], argv: readonly string[]): Reply {
  return space.sql.transaction(() => move(new ScriptCalls(space), keys, argv));
}

function move(redis: ScriptCalls, keys: readonly string[], argv: readonly string[]): Reply {
  const [list = "", matured = "", credits = "", finances = "", round = "", open = "", stats = "", all = ""] = keys;
  const [moves = "", owed = "", window = ""] = keys.slice(8);
  const [plan = "", last, from = "", height = "", to = "", miners = "", field = "", merge, record = "", mined = ""] =
    argv;
  const final = last === "1";
  const merging = merge === "1";
  const here = redis.zscore(list, from);
  const there = redis.zscore(matured, to);
  if (here === null) return [redis.billed, there === null ? gone : before];
  if ((redis.hget(moves, from) ?? "") !== plan) return [redis.billed, replaced];

  needWhole(...redis.hmget(finances, [field, "totalMined"]));
  const shares = redis.hget(stats, "roundShares");
  if (shares !== null && !isNatural(shares)) throw refuse(HASH_NOT_AN_INTEGER);
  redis.size(owed, "hash");
  const left = redis.size(credits, "hash");
  const work = redis.size(round, "hash");
  redis.size(all, "zset");

  const changes = readChanges(redis, { credits, round, open, miners, field }, merging, argv.slice(10));
  const returned = changes.reduce((sum, change) => sum + BigInt(change.work ?? 0), 0n);
  if (!fitsInt64(returned + BigInt(shares ?? 0))) throw refuse(OVERFLOW);
  const losers = changes.filter(({ loss }) => loss !== null);
  const workers = changes.filter((change) => change.work !== null).map(({ login }) => login);
  if (final && (left !== losers.length || (merging && work !== workers.length))) return [redis.billed, incomplete];

  let minus = 0n;
  for (const change of changes) {
    const { login, loss, ok } = change;
    if (loss !== null && !ok) redis.hincrby(owed, `${login}:${field}`, negative(loss));
    if (loss !== null && ok) redis.hincrby(`${miners}${login}`, field, negative(loss));
    if (loss !== null && ok) minus += BigInt(loss);
    if (change.work !== null) redis.hincrby(open, login, change.work);
  }
  if (losers.length > 0)
    redis.hdel(
      credits,
      losers.map(({ login }) => login),
    );
  if (minus > 0n) redis.hincrby(finances, field, `-${minus}`);
  if (returned > 0n) {
    redis.hdel(round, workers);
    redis.hincrby(stats, "roundShares", String(returned));
    redis.rpushx(window, windowGroups(changes.map((change) => [change.login, change.work ?? "0"])));
  }
  if (final) {
    if (mined !== "0") redis.hincrby(finances, "totalMined", `-${mined}`);
    redis.zadd(matured, height, to);
    redis.zrem(list, from);
    if (record !== "") redis.zrem(all, record);
    if (!merging) redis.del(round);
    if (plan !== "") redis.hdel(moves, [from]);
  }
  return [redis.billed, done, ...losers.filter(({ ok }) => !ok).map(({ login }) => login)];
}

const negative = (amount: string): string => (amount === "0" ? "0" : `-${amount}`);

function readChanges(
  redis: ScriptCalls,
  keys: Readonly<Record<"credits" | "round" | "open" | "miners" | "field", string>>,
  merging: boolean,
  logins: readonly string[],
): Change[] {
  if (logins.length === 0) return [];
  const had = redis.hmget(keys.credits, logins);
  const did = merging ? redis.hmget(keys.round, logins) : [];
  const opened = merging ? redis.hmget(keys.open, logins) : [];
  return logins.map((login, index): Change => {
    const loss = had[index] ?? null;
    let ok = true;
    if (loss !== null) {
      if (!isNatural(loss) || !isWhole(loss)) throw refuse(HASH_NOT_AN_INTEGER);
      const account = attempt(() => [redis.hget(`${keys.miners}${login}`, keys.field)]);
      ok = account !== null && account.every(isWhole);
    }
    const work = did[index] ?? null;
    const now = opened[index] ?? "0";
    const badIn =
      work === null || (isNatural(work) && isNatural(now)) ? null : isNatural(work) ? keys.open : keys.round;
    if (badIn !== null) throw refuse(`ERR field ${login} of ${badIn} is no whole number`);
    if (work !== null && !fitsInt64(BigInt(work) + BigInt(now))) throw refuse(OVERFLOW);
    return { login, loss, ok, work };
  });
}
