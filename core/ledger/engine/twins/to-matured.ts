import type { Reply } from "../command.ts";
import { HASH_NOT_AN_INTEGER, refuse, WRONG_TYPE } from "../errors.ts";
import type { Keyspace } from "../keyspace.ts";
import { MOVE_CODES, pairsFrom } from "./move-codes.ts";
import { attempt, isNatural, isWhole, needWhole, ScriptCalls } from "./script-calls.ts";

const { gone, done, before, replaced, incomplete } = MOVE_CODES;

/** What a login loses and gains, and whether its account can be written. */
interface Change {
  readonly login: string;
  readonly loss: string;
  readonly gain: string;
  readonly ok: boolean;
}

/** Native twin of the script `to-matured`: the same keys, arguments, replies and writes. */
export function toMatured(space: Keyspace, keys: readonly string[], argv: readonly string[]): Reply {
  return space.sql.transaction(() => move(new ScriptCalls(space), keys, argv));
}

function move(redis: ScriptCalls, keys: readonly string[], argv: readonly string[]): Reply {
  const [immature = "", matured = "", provisional = "", credits = "", finances = "", round = "", all = ""] = keys;
  const [moves = "", owed = ""] = keys.slice(7);
  const [plan = "", last, from = "", , to = "", miners = "", expected] = argv;
  const final = last === "1";
  const here = redis.zscore(immature, from);
  const there = redis.zscore(matured, to);
  if (here === null) return [redis.billed, there === null ? gone : before];
  if ((redis.hget(moves, from) ?? "") !== plan) return [redis.billed, replaced];

  needWhole(...redis.hmget(finances, ["immature", "balance", "totalMined"]));
  redis.size(owed, "hash");
  const left = redis.size(provisional, "hash");
  const count = redis.size(credits, "hash");
  redis.size(all, "zset");
  if (!["hash", "none"].includes(redis.type(round))) throw refuse(WRONG_TYPE);

  const read = readChanges(redis, { provisional, credits, miners }, pairsFrom(argv, 10));
  if (final && (count + read.fresh.length !== Number(expected) || left !== read.taken.length))
    return [redis.billed, incomplete];
  let minus = 0n;
  let plus = 0n;
  for (const { login, loss, gain, ok } of read.changes) {
    const [key, prefix] = ok ? [`${miners}${login}`, ""] : [owed, `${login}:`];
    if (ok) minus += BigInt(loss);
    if (ok) plus += BigInt(gain);
    if (loss !== "0") redis.hincrby(key, `${prefix}immature`, `-${loss}`);
    if (gain !== "0") redis.hincrby(key, `${prefix}balance`, gain);
  }
  if (read.taken.length > 0) redis.hdel(provisional, read.taken);
  if (read.fresh.length > 0) redis.hset(credits, read.fresh);
  if (minus > 0n) redis.hincrby(finances, "immature", `-${minus}`);
  if (plus > 0n) redis.hincrby(finances, "balance", String(plus));
  if (final) close(redis, { immature, matured, finances, round, all, moves }, argv);
  return [redis.billed, done, ...read.changes.filter(({ ok }) => !ok).map(({ login }) => login)];
}

function readChanges(
  redis: ScriptCalls,
  { provisional, credits, miners }: { readonly provisional: string; readonly credits: string; readonly miners: string },
  logins: readonly (readonly [login: string, amount: string])[],
) {
  const taken: string[] = [];
  const fresh: [string, string][] = [];
  const changes: Change[] = [];
  if (logins.length === 0) return { taken, fresh, changes };
  const names = logins.map(([login]) => login);
  const had = redis.hmget(provisional, names);
  const known = redis.hmget(credits, names);
  for (const [index, [login, amount]] of logins.entries()) {
    const provisionally = had[index] ?? null;
    const credited = known[index] ?? null;
    const loss = provisionally ?? "0";
    const gain = credited === null ? amount : "0";
    if (!isNatural(loss) || !isWhole(loss)) throw refuse(HASH_NOT_AN_INTEGER);
    if (credited !== null && credited !== amount) throw refuse(`ERR ${login} was credited another amount before`);
    if (provisionally !== null) taken.push(login);
    if (gain !== "0") fresh.push([login, gain]);
    if (loss === "0" && gain === "0") continue;
    const account = attempt(() => redis.hmget(`${miners}${login}`, ["immature", "balance"]));
    changes.push({ login, loss, gain, ok: account !== null && account.every(isWhole) });
  }
  return { taken, fresh, changes };
}

function close(
  redis: ScriptCalls,
  keys: Readonly<Record<"immature" | "matured" | "finances" | "round" | "all" | "moves", string>>,
  argv: readonly string[],
): void {
  const [plan = "", , from = "", height = "", to = "", , , record = "", reward = "", hash = ""] = argv;
  redis.hincrby(keys.finances, "totalMined", reward);
  redis.zadd(keys.all, height, record);
  redis.zadd(keys.matured, height, to);
  redis.zrem(keys.immature, from);
  redis.hset(keys.finances, [
    ["lastCreditHeight", height],
    ["lastCreditHash", hash],
  ]);
  redis.del(keys.round);
  if (plan !== "") redis.hdel(keys.moves, [from]);
}
