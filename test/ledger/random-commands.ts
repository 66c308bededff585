/** Random commands for the differential test: every command that has one right answer, with arguments that are often wrong. */
import * as fc from "fast-check";

type Token = fc.Arbitrary<string>;

/** Keys by what they mostly hold; one in eight is of another kind. */
const KEYS = {
  string: ["s1", "s2"],
  hash: ["h1", "h2"],
  set: ["t1", "t2", "t3"],
  zset: ["z1", "z2"],
  list: ["l1", "l2"],
};
const anyKey = fc.constantFrom(...Object.values(KEYS).flat(), "none", "");
const keyOf = (kind: keyof typeof KEYS): Token =>
  fc.oneof({ weight: 7, arbitrary: fc.constantFrom(...KEYS[kind]) }, { weight: 1, arbitrary: anyKey });

const [string, hash, set, zset, list] = (["string", "hash", "set", "zset", "list"] as const).map(keyOf);
const member = fc.constantFrom("a", "b", "c", "1", "007", "ü€", "a b", "", "A", "z\u0000y", "😀", "\uffff");
const pattern = fc.constantFrom(
  "*",
  "?",
  "a*",
  "[a-c]",
  "[^a]",
  "h?llo",
  "\\*",
  "*1",
  "[]",
  "[^]",
  "[a",
  "s[12]",
  "**1*",
  "\\",
  "[c-a]",
  ".",
  "$",
);
const integer = fc.constantFrom(
  "0",
  "1",
  "-1",
  "2",
  "-2",
  "5",
  "100",
  "-100",
  "9007199254740993",
  "9223372036854775807",
);
const dubious = fc.constantFrom(
  "-9223372036854775808",
  "9223372036854775808",
  "007",
  "+5",
  " 5",
  "1.5",
  "abc",
  "",
  "-0",
  "1e3",
);
const int = fc.oneof({ weight: 6, arbitrary: integer }, { weight: 1, arbitrary: dubious });
const plainScore = fc.constantFrom("0", "1", "-1", "2", "2.5", "-0.5", "10", "1000000", "9007199254740992");
const score = fc.oneof(
  { weight: 8, arbitrary: plainScore },
  { weight: 1, arbitrary: fc.constantFrom("inf", "-inf", "+inf", "0.1", "1e20", "x", "nan", "") },
);
const bound = fc.constantFrom(
  "-inf",
  "+inf",
  "inf",
  "0",
  "1",
  "(1",
  "(0",
  "2.5",
  "-1",
  "(-inf",
  "(+inf",
  "10",
  "x",
  "(",
  "",
);
const value = fc.oneof(member, int, plainScore);
/** Far enough from now that no test run reaches it, or past. */
const seconds = fc.constantFrom(
  "1000",
  "2000",
  "100000",
  "0",
  "-1",
  "x",
  "9223372036854775807",
  "-9223372036854775807",
);
const instantMs = fc.constantFrom("4000000000000", "4000000001500", "1", "0", "-5", "x");

const word = (...options: string[]): Token => fc.constantFrom(...options);
const some = (token: Token, min = 1, max = 3): fc.Arbitrary<string[]> =>
  fc.array(token, { minLength: min, maxLength: max });
const maybe = (...tokens: Token[]): fc.Arbitrary<string[]> => fc.oneof(fc.constant<string[]>([]), fc.tuple(...tokens));
const flags = (...options: string[]): fc.Arbitrary<string[]> =>
  fc.oneof(
    { weight: 3, arbitrary: fc.constant<string[]>([]) },
    { weight: 2, arbitrary: fc.array(word(...options), { maxLength: 2 }) },
  );
const pairsOf = (a: Token, b: Token): fc.Arbitrary<string[]> =>
  fc.array(fc.tuple(a, b), { minLength: 1, maxLength: 3 }).map((filled) => filled.flat());
const command = (name: string, ...parts: (Token | fc.Arbitrary<string[]>)[]): fc.Arbitrary<string[]> =>
  fc.tuple(...parts).map((values) => [name].concat(values.flat()));

