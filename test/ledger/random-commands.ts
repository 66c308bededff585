/** Random commands for the differential test: every command that has one right answer, with arguments that are often wrong. */
import * as fc from "fast-check";

type Token = fc.Arbitrary<string>;

/** Keys by what they mostly hold; one in eight is of another kind. */
const KEYS = {
  string: ["s1", "s2"],
  hash: ["h1", "h2"],
  set: ["t1", "t2", "t3"],
  zset: ["z1", "z2"],
  finite: ["a1", "a2", "a3"],
};
const anyKey = fc.constantFrom(...Object.values(KEYS).flat(), "none", "");
const keyOf = (kind: keyof typeof KEYS): Token =>
  fc.oneof({ weight: 7, arbitrary: fc.constantFrom(...KEYS[kind]) }, { weight: 1, arbitrary: anyKey });

const [string, hash, set, zset, finite] = (["string", "hash", "set", "zset", "finite"] as const).map(keyOf);
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
const count = fc.constantFrom("0", "1", "2", "3", "-1", "1000", "x");
const decimal = fc.constantFrom(
  "0",
  "1",
  "-1",
  "0.1",
  "0.2",
  "-0.3",
  "1000.1",
  "5.0e3",
  "1e-5",
  "123456789.125",
  "3.00",
  "+7",
  ".5",
  "5.",
);
const badFloat = fc.constantFrom("inf", "-inf", "nan", "abc", "", " 1", "1e400", "1e-400", "1.5x");
const float = fc.oneof({ weight: 6, arbitrary: decimal }, { weight: 1, arbitrary: badFloat });
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
const lex = fc.constantFrom("-", "+", "[a", "(a", "[b", "(c", "[", "(", "a", "[ü", "[1", "[z");
const value = fc.oneof(member, int, float);
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
const instant = fc.constantFrom("4000000000", "4000000001", "4100000000", "1", "0", "x", "9223372036854775807");
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
  fc.array(fc.tuple(a, b), { minLength: 1, maxLength: 3 }).map((list) => list.flat());
const keysWithCount = (key: Token): fc.Arbitrary<string[]> =>
  fc.oneof(
    { weight: 9, arbitrary: some(key).map((keys) => [String(keys.length)].concat(keys)) },
    { weight: 1, arbitrary: fc.tuple(count, key).map((list) => Array.from(list)) },
  );

const command = (name: string, ...parts: (Token | fc.Arbitrary<string[]>)[]): fc.Arbitrary<string[]> =>
  fc.tuple(...parts).map((values) => [name].concat(values.flat()));

const limit = maybe(word("LIMIT"), int, int);
const withScores = maybe(word("WITHSCORES"));
const expireFlags = flags("NX", "XX", "GT", "LT", "nx", "ZZ");

const STRINGS = [
  command("SET", string!, value, flags("NX", "XX", "GET", "KEEPTTL", "nx", "BAD")),
  command("SET", string!, value, word("EX", "PX"), word("1000000", "0", "-1", "x", "9223372036854775807")),
  command("SET", string!, value, word("PXAT", "EXAT"), instantMs, flags("NX", "XX", "GET")),
  ...["GET", "GETDEL", "STRLEN", "INCR", "DECR"].map((name) => command(name, string!)),
  ...["SETNX", "GETSET", "APPEND"].map((name) => command(name, string!, value)),
  command("SETEX", string!, seconds, value),
  command("PSETEX", string!, word("1000000", "0", "x"), value),
  command(
    "GETEX",
    string!,
    fc.oneof(maybe(word("PERSIST")), maybe(word("EXAT"), instant), maybe(word("PERSIST", "EX", "BAD"))),
  ),
  command("MGET", some(anyKey)),
  command("MSET", pairsOf(string!, value)),
  command("MSETNX", pairsOf(anyKey, value)),
  command("MSET", some(string!, 1, 3)),
  command("INCRBY", string!, int),
  command("DECRBY", string!, int),
  command("INCRBYFLOAT", string!, float),
  command("GETRANGE", string!, word("0", "1", "-1", "-3", "5", "x"), word("0", "2", "-1", "-2", "100")),
  // On a key that holds only ASCII: half of a character is no text, and the REST protocol carries text.
  command("SETRANGE", word("h1", "s9"), word("0", "1", "3", "-1", "x"), word("ab", "", "zzz")),
  command("GETRANGE", word("s9"), int, int),
];

