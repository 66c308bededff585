import { describe, expect, it } from "vitest";
import { parseDurationMs } from "../../core/units.ts";
import { ConfigError } from "../../core/config-problem.ts";
import { parseConfig } from "../../core/parse-config.ts";

const upstream = [{ name: "main", url: "https://geth.mypool.com", timeout: "10s" }];
const minimal = { chain: "classic", upstream };

function problemsOf(env: Record<string, unknown>) {
  try {
    parseConfig(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

const banTimeout = (timeout: unknown) =>
  parseConfig({ ...minimal, policy: { banning: { timeout } } }).policy.banning.timeoutMs;

describe("durations", () => {
  it.each([
    ["120ms", 120],
    ["10s", 10_000],
    ["1h30m", 5_400_000],
    ["1.5s", 1_500],
    ["0s", 0],
    ["0", 0],
  ])("reads %s as open-ethereum-pool does", (text, ms) => {
    expect(parseDurationMs(text)).toBe(ms);
  });

  it.each(["", "10", "s", "-1s", "1 s", "1d", "1s2"])("refuses %j", (text) => {
    expect(parseDurationMs(text)).toBeUndefined();
  });
});

describe("secrets", () => {
  const secret = "ab".repeat(32);
  it.each(["NOTIFICATION_KEY", "MAIL_API_KEY", "PAYOUT_PRIVATE_KEY", "METRICS_TOKEN"])(
    "the operator's token is not %s as well: whoever is trusted with the one would have the other",
    (name) => {
      expect(problemsOf({ ...minimal, ADMIN_TOKEN: secret, [name]: secret })).toMatchObject([
        { found: expect.stringContaining("the same secret as"), allowed: "a secret of its own" },
      ]);
    },
  );
});

describe("configuration", () => {
  it("has open-ethereum-pool's defaults where the operator says nothing", () => {
    const config = parseConfig(minimal);
    expect(config.stratum).toEqual({
      difficulty: 2_000_000_000n,
      timeoutMs: 120_000,
      loginTimeoutMs: 10_000,
      maxWorkers: 2_048,
      vardiff: {
        targetTimeMs: 30_000,
        retargetTimeMs: 60_000,
        variancePercent: 30,
        minDifficulty: 100_000_000n,
        maxDifficulty: 10_000_000_000_000n,
      },
    });
    expect(config.ledger).toMatchObject({ upstash: null, commitIntervalMs: 0, hashrateExpirationMs: 10_800_000 });
    expect(config.policy).toMatchObject({ resetIntervalMs: 3_600_000, bridgeToken: null });
    expect(config.policy.limits).toEqual({ enabled: false, limit: 30, graceMs: 300_000, limitJump: 10 });
    expect(config.policy.banning).toMatchObject({ enabled: true, invalidPercent: 30, timeoutMs: 1_800_000 });
    expect(config.api.luckWindows).toEqual([64, 128, 256]);
    expect(config.chain.ecip1099Block).toBe(11_700_000);
  });

  it("takes a ban's time in seconds, as the reference has it, or as a duration", () => {
    expect([banTimeout(1_800), banTimeout("45m")]).toEqual([1_800_000, 2_700_000]);
  });

  it("is frozen all the way down", () => {
    const config = parseConfig(minimal);
    expect(Object.isFrozen(config)).toBe(true);
    expect(Object.isFrozen(config.policy.banning)).toBe(true);
    expect(Object.isFrozen(config.work.upstreams[0])).toBe(true);
  });

  it("takes tables as JSON text, as .dev.vars and --var hand them over", () => {
    const config = parseConfig({
      chain: "classic",
      upstream: JSON.stringify(upstream),
      difficulty: "4000",
      stratum: '{"timeout":"30s"}',
    });
    expect(config.work.upstreams.map((node) => node.name)).toEqual(["main"]);
    expect(config.stratum).toMatchObject({ difficulty: 4_000n, timeoutMs: 30_000 });
  });

  it("takes a chain of the operator's own", () => {
    const config = parseConfig({ upstream, chain: { name: "mychain", epochLength: 1_000 } });
    expect(config.chain).toMatchObject({ name: "mychain", epochLength: 1_000, ecip1099Block: null });
  });

  it("tells solo nodes from those of common work, and wants one of these", () => {
    const alone = { name: "alone", url: "https://alone.example", scheme: "solo" };
    const { work } = parseConfig({ ...minimal, upstream: [...upstream, alone] });
    expect([work.upstreams.map(({ name }) => name), work.soloUpstreams.map(({ name }) => name)]).toEqual([
      ["main"],
      ["alone"],
    ]);
    expect(work.terms.solo).toBeUndefined();
    expect(() => parseConfig({ ...minimal, upstream: [alone] })).toThrow("a node of common work as well");
    const unlocker = { enabled: true, accounts: [`0x${"a0".repeat(20)}`] };
    const payouts = { scheme: "solo" };
    expect(parseConfig({ ...minimal, unlocker, payouts }).work.terms.solo).toBe(true);
    expect(() => parseConfig({ ...minimal, unlocker, payouts, upstream: [...upstream, alone] })).toThrow("all work is");
  });

  it.each(["pplns", "solo"])("takes the scheme %s only where its own unlocker pays", (scheme) => {
    expect(() => parseConfig({ ...minimal, payouts: { scheme } })).toThrow("another unlocker knows no other scheme");
  });

  it("links to the explorer that the chain has, to the operator's own, or to none", () => {
    expect(parseConfig(minimal).api.explorer?.block).toBe("https://etc.blockscout.com/block/{}");
    expect(parseConfig({ upstream, chain: { name: "mychain", epochLength: 1_000 } }).api.explorer).toBeNull();
    expect(parseConfig({ ...minimal, explorer: null }).api.explorer).toBeNull();
    // Simulated blocks are on no explorer.
    expect(parseConfig({ ...minimal, devnet: true }).api.explorer).toBeNull();
    const own = { block: "https://x.org/b/{}", transaction: "https://x.org/t/{}", address: "https://x.org/a/{}" };
    expect(parseConfig({ ...minimal, explorer: JSON.stringify(own) }).api.explorer).toEqual(own);
  });

  it("moves credentials out of an upstream's URL into a header", () => {
    const config = parseConfig({
      chain: "classic",
      upstream: [{ name: "a", url: "https://user:p%40ss@node.example/rpc" }],
    });
    expect(config.work.upstreams[0]).toEqual({
      name: "a",
      url: "https://node.example/rpc",
      timeoutMs: 10_000,
      secretHeaders: { authorization: `Basic ${btoa("user:p@ss")}` },
    });
  });

  it("adds Cloudflare Access credentials from the secret", () => {
    const config = parseConfig({
      ...minimal,
      UPSTREAM_SECRETS: JSON.stringify({ main: { cfAccessClientId: "id", cfAccessClientSecret: "s" } }),
    });
    expect(config.work.upstreams[0]?.secretHeaders).toEqual({
      "cf-access-client-id": "id",
      "cf-access-client-secret": "s",
    });
  });

  it.each([
    ["chain", { chain: "bitcoin" }, "ethereum, classic"],
    ["blockRefreshInterval", { blockRefreshInterval: "soon" }, "a duration"],
    ["blockRefreshInterval", { blockRefreshInterval: "1ms" }, "from 100ms to 5m"],
    ["difficulty", { difficulty: 0 }, "a difficulty in hashes"],
    ["difficulty", { difficulty: "9223372036854775808" }, "2^63 - 1"],
    ["difficulty", { difficulty: 1.5 }, "a difficulty in hashes"],
    ["upstream", { upstream: [] }, "at least one node"],
    ["upstream", { upstream: "[{" }, "JSON"],
    ["upstream", { upstream: [...upstream, ...upstream] }, "different names"],
    ["upstream.0.url", { upstream: [{ name: "a", url: "127.0.0.1:8545" }] }, "URL"],
    ["policy.banning.invalidPercent", { policy: { banning: { invalidPercent: 101 } } }, "1 to 100"],
    ["policy.baning", { policy: { baning: {} } }, "no such setting"],
    ["policy.banning.timeout", { policy: { banning: { timeout: "soon" } } }, "from 1s"],
    ["policy.resetInterval", { policy: { resetInterval: "0s" } }, "1s"],
    ["policy.limits.limit", { policy: { limits: { limit: 0 } } }, "1 to"],
    ["BRIDGE_TOKEN", { BRIDGE_TOKEN: "short" }, "at least 16"],
    ["blockRefreshIntervall", { blockRefreshIntervall: "1s" }, "one of"],
    ["UPSTASH_REDIS_REST_TOKEN", { UPSTASH_REDIS_REST_URL: "https://x.upstash.io" }, "both"],
    ["UPSTREAM_SECRETS.backup", { UPSTREAM_SECRETS: '{"backup":{}}' }, "one of main"],
    [
      "explorer.block",
      { explorer: { block: "javascript:{}", transaction: "https://x.org/{}", address: "https://x.org/{}" } },
      "an https:// URL",
    ],
    ["explorer.address", { explorer: { block: "https://x.org/{}", transaction: "https://x.org/{}" } }, "address"],
    ["stratum.vardiff.minDiff", { stratum: { vardiff: { minDiff: 10, maxDiff: 5 } } }, "at most maxDiff"],
  ])("names %s, what was found and what is allowed", (variable, env, allowed) => {
    const problem = problemsOf({ ...minimal, ...env }).find((found) => found.variable === variable);
    expect(problem?.allowed).toContain(allowed);
    expect(problem?.found).not.toBe("");
  });

  it.each([
    ["ledgerCommitInterval", { ledgerCommitInterval: "10m" }, "from 0s to 500ms"],
    ["ledgerTimeout", { ledgerTimeout: "1h" }, "from 100ms to 30s"],
    ["blockRefreshInterval", { blockRefreshInterval: "10h" }, "from 100ms to 5m"],
    ["blockRefreshInterval", { blockRefreshInterval: "30s" }, 'a third of workMaxAge or less, that is "20s"'],
    ["workMaxAge", { workMaxAge: "24h" }, "from 1s to 1h"],
    ["stratum.timeout", { stratum: { timeout: `${"9".repeat(400)}h` } }, "from 1s to 24h"],
    ["stratum.loginTimeout", { stratum: { loginTimeout: "999h" } }, "from 1s to 5m"],
    ["policy.banning.timeout", { policy: { banning: { timeout: "0s" } } }, "from 1s to 168h"],
    ["policy.banning.timeout", { policy: { banning: { timeout: "600h" } } }, "from 1s to 168h"],
    ["upstream.0.timeout", { upstream: [{ ...upstream[0], timeout: "1h" }] }, "from 100ms to 1m"],
    ["outboxLimit", { outboxLimit: 9_000_000 }, "1 to 200000"],
    ["verifier.queueLimit", { verifier: { queueLimit: 1e9 } }, "1 to 5000"],
    ["maxFails", { maxFails: 1e15 }, "1 to 1000"],
    [
      "api.hashrateWindow",
      { api: { hashrateWindow: "3h", hashrateLargeWindow: "30m" } },
      'less than api.hashrateLargeWindow, which is "30m"',
    ],
    ["api.hashrateWindow", { api: { hashrateWindow: "3h" } }, "less than api.hashrateLargeWindow"],
    // Case A5: 25 acknowledged, 24 credited after Redis had hung for six seconds once.
    [
      "hashrateExpiration",
      { hashrateExpiration: "16m", api: { hashrateWindow: "5m", hashrateLargeWindow: "16m" } },
      'at least "17m": a share that is sent again is told from a new one by its hashrate entry',
    ],
    [
      "hashrateExpiration",
      {
        hashrateExpiration: "22m",
        verifier: { queueTimeout: "5m" },
        api: { hashrateWindow: "5m", hashrateLargeWindow: "22m" },
      },
      'at least "23m": a share that is sent again is told from a new one by its hashrate entry',
    ],
    ["api.hashrateLargeWindow", { api: { hashrateWindow: "5m", hashrateLargeWindow: "12m" } }, 'at least "13m"'],
    ["api.hashrateLargeWindow", { hashrateExpiration: "1h" }, 'at most hashrateExpiration, which is "1h"'],
    ["api.luckWindow", { api: { luckWindow: [] } }, "a rising list"],
    ["api.luckWindow", { api: { luckWindow: [64, 64] } }, "a rising list"],
  ])("bounds %s, by itself or by what it goes with", (variable, env, allowed) => {
    const problems = problemsOf({ ...minimal, ...env });
    expect(problems).toMatchObject([{ variable, allowed: expect.stringContaining(allowed) }]);
  });

  it("lists every problem at once", () => {
    const wrong = { ...minimal, difficulty: -1, maxFails: 0, name: "a b" };
    const names = problemsOf(wrong).map((problem) => problem.variable);
    expect(names).toEqual(expect.arrayContaining(["difficulty", "maxFails", "name"]));
  });

  it("never shows a secret", () => {
    const wrong = { ...minimal, NOTIFY_TOKEN: "too-short", UPSTREAM_SECRETS: '{"x":{"password":4711}}' };
    const message = JSON.stringify(problemsOf(wrong));
    expect(message).toContain("NOTIFY_TOKEN");
    expect(message).not.toContain("too-short");
    expect(message).not.toContain("4711");
  });

  it("treats an empty variable as not set", () => {
    expect(parseConfig({ ...minimal, coin: "" }).coin).toBe("eth");
  });

  it.each([
    ["an empty secret, which its owner takes for a good one", "NOTIFY_TOKEN", { NOTIFY_TOKEN: "" }],
    ["an empty token of Upstash", "UPSTASH_REDIS_REST_TOKEN", { UPSTASH_REDIS_REST_TOKEN: "" }],
    ["a short one", "REDIS_READ_TOKEN", { REDIS_READ_TOKEN: "fifteen-letters" }],
    ["a line end that the shell put in", "METRICS_TOKEN", { METRICS_TOKEN: "read-the-figures-of-the-pool\n" }],
    ["an empty password", "UPSTREAM_SECRETS.main.password", { UPSTREAM_SECRETS: '{"main":{"password":""}}' }],
    ["no JSON at all", "UPSTREAM_SECRETS", { UPSTREAM_SECRETS: "" }],
    [
      "one secret for two doors",
      "METRICS_TOKEN",
      { REDIS_TOKEN: "one-secret-for-two-doors", METRICS_TOKEN: "one-secret-for-two-doors" },
    ],
  ])("refuses %s by name and does not show it", (_, variable, env) => {
    const problems = problemsOf({ ...minimal, ...env });
    expect(problems.map((problem) => problem.variable)).toEqual([variable]);
    expect(JSON.stringify(problems)).not.toMatch(/fifteen-letters|read-the-figures|one-secret/);
  });
});

const MINE = { name: "mychain", epochLength: 30_000 };

describe("the chain", () => {
  it.each([
    [
      "chain.ecip1099Block",
      { ...MINE, ecip1099Block: 11_730_000 },
      "11730000",
      "a multiple of the longer epoch, which is 2 × epochLength = 60000",
    ],
    ["chain.name", { ...MINE, name: "" }, '""', "a name of 1 to 32 letters"],
    ["chain.name", { ...MINE, name: "classic" }, '"classic"', 'write chain = "classic"'],
    ["chain.epochLength", { ...MINE, epochLength: 0 }, "0", "a whole number from 1"],
    ["chain.name", { epochLength: 1_000 }, "nothing", "a table { name, epochLength"],
    ["chain.chainId", { ...MINE, chainId: "main" }, '"main"', "a whole number from 1"],
    ["chain.epochlength", { ...MINE, epochlength: 1 }, '"epochlength"', "no such setting"],
    ["chain", undefined, "nothing", "ethereum, classic, mordor"],
  ])(
    "of one's own has its wrong %s named, with what was found and what is allowed",
    (variable, chain, found, allowed) => {
      expect(problemsOf({ upstream, chain })).toMatchObject([
        { variable, found, allowed: expect.stringContaining(allowed) },
      ]);
    },
  );

  it.each([
    ["ubiq", "Ubqhash"],
    ["UBQ-main", "Ubqhash"],
    ["ubiq2", "Ubqhash"],
    ["my_ubiq-net", "Ubqhash"],
    ["Ravencoin", "KawPow"],
    ["ergo", "Autolykos v2"],
    ["conflux", "Octopus"],
    ["progpow", "ProgPow"],
    ["ETHEREUM-POW-", null],
  ])("called %s is refused with the algorithm that it is mined with, as a name and as a table", (name, algorithm) => {
    const said = algorithm === null ? "ethereum, classic" : `mined with ${algorithm}`;
    expect(problemsOf({ upstream, chain: name })).toMatchObject([
      { variable: "chain", allowed: expect.stringContaining(said) },
    ]);
    if (algorithm === null) return;
    expect(problemsOf({ upstream, chain: { ...MINE, name } })).toMatchObject([
      { variable: "chain.name", allowed: expect.stringContaining(said) },
    ]);
  });

  it("whose light cache cannot fit a Worker is refused by name, except on a simulated chain", () => {
    expect(problemsOf({ upstream, chain: "ethereum-pow" })).toEqual([
      {
        variable: "chain",
        found: '"ethereum-pow"',
        allowed:
          "a chain whose shares can be verified here: its light cache from block 25500000 on takes 122 MiB; " +
          "a Worker's isolate has 128 MiB, and 32 MiB are kept for everything else",
      },
    ]);
    expect(problemsOf({ upstream, chain: "ethereum-pow", devnet: true })).toEqual([]);
  });
});

describe("addresses that a Worker cannot fetch", () => {
  it.each([
    "http://127.0.0.1:8545",
    "http://2130706433/",
    "http://203.0.113.7:8545",
    "http://[2001:db8::1]:8545",
    "http://localhost:8545",
    "http://geth:8545",
    "http://geth.lan:8545",
    "https://geth.local",
  ])("%s is refused as a node and as a ledger, with what to do, unless the pool runs on this machine", (url) => {
    const env = {
      chain: "classic",
      upstream: [{ name: "main", url }],
      UPSTASH_REDIS_REST_URL: url,
      UPSTASH_REDIS_REST_TOKEN: "x",
    };
    expect(problemsOf(env)).toMatchObject(
      ["upstream.0.url", "UPSTASH_REDIS_REST_URL"].map((variable) => ({
        variable,
        found: `the host ${new URL(url).hostname}`,
        allowed: expect.stringMatching(/error 1003.*Cloudflare Tunnel/),
      })),
    );
    expect(problemsOf({ ...env, devnet: "true" })).toEqual([]);
  });

  it("are shown without the credentials in them", () => {
    const text = JSON.stringify(
      problemsOf({ chain: "classic", upstream: [{ name: "a", url: "ftp://me:s3cret@x.io" }] }),
    );
    expect(text).toContain("[redacted]");
    expect(text).not.toContain("s3cret");
  });
});
