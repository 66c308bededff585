import { describe, expect, it } from "vitest";
import { parseDurationMs } from "../../core/units.ts";
import { ConfigError, parseConfig } from "../../core/parse-config.ts";

const upstream = [{ name: "main", url: "http://127.0.0.1:8545", timeout: "10s" }];
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

describe("configuration", () => {
  it("has open-ethereum-pool's defaults where the operator says nothing", () => {
    const config = parseConfig(minimal);
    expect(config.stratum).toEqual({
      difficulty: 2_000_000_000n,
      timeoutMs: 120_000,
      loginTimeoutMs: 10_000,
      vardiff: null,
    });
    expect(config.ledger).toMatchObject({ upstash: null, commitIntervalMs: 0, hashrateExpirationMs: 10_800_000 });
    expect(config.policy.banning).toMatchObject({ enabled: true, invalidPercent: 30, timeoutMs: 1_800_000 });
    expect(config.api.luckWindows).toEqual([64, 128, 256]);
    expect(config.chain.ecip1099Block).toBe(11_700_000);
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
    ["blockRefreshInterval", { blockRefreshInterval: "1ms" }, "at least 100 ms"],
    ["difficulty", { difficulty: 0 }, "a difficulty in hashes"],
    ["difficulty", { difficulty: "9223372036854775808" }, "2^63 - 1"],
    ["difficulty", { difficulty: 1.5 }, "a difficulty in hashes"],
    ["upstream", { upstream: [] }, "at least one node"],
    ["upstream", { upstream: "[{" }, "JSON"],
    ["upstream", { upstream: [...upstream, ...upstream] }, "different names"],
    ["upstream.0.url", { upstream: [{ name: "a", url: "127.0.0.1:8545" }] }, "URL"],
    ["policy.banning.invalidPercent", { policy: { banning: { invalidPercent: 101 } } }, "1 to 100"],
    ["policy.baning", { policy: { baning: {} } }, "no such setting"],
    ["blockRefreshIntervall", { blockRefreshIntervall: "1s" }, "one of"],
    ["UPSTASH_REDIS_REST_TOKEN", { UPSTASH_REDIS_REST_URL: "https://x.upstash.io" }, "both"],
    ["UPSTREAM_SECRETS.backup", { UPSTREAM_SECRETS: '{"backup":{}}' }, "one of main"],
    ["stratum.vardiff.minDiff", { stratum: { vardiff: { minDiff: 10, maxDiff: 5 } } }, "at most maxDiff"],
  ])("names %s, what was found and what is allowed", (variable, env, allowed) => {
    const problem = problemsOf({ ...minimal, ...env }).find((found) => found.variable === variable);
    expect(problem?.allowed).toContain(allowed);
    expect(problem?.found).not.toBe("");
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
