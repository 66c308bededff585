/**
 * All that the storage modules of open-ethereum-pool, core-pool (both over gopkg.in/redis.v3) and open-etc-pool (over go-redis v9) ask of a
 * Redis, in the order of a share's and a block's life. Each step is what goes out in one write: single commands, or a whole transaction.
 */

type Command = readonly string[];

/** One write on the socket. */
export interface GoPoolStep {
  readonly what: string;
  readonly commands: readonly Command[];
}

const LOGINS = [`0x${"a1".repeat(20)}`, `0x${"b2".repeat(20)}`] as const;
const [FINDER, OTHER] = LOGINS;
const NOW = 1_700_000_000;
const HASH = `0x${"c3".repeat(32)}`;
const TX = `0x${"d4".repeat(32)}`;
const nonces = ["0x0000000000000001", "0x0000000000000002", "0x0000000000000003"] as const;

const step = (what: string, ...commands: Command[]): GoPoolStep => ({ what, commands });
const transaction = (what: string, ...commands: Command[]): GoPoolStep => step(what, ["MULTI"], ...commands, ["EXEC"]);
const add = (key: string, score: number, member: string): Command => ["ZADD", key, String(score), member];
const sum = (key: string, field: string, by: number): Command => ["HINCRBY", key, field, String(by)];
const minerOf = (login: string): string => `eth:miners:${login}`;

const shareOf = (login: string): Command[] => [
  sum("eth:shares:roundCurrent", login, 4_000),
  add("eth:hashrate", NOW, `4000:${login}:rig-1:${NOW}000`),
  add(`eth:hashrate:${login}`, NOW, `4000:rig-1:${NOW}000`),
  ["EXPIRE", `eth:hashrate:${login}`, "10800"],
  ["HSET", minerOf(login), "lastShare", String(NOW)],
];

const known = (height: number, nonce: string): GoPoolStep[] => [
  step("forgets old proofs of work", ["ZREMRANGEBYSCORE", "eth:pow", "-inf", `(${height - 8}`]),
  step("knows a proof of work", add("eth:pow", height, `${nonce}:0xpow:0xmix`)),
];

const roundOf = (height: number, nonce: string): string => `eth:shares:round${height}:${nonce}`;
const candidateOf = (nonce: string): string => `${nonce}:0xpow:0xmix:${NOW}:131072:8000`;
const blockOf = (nonce: string, hash: string, orphan = 0): string =>
  `0:${orphan}:${nonce}:${hash}:${NOW}:131072:8000:5000000000000000000`;

const found = (height: number, nonce: string): GoPoolStep[] => [
  ...known(height, nonce),
  step("reads the open round", ["HGETALL", "eth:shares:roundCurrent"]),
  transaction(
    "records a block",
    ...shareOf(FINDER),
    ["HSET", "eth:stats", "lastBlockFound", String(NOW)],
    ["HDEL", "eth:stats", "roundShares"],
    ["ZINCRBY", "eth:finders", "1", FINDER],
    sum(minerOf(FINDER), "blocksFound", 1),
    ["RENAME", "eth:shares:roundCurrent", roundOf(height, nonce)],
    ["HGETALL", roundOf(height, nonce)],
  ),
  step("lists the candidate", add("eth:blocks:candidates", height, candidateOf(nonce))),
];

/** A candidate that the chain has, one height later than the round. */
const immature = (height: number, nonce: string): GoPoolStep =>
  transaction(
    "makes a candidate immature",
    ["RENAME", roundOf(height, nonce), roundOf(height + 1, nonce)],
    ["ZREM", "eth:blocks:candidates", candidateOf(nonce)],
    add("eth:blocks:immature", height + 1, blockOf(nonce, HASH)),
    ...LOGINS.flatMap((login) => [
      sum(minerOf(login), "immature", 2_000_000_000),
      ["HSETNX", `eth:credits:immature:${height + 1}:${HASH}`, login, "2000000000"],
    ]),
    sum("eth:finances", "immature", 4_000_000_000),
  );

