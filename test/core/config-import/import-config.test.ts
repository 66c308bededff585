import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { unstable_readConfig as readWranglerConfig } from "wrangler";
import { importConfig, type ImportOptions } from "../../../core/config-import/import-config.ts";
import { varsToml } from "../../../core/config-import/vars-toml.ts";
import { parseConfig } from "../../../core/parse-config.ts";
import { isRecord } from "../../../core/stratum/json-rpc.ts";
import { runProgram } from "../../support/ledger-cli.ts";

const SAMPLES = join(import.meta.dirname, "samples");
const ETHERBASE = "0x3333333333333333333333333333333333333333";
const KEY = { PAYOUT_PRIVATE_KEY: "1".repeat(64) };
const POOLS = ["open-ethereum-pool", "core-pool", "open-etc-pool", "open-etc-pool-friends"];
const fileOf = (pool: string): string => join(SAMPLES, `${pool}.json`);
const sampleOf = (pool: string): string => readFileSync(fileOf(pool), "utf8");
const options = (given: Partial<ImportOptions> = {}): ImportOptions => ({
  chain: null,
  upstreams: new Map(),
  accounts: [ETHERBASE],
  ...given,
});
const folder = mkdtempSync(join(tmpdir(), "import-config-"));
afterAll(() => rmSync(folder, { recursive: true }));

function imported(json: string, given: Partial<ImportOptions> = {}) {
  const result = importConfig(json, options(given));
  if (result.kind === "refused") throw new Error(JSON.stringify(result.problems));
  return result;
}

function refused(json: string, given: Partial<ImportOptions> = {}) {
  const result = importConfig(json, options(given));
  return result.kind === "refused" ? result.problems : [];
}

/** Paths of all values, lists being values. */
function leaves(table: Record<string, unknown>, prefix = ""): string[] {
  return Object.entries(table).flatMap(([name, value]) =>
    isRecord(value) ? leaves(value, `${prefix}${name}.`) : [`${prefix}${name}`],
  );
}

/** core-pool's sample with one member changed. */
function changed(path: string, value: unknown): string {
  const file: Record<string, unknown> = JSON.parse(sampleOf("core-pool"));
  const names = path.split(".");
  let table = file;
  for (const name of names.slice(0, -1)) {
    const inner = table[name];
    if (!isRecord(inner)) throw new Error(`${path} is not in the sample`);
    table = inner;
  }
  table[names.at(-1) ?? ""] = value;
  return JSON.stringify(file);
}

/** What Wrangler makes of it. */
function readBack(toml: string, env?: string) {
  const config = join(folder, "wrangler.toml");
  writeFileSync(config, `name = "pool"\ncompatibility_date = "2026-11-02"\n${toml}`);
  return readWranglerConfig({ config, ...(env === undefined ? {} : { env }) }, { hideWarnings: true });
}

const chainOf = (pool: string) => (pool === "open-ethereum-pool" ? "classic" : null);

describe.each(POOLS)("a config.json of %s", (pool) => {
  it("has no member that is not told what becomes of it, and none that is unknown", () => {
    const { members, unknown } = imported(sampleOf(pool), { chain: chainOf(pool) });
    expect(unknown).toEqual([]);
    expect(members.map(({ member }) => member).toSorted()).toEqual(leaves(JSON.parse(sampleOf(pool))).toSorted());
    expect(members.filter(({ setting, note }) => setting === null && note === "")).toEqual([]);
  });

  it.each([undefined, "staging"])(
    "becomes settings that this pool starts with when Wrangler has read them (env %s)",
    (env) => {
      const { settings } = imported(sampleOf(pool), { chain: chainOf(pool) });
      const bindings = [{ name: "PAYER", class_name: "Payer" }];
      const environment = env === undefined ? null : { name: env, bindings, namespaces: ["MARKS"] };
      const read = readBack(varsToml(settings, environment), env);
      expect(read.durable_objects.bindings).toEqual(env === undefined ? [] : bindings);
      expect(read.kv_namespaces).toEqual(env === undefined ? [] : [{ binding: "MARKS" }]);
      const config = parseConfig({ ...read.vars, ...KEY });
      expect(config.coin).toBe(pool === "open-ethereum-pool" ? "eth" : "etc");
      expect(config.chain.name).toBe(pool === "open-etc-pool" ? "mordor" : "classic");
      expect(config.work).toMatchObject({ blockRefreshIntervalMs: 250, upstreamCheckIntervalMs: 7_000, maxFails: 3 });
      expect(config.work.upstreams.map(({ name, url, timeoutMs }) => [name, url, timeoutMs])).toEqual([
        ["main", "https://geth.pool.example.org/", 8_000],
        ["spare", "https://geth-2.pool.example.org/", 9_000],
      ]);
      expect(config.stratum.timeoutMs).toBe(90_000);
      expect(config.policy).toMatchObject({
        resetIntervalMs: 2_700_000,
        refreshIntervalMs: 120_000,
        banning: { enabled: true, timeoutMs: 900_000, invalidPercent: 25, checkThreshold: 40, malformedLimit: 7 },
        limits: { enabled: true, limit: 40, graceMs: 360_000, limitJump: 12 },
      });
      expect(config.api).toMatchObject({
        hashrateWindowMs: 1_200_000,
        luckWindows: [32, 96, 192],
        payments: 25,
        blocks: 40,
      });
      expect(config.unlocker).toMatchObject({
        intervalMs: 480_000,
        settings: { accounts: [ETHERBASE], depth: 130, immatureDepth: 24, terms: { poolFee: "0.9", donateTo: null } },
      });
      expect(config.payer?.settings).toMatchObject({
        account: "0x2222222222222222222222222222222222222222",
        intervalMs: 5_400_000,
        threshold: 700_000_000n,
        requirePeers: 12,
        gasPriceWei: 40_000_000_000n,
        concurrentTx: pool === "open-etc-pool-friends" ? 6 : 10,
      });
      expect(config.payouts.scheme).toBe(pool === "open-etc-pool-friends" ? "pplns" : "prop");
      expect(config.log.level).toBe(pool === "core-pool" ? "debug" : "info");
    },
  );

  it("gives nothing of its secrets away, and says which ones to put", () => {
    const result = imported(sampleOf(pool), { chain: chainOf(pool) });
    expect(JSON.stringify(result)).not.toMatch(/redis-pass-7Qx|relic-key-9Zw/);
    expect(result.secrets.map(({ secret }) => secret)).toEqual([
      "UPSTASH_REDIS_REST_URL",
      "UPSTASH_REDIS_REST_TOKEN",
      ...(pool === "open-etc-pool" ? ["METRICS_TOKEN"] : []),
      "PAYOUT_PRIVATE_KEY",
    ]);
  });
});