const HASHES = [
  command("HSET", hash!, pairsOf(member, value)),
  command("HMSET", hash!, pairsOf(member, value)),
  command("HSET", hash!, some(member, 2, 4)),
  command("HSETNX", hash!, member, value),
  ...["HGET", "HEXISTS", "HSTRLEN"].map((name) => command(name, hash!, member)),
  command("HMGET", hash!, some(member)),
  command("HDEL", hash!, some(member)),
  ...["HGETALL", "HKEYS", "HVALS", "HLEN"].map((name) => command(name, hash!)),
  command("HINCRBY", hash!, member, int),
  command("HINCRBYFLOAT", hash!, member, float),
  command("HRANDFIELD", hash!, word("1000"), maybe(word("WITHVALUES", "BAD"))),
  command("HSCAN", hash!, word("0"), word("COUNT"), word("1000"), maybe(word("MATCH"), pattern)),
];

const SETS = [
  command("SADD", set!, some(member)),
  command("SREM", set!, some(member)),
  command("SMEMBERS", set!),
  command("SCARD", set!),
  command("SISMEMBER", set!, member),
  command("SMISMEMBER", set!, some(member)),
  command("SMOVE", set!, set!, member),
  command("SPOP", set!, word("1000", "0", "-1", "x")),
  command("SRANDMEMBER", set!, word("1000", "0", "x")),
  ...["SINTER", "SUNION", "SDIFF"].map((name) => command(name, some(set!))),
  ...["SINTERSTORE", "SUNIONSTORE", "SDIFFSTORE"].map((name) => command(name, set!, some(set!))),
  command("SINTERCARD", keysWithCount(set!), maybe(word("LIMIT", "BAD"), count)),
  command("SSCAN", set!, word("0"), word("COUNT"), word("1000"), maybe(word("MATCH"), pattern)),
];

const ZSETS = [
  command("ZADD", zset!, flags("NX", "XX", "GT", "LT", "CH", "INCR", "ch"), pairsOf(score, member)),
  command("ZADD", zset!, pairsOf(score, member)),
  command("ZADD", zset!, some(score, 2, 4)),
  command("ZINCRBY", zset!, score, member),
  command("ZREM", zset!, some(member)),
  ...["ZSCORE", "ZRANK", "ZREVRANK"].map((name) => command(name, zset!, member)),
  command("ZMSCORE", zset!, some(member)),
  command("ZCARD", zset!),
  command("ZCOUNT", zset!, bound, bound),
  ...["ZPOPMIN", "ZPOPMAX"].map((name) => command(name, zset!, maybe(count))),
  command("ZRANGE", zset!, int, int, withScores),
  command("ZRANGE", zset!, int, int, word("REV"), withScores),
  command("ZRANGE", zset!, bound, bound, word("BYSCORE"), limit, withScores),
  command("ZRANGE", zset!, bound, bound, word("BYSCORE"), word("REV"), limit, withScores),
  command("ZRANGE", zset!, fc.oneof(bound, int), fc.oneof(bound, int), flags("BYSCORE", "REV"), limit, withScores),
  command("ZRANGE", zset!, int, int, flags("BYLEX", "REV"), withScores),
  command("ZREVRANGE", zset!, int, int, withScores),
  ...["ZRANGEBYSCORE", "ZREVRANGEBYSCORE"].map((name) => command(name, zset!, bound, bound, withScores, limit)),
  command("ZRANGESTORE", zset!, zset!, bound, bound, word("BYSCORE"), limit),
  command("ZRANGESTORE", zset!, zset!, int, int, flags("REV", "WITHSCORES", "BYLEX")),
  command("ZREMRANGEBYSCORE", zset!, bound, bound),
  command("ZREMRANGEBYRANK", zset!, int, int),
  command("ZRANDMEMBER", zset!, word("1000"), maybe(word("WITHSCORES", "BAD"))),
  command("ZSCAN", zset!, word("0"), word("COUNT"), word("1000"), maybe(word("MATCH"), pattern)),
  // By bytes of the member, which Redis defines for equal scores only.
  command("ZADD", fc.constant("x1"), word("0"), member),
  ...["ZRANGEBYLEX", "ZREVRANGEBYLEX"].map((name) => command(name, fc.constant("x1"), lex, lex, limit)),
  ...["ZLEXCOUNT", "ZREMRANGEBYLEX"].map((name) => command(name, fc.constant("x1"), lex, lex)),
  command("ZRANGE", fc.constant("x1"), lex, lex, word("BYLEX"), flags("REV"), limit),
];