const undone = (height: number): Command[] => [
  ...LOGINS.map((login) => sum(minerOf(login), "immature", -2_000_000_000)),
  ["DEL", `eth:credits:immature:${height}:${HASH}`],
  sum("eth:finances", "immature", -4_000_000_000),
];

const moved = (height: number, nonce: string, orphan: 0 | 1): Command[] => [
  ["DEL", roundOf(height, nonce)],
  ["ZREM", "eth:blocks:immature", blockOf(nonce, HASH)],
  add("eth:blocks:matured", height, blockOf(nonce, HASH, orphan)),
];

const watched = (height: number): GoPoolStep[] => [
  step("watches the credits", ["WATCH", `eth:credits:immature:${height}:${HASH}`]),
  step("reads the credits", ["HGETALL", `eth:credits:immature:${height}:${HASH}`]),
];

const matured = (height: number, nonce: string): GoPoolStep[] => [
  ...watched(height),
  transaction(
    "lets a block mature",
    ...moved(height, nonce, 0),
    add("eth:credits:all", height, `${HASH}:${NOW}:5000000000000000000`),
    ...undone(height),
    ...LOGINS.flatMap((login) => [
      sum(minerOf(login), "balance", 2_000_000_000),
      ["HSETNX", `eth:credits:${height}:${HASH}`, login, "2000000000"],
    ]),
    sum("eth:finances", "balance", 4_000_000_000),
    ["HSET", "eth:finances", "lastCreditHeight", String(height)],
    ["HSET", "eth:finances", "lastCreditHash", HASH],
    sum("eth:finances", "totalMined", 5_000_000_000),
  ),
  step("lets go of what it watched", ["UNWATCH"]),
];

/** Amounts between two fields of a login and of the pool. */
const between = (from: string, to: string): Command[] =>
  [minerOf(FINDER), "eth:finances"].flatMap((key) => [sum(key, from, -1_500_000_000), sum(key, to, 1_500_000_000)]);

const PENDING = `${FINDER}:1500000000`;

const payments: readonly GoPoolStep[] = [
  step("finds who is to be paid", ["SCAN", "0", "MATCH", "eth:miners:*", "COUNT", "100"]),
  step("reads a balance", ["HGET", minerOf(FINDER), "balance"]),
  step("reads the balance of nobody", ["HGET", "eth:miners:0xnobody", "balance"]),
  step("looks for the lock", ["GET", "eth:payments:lock"]),
  step("locks payments", ["SETNX", "eth:payments:lock", PENDING]),
  step("locks them for nobody else", ["SETNX", "eth:payments:lock", `${OTHER}:1`]),
  transaction("takes from a balance", ...between("balance", "pending"), add("eth:payments:pending", NOW, PENDING)),
  step("notes the transaction", ["HSET", "eth:payments:pendingtx", PENDING, TX]),
  step("notes the nonce", ["HSET", "eth:payments:pendingnonce", PENDING, "7"]),
  step("reads both again", ["HGET", "eth:payments:pendingtx", PENDING], ["HGET", "eth:payments:pendingnonce", PENDING]),
  step("lists what is pending", ["ZREVRANGE", "eth:payments:pending", "0", "-1", "WITHSCORES"]),
  transaction(
    "gives it back",
    ...between("pending", "balance"),
    ["ZREM", "eth:payments:pending", PENDING],
    ["HDEL", "eth:payments:pendingtx", PENDING],
    ["HDEL", "eth:payments:pendingnonce", PENDING],
  ),
  transaction("takes it again", ...between("balance", "pending"), add("eth:payments:pending", NOW, PENDING)),
  transaction(
    "writes a payment",
    ...between("pending", "paid"),
    add("eth:payments:all", NOW, `${TX}:${PENDING}`),
    add(`eth:payments:${FINDER}`, NOW, `${TX}:1500000000`),
    ["ZREM", "eth:payments:pending", PENDING],
    ["HDEL", "eth:payments:pendingtx", PENDING],
    ["HDEL", "eth:payments:pendingnonce", PENDING],
    ["DEL", "eth:payments:lock"],
  ),
  step("unlocks payments", ["DEL", "eth:payments:lock"]),
  step("saves", ["BGSAVE"]),
];