describe("what cannot be taken over", () => {
  it.each([
    ["proxy", 5, "proxy"],
    ["proxy.policy.banning", [], "proxy.policy.banning"],
    ["proxy.difficulty", "much", "proxy.difficulty"],
    ["proxy.difficulty", 1e300, "proxy.difficulty"],
    ["proxy.blockRefreshInterval", "10ms", "proxy.blockRefreshInterval"],
    ["proxy.blockRefreshInterval", 120, "proxy.blockRefreshInterval"],
    ["proxy.debug", "loud", "proxy.debug"],
    ["proxy.policy.banning.timeout", "soon", "proxy.policy.banning.timeout"],
    ["api.luckWindow", [64, 32], "api.luckWindow"],
    ["api.hashrateWindow", "3h", "api.hashrateWindow"],
    ["upstream", "https://geth.pool.example.org", "upstream"],
    ["upstream", [], "upstream"],
    ["upstream", [{ name: "main" }], "upstream.0.url"],
    ["network", "ubiq", "network"],
    ["unlocker.poolFee", 101, "unlocker.poolFee"],
    ["unlocker.depth", 10, "unlocker.depth"],
    ["unlocker.enabled", "yes", "unlocker.enabled"],
    ["payouts.address", "0x0", "payouts.address"],
    ["payouts.threshold", -1, "payouts.threshold"],
    ["unlocker.enabled", false, "payouts.enabled"],
  ])("%s = %j is refused by name", (path, value, member) => {
    expect(refused(changed(path, value)).map((problem) => problem.member)).toContain(member);
  });

  it("a wrong path in a list or a missing chain says with which option it is given", () => {
    const local = [{ name: "main", url: "http://127.0.0.1:8545", timeout: "10s" }];
    const [problem] = refused(changed("upstream", local));
    expect(problem).toMatchObject({ member: "upstream.0.url", found: "the host 127.0.0.1" });
    expect(problem?.allowed).toContain("--upstream NAME=URL");
    expect(refused(sampleOf("open-ethereum-pool"))).toEqual([
      {
        member: "network",
        found: "nothing",
        allowed: "a value: it has no default (docs/OPERATING.md); or give --chain NAME",
      },
    ]);
    expect(refused(sampleOf("core-pool"), { accounts: [] })[0]?.allowed).toContain("--account 0x…");
  });

  it("nodes of a LAN get the public addresses that are given by their names, and no others", () => {
    const local = changed("upstream", [{ name: "main", url: "http://127.0.0.1:8545", timeout: "10s" }]);
    const upstreams = new Map([["main", "https://geth.mypool.com"]]);
    expect(imported(local, { upstreams }).settings["upstream"]).toEqual([
      { name: "main", url: "https://geth.mypool.com", timeout: "10s" },
    ]);
    const wrong = refused(local, { upstreams: new Map([["mian", "https://geth.mypool.com"]]) });
    expect(wrong[0]).toEqual({
      member: "upstream",
      found: "none with the name mian",
      allowed: "--upstream with one of main",
    });
  });

  it("members that no pool has are named at every depth, without their values", () => {
    const file = changed("proxy.policy.colour", "s3cret");
    const more = { ...JSON.parse(file), "proxy.listen": "s3cret", constructor: "s3cret", own: { deep: "s3cret" } };
    more.upstream[0].weight = "s3cret";
    const result = imported(JSON.stringify(more));
    expect(result.unknown).toEqual(["proxy.policy.colour", "upstream.0.weight", "proxy.listen", "constructor", "own"]);
    expect(JSON.stringify(result)).not.toContain("s3cret");
  });

  it("a file that is no JSON is named by the place, and never quoted", () => {
    const cases = [
      ["", "nothing"],
      ['{"coin": "etc"', "something else at line 1 column 15"],
      ['{"a": [{}, ', "its end in the middle of it"],
      ['{\n"password": "secret-of-a-pool",\n// why\n}', "something else at line 3 column 1"],
    ] as const;
    for (const [json, found] of cases)
      expect(refused(json)).toEqual([{ member: "the file", found, allowed: "JSON without comments" }]);
  });

  it("credentials in a node's URL become a secret, also where the node is refused", () => {
    const url = "https://miner:s3cret@geth.pool.example.org/rpc";
    const result = imported(changed("upstream", [{ name: "main", url }]));
    expect(result.settings["upstream"]).toEqual([{ name: "main", url: "https://geth.pool.example.org/rpc" }]);
    expect(result.secrets[0]?.secret).toBe("UPSTREAM_SECRETS");
    expect(JSON.stringify(result)).not.toContain("s3cret");
    const local = refused(changed("upstream", [{ name: "m n", url: "http://miner:s3cret@127.0.0.1:8545" }]));
    expect(local).not.toEqual([]);
    expect(JSON.stringify(local)).not.toContain("s3cret");
  });

  it.each(['{"redis": {"password": s3cret}}', '{"redis": {"password": "s3cret"}', "", "[]", '"s3cret"', "null"])(
    "%s is refused without a word of its text",
    (text) => {
      const problems = refused(text);
      expect(problems).toMatchObject([{ member: "the file" }]);
      expect(JSON.stringify(problems)).not.toContain("s3cret");
    },
  );

  it("pplns stays out where this pool has no unlocker to pay by it", () => {
    const file = JSON.parse(sampleOf("open-etc-pool-friends"));
    file.unlocker.enabled = false;
    file.payouts.enabled = false;
    const { settings, members } = imported(JSON.stringify(file));
    expect(settings["payouts"]).not.toHaveProperty("scheme");
    expect(members.find(({ member }) => member === "pplns")?.setting).toBeNull();
  });
});