const limit = maybe(word("LIMIT"), int, int);
const withScores = maybe(word("WITHSCORES"));

const STRINGS = [
  command("SET", string!, value, flags("NX", "nx", "BAD")),
  command("SET", string!, value, word("EX", "PX", "px"), word("1000000", "0", "-1", "x", "9223372036854775807")),
  command("SET", string!, value, word("NX"), word("EX"), word("1000000", "x"), flags("NX")),
  command("SET", string!, value, word("EX", "PX"), word("1000000"), word("EX", "PX"), maybe(word("1000"))),
  command("GET", string!),
  command("SETNX", anyKey, value),
];

const HASHES = [
  command("HSET", hash!, pairsOf(member, value)),
  command("HSET", hash!, some(member, 2, 4)),
  command("HSETNX", hash!, member, value),
  command("HGET", hash!, member),
  command("HMGET", hash!, some(member)),
  command("HDEL", hash!, some(member)),
  ...["HGETALL", "HVALS", "HLEN"].map((name) => command(name, hash!)),
  command("HINCRBY", hash!, member, int),
  command("HSCAN", hash!, word("0"), word("COUNT"), word("1000"), maybe(word("MATCH"), pattern)),
];

const SETS = [
  command("SADD", set!, some(member)),
  command("SREM", set!, some(member)),
  command("SMEMBERS", set!),
  command("SISMEMBER", set!, member),
  command("SSCAN", set!, word("0"), word("COUNT"), word("1000"), maybe(word("MATCH"), pattern)),
];

const ZSETS = [
  command("ZADD", zset!, maybe(word("NX", "nx", "BAD")), pairsOf(score, member)),
  command("ZADD", zset!, pairsOf(score, member)),
  command("ZADD", zset!, some(score, 2, 4)),
  command("ZINCRBY", zset!, score, member),
  command("ZREM", zset!, some(member)),
  command("ZSCORE", zset!, member),
  command("ZMSCORE", zset!, some(member)),
  command("ZCARD", zset!),
  command("ZCOUNT", zset!, bound, bound),
  ...["ZRANGE", "ZREVRANGE"].map((name) => command(name, zset!, int, int, withScores)),
  ...["ZRANGEBYSCORE", "ZREVRANGEBYSCORE"].map((name) => command(name, zset!, bound, bound, withScores, limit)),
  command("ZREMRANGEBYSCORE", zset!, bound, bound),
  command("ZSCAN", zset!, word("0"), word("COUNT"), word("1000"), maybe(word("MATCH"), pattern)),
];

const LISTS = [command("RPUSH", list!, some(value)), command("LRANGE", list!, int, int), command("LLEN", list!)];

const GENERIC = [
  ...["DEL", "EXISTS"].map((name) => command(name, some(anyKey))),
  ...["TYPE", "TTL", "PEXPIRETIME"].map((name) => command(name, anyKey)),
  command("RENAME", anyKey, anyKey),
  command("EXPIRE", anyKey, seconds, maybe(word("ZZ"))),
  command("PEXPIREAT", anyKey, instantMs),
  command("SCAN", word("0"), word("COUNT"), word("1000"), maybe(word("MATCH"), pattern)),
  command("PING", maybe(value)),
  fc.constantFrom<string[]>(
    ["FLUSHALL"],
    ["GET"],
    ["HGET", "h1"],
    ["NOSUCH", "a", "b"],
    ["nosuch"],
    ["ZADD", "z1", "1"],
    ["SET", "s1"],
    ["PING", "a", "b"],
  ),
];

/** One command. Writes that fill the keys come often enough that the others find something. */
export const randomCommand: fc.Arbitrary<string[]> = fc.oneof(
  { weight: 2, arbitrary: fc.oneof(...STRINGS) },
  { weight: 4, arbitrary: fc.oneof(...HASHES) },
  { weight: 2, arbitrary: fc.oneof(...SETS) },
  { weight: 2, arbitrary: fc.oneof(...LISTS) },
  { weight: 6, arbitrary: fc.oneof(...ZSETS) },
  { weight: 4, arbitrary: fc.oneof(...GENERIC) },
);