const newestFirst = (key: string, last = "-1"): Command => ["ZREVRANGE", key, "0", last, "WITHSCORES"];
const lists = ["candidates", "immature", "matured"].map((list) => `eth:blocks:${list}`);

const pages: readonly GoPoolStep[] = [
  step("purges old hashrates", ["ZREMRANGEBYSCORE", "eth:hashrate", "-inf", `(${NOW - 1_800}`]),
  step("finds the hashrates of logins", ["SCAN", "0", "MATCH", "eth:hashrate:*", "COUNT", "100"]),
  step("purges a login's", ["ZREMRANGEBYSCORE", `eth:hashrate:${OTHER}`, "-inf", `(${NOW + 1}`]),
  transaction(
    "collects the pool's figures",
    ["ZREMRANGEBYSCORE", "eth:hashrate", "-inf", `(${NOW - 1_800}`],
    ["ZRANGE", "eth:hashrate", "0", "-1", "WITHSCORES"],
    ["HGETALL", "eth:stats"],
    ...lists.map((list) => newestFirst(list)),
    ...lists.map((list): Command => ["ZCARD", list]),
    ["ZCARD", "eth:payments:all"],
    newestFirst("eth:payments:all", "49"),
    newestFirst("eth:finders"),
  ),
  transaction("collects the luck", newestFirst("eth:blocks:immature"), newestFirst("eth:blocks:matured", "255")),
  step("looks whether a miner is known", ["EXISTS", minerOf(FINDER)], ["EXISTS", "eth:miners:0xnobody"]),
  transaction(
    "collects a miner's figures",
    ["HGETALL", minerOf(FINDER)],
    newestFirst(`eth:payments:${FINDER}`, "49"),
    ["ZCARD", `eth:payments:${FINDER}`],
    ["HGET", "eth:shares:roundCurrent", FINDER],
  ),
  transaction(
    "collects a miner's workers",
    ["ZREMRANGEBYSCORE", `eth:hashrate:${FINDER}`, "-inf", `(${NOW - 10_800}`],
    ["ZRANGE", `eth:hashrate:${FINDER}`, "0", "-1", "WITHSCORES"],
  ),
];

/** In an order in which each finds what it is about. */
export const GO_POOL_STEPS: readonly GoPoolStep[] = [
  step("is there", ["PING"]),
  step("reads the lists", ["SMEMBERS", "eth:blacklist"], ["SMEMBERS", "eth:whitelist"]),
  transaction(
    "writes the state of a node",
    ...Object.entries({ name: "main", height: "1000", difficulty: "131072", lastBeat: String(NOW) }).map(
      ([field, value]): Command => ["HSET", "eth:nodes", `main:${field}`, value],
    ),
  ),
  step("reads the nodes", ["HGETALL", "eth:nodes"]),
  ...known(1_000, nonces[0]),
  ...known(1_000, nonces[0]),
  transaction("records a share", ...shareOf(OTHER), sum("eth:stats", "roundShares", 4_000)),
  ...found(1_000, nonces[1]),
  ...found(1_010, nonces[2]),
  step("lists candidates", ["ZRANGEBYSCORE", "eth:blocks:candidates", "0", "1016", "WITHSCORES"]),
  step("reads a round", ["HGETALL", roundOf(1_000, nonces[1])]),
  immature(1_000, nonces[1]),
  immature(1_010, nonces[2]),
  step("lists immature blocks", ["ZRANGEBYSCORE", "eth:blocks:immature", "0", "1100", "WITHSCORES"]),
  ...matured(1_001, nonces[1]),
  ...watched(1_011),
  transaction("gives up an orphan", ...moved(1_011, nonces[2], 1), ...undone(1_011)),
  ...payments,
  ...pages,
];