describe("TOML", () => {
  it("gives every text and name back as it was", () => {
    const vars = {
      plain: 'a"b\\c\n\t\u0001\u007F é 😀 # no comment = [x]',
      "odd name.with dots": { 'in"ner': ["[[", { "a b": "}" }, 1, true] },
      empty: {},
    };
    expect(readBack(varsToml(vars, null)).vars).toEqual({
      plain: vars.plain,
      "odd name.with dots": vars["odd name.with dots"],
    });
  });
});

describe("the command", () => {
  const command = "scripts/import-config/cli.ts";

  it("prints settings only to standard output and the rest beside it; --out never overwrites", async () => {
    const out = join(folder, "vars.toml");
    const args = [command, fileOf("core-pool"), "--account", ETHERBASE, "--env", "staging"];
    const printed = await runProgram(...args);
    expect(printed.code).toBe(0);
    const read = readBack(printed.stdout, "staging");
    expect(parseConfig({ ...read.vars, ...KEY }).name).toBe("pool-1");
    const own = readWranglerConfig({ config: join(import.meta.dirname, "../../../wrangler.toml") });
    expect(read.durable_objects).toEqual(own.durable_objects);
    expect(read.kv_namespaces).toEqual([{ binding: "POOL_MARKS" }]);
    expect(printed.stderr).toContain("npm run secret -- PAYOUT_PRIVATE_KEY --env staging");
    expect(printed.stderr + printed.stdout).not.toMatch(/redis-pass-7Qx|relic-key-9Zw/);
    expect(await runProgram(...args, "--out", out)).toMatchObject({ code: 0, stdout: "" });
    expect(readFileSync(out, "utf8")).toBe(printed.stdout);
    expect(await runProgram(...args, "--out", out)).toMatchObject({ code: 2, stdout: "" });
  });

  it("ends with 1 and prints no settings where a member is in the way", async () => {
    const ended = await runProgram(command, fileOf("open-ethereum-pool"));
    expect(ended).toMatchObject({ code: 1, stdout: "" });
    expect(ended.stderr).toContain("  network: found nothing");
  });
});

it("the samples are those of the four pools", () => {
  expect(readdirSync(SAMPLES).toSorted()).toEqual(POOLS.map((pool) => `${pool}.json`).toSorted());
});
