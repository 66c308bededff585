import { type Access, checkAccess } from "./access.ts";
import { read, write, type Command } from "./command.ts";
import { refuse, wrongArity } from "./errors.ts";
import {
  hdel,
  hget,
  hgetall,
  hincrby,
  hmget,
  hset,
  hsetnx,
  hvals,
  sadd,
  sismember,
  smembers,
  srem,
} from "./commands/hashes-and-sets.ts";
import * as keys from "./commands/keys.ts";
import { lrange, rpush } from "./commands/lists.ts";
import { scan, scanEntries } from "./commands/scans.ts";
import { evaluate, evaluateSha } from "./commands/scripting.ts";
import {
  rangeByRank,
  rangeByScore,
  zadd,
  zcount,
  zincrby,
  zmscore,
  zrem,
  zremrangebyscore,
  zscore,
} from "./commands/zsets.ts";

/**
 * Every command of the embedded ledger by lower-case name, and who sends it; whatever else is asked for answers as Redis answers a
 * command that it does not know. MULTI and EXEC are the path `multi-exec` of the REST protocol.
 *
 * writer: the shards' ledger writer, the unlocker, `ledger serve`. scripts: what the Lua texts call inside; the twins do it natively, other programs may send it.
 * api: the pool's API, its lists and health. books: `ledger export|import|audit`. operator: by hand, through `/redis`.
 * reference: the api, unlocker and payouts modules of open-ethereum-pool and open-etc-pool (their storage/redis.go).
 */
export const COMMANDS: ReadonlyMap<string, Command> = new Map(
  Object.entries({
    // Strings and keys
    get: read(2, keys.get), // books; reference: payments:lock
    set: write(-3, keys.set), // books; payouts: NX
    setnx: write(3, keys.setnx), // reference: payments:lock
    del: write(-2, keys.del), // books; reference: rounds, credits, payments:lock
    exists: read(-2, keys.exists), // scripts; reference: api
    type: read(2, keys.type), // books
    rename: write(3, keys.rename), // scripts; reference: a round that is closed or moved
    expire: write(-3, keys.expire), // scripts; reference: hashrate:<login>
    pexpireat: write(-3, keys.pexpireat), // books
    pexpiretime: read(2, keys.pexpiretime), // books
    ttl: read(2, keys.ttl), // operator
    scan: read(-2, scan), // api: purge; books; reference: payees, purge
    flushall: write(1, keys.flushall), // tests, at the object: `/redis` refuses it

    // Hashes
    hset: write(-4, hset), // node state; scripts; books; reference
    hsetnx: write(4, hsetnx), // reference: credits
    hget: read(3, hget), // api; books; reference: balance
    hmget: read(-3, hmget), // scripts
    hgetall: read(2, hgetall), // api; scripts; reference: rounds, credits, nodes
    hvals: read(2, hvals), // the totals of `npm start`
    hdel: write(-3, hdel), // scripts; reference: roundShares
    hincrby: write(4, hincrby), // scripts; reference: every balance
    hlen: read(2, keys.sizeOf("hash")), // unlocker: whether a round is done in one part
    hscan: read(-3, scanEntries("hash")), // books; unlocker: large rounds

    // Lists
    rpush: write(-3, rpush), // scripts; books
    lrange: read(4, lrange), // scripts; books
    llen: read(2, keys.sizeOf("list")), // operator

    // Sets
    sadd: write(-3, sadd), // books; operator: blacklist, whitelist
    srem: write(-3, srem), // operator: blacklist, whitelist
    sismember: read(3, sismember), // api: what a miner has set
    smembers: read(2, smembers), // api: blacklist, whitelist; reference
    sscan: read(-3, scanEntries("set")), // books

    // Sorted sets
    zadd: write(-4, zadd), // scripts; books; reference
    zincrby: write(4, zincrby), // scripts; reference: finders
    zrem: write(-3, zrem), // scripts; reference: candidates, immature, payments:pending
    zscore: read(3, zscore), // scripts
    zmscore: read(-3, zmscore), // scripts
    zcard: read(2, keys.sizeOf("zset")), // api; reference
    zcount: read(4, zcount), // api: hashrate windows
    zrange: read(-4, rangeByRank("ASC")), // the totals of `npm start`; reference: hashrate
    zrevrange: read(-4, rangeByRank("DESC")), // api; reference: blocks, payments
    zrangebyscore: read(-4, rangeByScore("ASC")), // reference: the unlocker's candidates and immature blocks
    zrevrangebyscore: read(-4, rangeByScore("DESC")), // api: hashrate windows
    zremrangebyscore: write(4, zremrangebyscore), // scripts; api: purge; reference
    zscan: read(-3, scanEntries("zset")), // books

    // Not marked as writing: each twin opens its own transaction.
    eval: read(-3, evaluate), // writer
    evalsha: read(-3, evaluateSha), // writer
    ping: read(-1, keys.ping), // api: health; reference
  }),
);

/**
 * The command that is called, if it is one, the caller may and the number of its arguments is right.
 * @param command name and arguments
 * @throws RedisReplyError in Redis' words
 */
export function findCommand(command: readonly string[], access: Access): Command {
  const [name = "", ...args] = command;
  const found = COMMANDS.get(name.toLowerCase());
  checkAccess(access, name.toLowerCase(), found?.writes ?? false);
  if (!found) {
    const beginning = args.map((arg) => `'${arg.slice(0, 128)}' `).join("");
    throw refuse(`ERR unknown command '${name.slice(0, 128)}', with args beginning with: ${beginning.slice(0, 128)}`);
  }
  const wrong = found.arity > 0 ? command.length !== found.arity : command.length < -found.arity;
  if (wrong) throw wrongArity(name.toLowerCase());
  return found;
}