const options = fc.oneof(
  fc.constant<string[]>([]),
  maybe(word("AGGREGATE"), word("SUM", "MIN", "MAX", "min", "BAD")),
  maybe(word("WEIGHTS"), plainScore, plainScore),
);
const ALGEBRA = [
  command("ZADD", finite!, pairsOf(plainScore, member)),
  ...["ZUNION", "ZINTER"].map((name) => command(name, keysWithCount(finite!), options, withScores)),
  command("ZDIFF", keysWithCount(finite!), withScores),
  ...["ZUNIONSTORE", "ZINTERSTORE"].map((name) =>
    command(name, finite!, keysWithCount(fc.oneof(finite!, set!)), options),
  ),
  command("ZDIFFSTORE", finite!, keysWithCount(finite!)),
  command("ZINTERCARD", keysWithCount(finite!), maybe(word("LIMIT", "BAD"), count)),
];

const GENERIC = [
  ...["DEL", "UNLINK", "EXISTS", "TOUCH"].map((name) => command(name, some(anyKey))),
  ...["TYPE", "PERSIST", "TTL", "PTTL", "EXPIRETIME", "PEXPIRETIME"].map((name) => command(name, anyKey)),
  ...["RENAME", "RENAMENX"].map((name) => command(name, anyKey, anyKey)),
  command("COPY", anyKey, anyKey, flags("REPLACE", "BAD")),
  command("EXPIRE", anyKey, seconds, flags("NX", "XX")),
  command(
    "PEXPIRE",
    anyKey,
    seconds.map((s) => (/^\d{4,6}$/.test(s) ? `${s}000` : s)),
  ),
  command("EXPIREAT", anyKey, instant, expireFlags),
  command("PEXPIREAT", anyKey, instantMs, expireFlags),
  command("KEYS", pattern),
  command(
    "SCAN",
    word("0"),
    word("COUNT"),
    word("1000"),
    flags("MATCH", "*"),
    maybe(word("TYPE"), word("hash", "zset", "string")),
  ),
  command("ECHO", value),
  command("PING", maybe(value)),
  fc.constantFrom<string[]>(
    ["FLUSHALL"],
    ["FLUSHDB", "x"],
    ["GET"],
    ["HGET", "h1"],
    ["NOSUCH", "a", "b"],
    ["nosuch"],
    ["ZADD", "z1", "1"],
    ["SET", "s1"],
  ),
];

/** One command. Writes that fill the keys come often enough that the others find something. */
export const randomCommand: fc.Arbitrary<string[]> = fc.oneof(
  { weight: 4, arbitrary: fc.oneof(...STRINGS) },
  { weight: 4, arbitrary: fc.oneof(...HASHES) },
  { weight: 4, arbitrary: fc.oneof(...SETS) },
  { weight: 8, arbitrary: fc.oneof(...ZSETS) },
  { weight: 3, arbitrary: fc.oneof(...ALGEBRA) },
  { weight: 4, arbitrary: fc.oneof(...GENERIC) },
);
