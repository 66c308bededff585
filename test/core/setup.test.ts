import { mkdir, mkdtemp, readFile, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chainByName } from "@edgepool/ethash-wasm/chain-spec";
import { parse } from "smol-toml";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { unstable_readConfig as readWranglerConfig } from "wrangler";
import { startNode, type DevNode } from "../../devnet/node/node.ts";
import type { Finding } from "../../scripts/doctor/finding.ts";
import type { Answers } from "../../scripts/setup/answers.ts";
import { settingsOf } from "../../scripts/setup/answers.ts";
import { withEnvironment } from "../../scripts/setup/environment-toml.ts";
import { planSecrets } from "../../scripts/setup/secrets.ts";
import { setUp, type SetupWorld } from "../../scripts/setup/setup.ts";

const ROOT = join(import.meta.dirname, "..", "..");
const MAIN = await readFile(join(ROOT, "wrangler.toml"), "utf8");
/** A script beside the first, bound to it and bound by it. */
const PAGE = `name = "edgepool-page"
main = "worker/index.ts"
compatibility_date = "2026-11-02"

[vars]
chain = "classic"

[[services]]
binding = "POOL"
service = "edgepool"

[[durable_objects.bindings]]
name = "POOL_API"
class_name = "PoolApi"
script_name = "edgepool"
`;
let folder: string;
let node: DevNode;

beforeAll(async () => {
  const spec = chainByName("classic");
  if (spec === undefined) throw new Error("no chain");
  node = await startNode({ spec, startHeight: 20_000_000, blockTimeMs: null });
});
afterAll(() => node.close());
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "edgepool-setup-"));
  return () => rm(folder, { recursive: true });
});

/** What Wrangler makes of an environment, and what it warns of. */
async function readBack(toml: string, env: string) {
  const path = join(folder, "read-back.toml");
  await writeFile(path, toml);
  return readWranglerConfig({ config: path, env });
}

const WISH = {
  name: "staging",
  vars: { home: "weur", upstream: [{ name: "main", url: "https://geth.example" }] },
  domain: null,
};

describe("the environment that setup writes", () => {
  it("has every setting and binding that an environment does not inherit, and keeps the file's own text", async () => {
    const [planned] = withEnvironment([{ path: "wrangler.toml", toml: MAIN }], WISH);
    const [top, env] = [
      readWranglerConfig({ config: join(ROOT, "wrangler.toml") }),
      await readBack(planned?.toml ?? "", "staging"),
    ];
    expect(env.durable_objects).toEqual(top.durable_objects);
    expect(env.kv_namespaces).toEqual(top.kv_namespaces);
    expect(env.vars).toEqual({ ...top.vars, ...WISH.vars });
    expect([env.name, env.triggers, env.limits, env.assets]).toEqual([
      "edgepool-staging",
      top.triggers,
      top.limits,
      top.assets,
    ]);
    expect(planned?.toml.startsWith(MAIN.trimEnd())).toBe(true);
  });

  it("is the same after a second time, leaves other environments alone, and keeps what Wrangler and the operator put there", () => {
    const other = '\n[env.production.vars]\nchain = "mordor"\n';
    const own =
      '\n[env.staging]\nworkers_dev = false\n[[env.staging.kv_namespaces]]\nbinding = "POOL_MARKS"\nid = "abc"\n';
    const [first] = withEnvironment([{ path: "a", toml: MAIN + own + other }], WISH);
    const [second] = withEnvironment([{ path: "a", toml: first?.toml ?? "" }], { ...WISH, vars: {} });
    expect([second?.changed, second?.toml]).toEqual([false, first?.toml]);
    expect(parse(first?.toml ?? "")).toMatchObject({
      env: {
        staging: { workers_dev: false, kv_namespaces: [{ binding: "POOL_MARKS", id: "abc" }], vars: WISH.vars },
        production: { vars: { chain: "mordor" } },
      },
    });
  });

  it("goes over all scripts of the pool: a binding leads to the other script of the same environment, and a domain to the page's", () => {
    const configs = [
      { path: "a", toml: MAIN },
      { path: "b", toml: PAGE },
    ];
    const planned = withEnvironment(configs, { ...WISH, domain: "pool.example.org" }).map(({ toml }) => parse(toml));
    expect(planned[0]).toMatchObject({
      env: { staging: { routes: [{ pattern: "pool.example.org", custom_domain: true }] } },
    });
    expect(planned[1]).toMatchObject({
      env: {
        staging: {
          vars: { chain: "classic", home: "weur" },
          services: [{ binding: "POOL", service: "edgepool-staging" }],
          durable_objects: { bindings: [{ name: "POOL_API", script_name: "edgepool-staging" }] },
        },
      },
    });
    expect(planned[1]).not.toHaveProperty("env.staging.routes");
  });

  it("takes the settings that import-config writes, with or without an environment", () => {
    expect(settingsOf('[vars]\nchain = "mordor"')).toEqual({ chain: "mordor" });
    expect(settingsOf('[env.x.vars]\nchain = "mordor"')).toEqual({ chain: "mordor" });
    expect(() => settingsOf("name = 1")).toThrow("no [vars]");
  });
});

it("secrets are made once, given by the environment, or left as the Worker has them", () => {
  const first = planSecrets({ REDIS_TOKEN: "books" }, null, {});
  expect(Object.keys(first.values)).toEqual(["NOTIFY_TOKEN", "ADMIN_TOKEN", "METRICS_TOKEN", "REDIS_TOKEN"]);
  expect(new Set(Object.values(first.values)).size).toBe(4);
  expect(planSecrets({}, null, first.values).values).toEqual(first.values);
  expect(planSecrets({}, ["NOTIFY_TOKEN", "ADMIN_TOKEN", "METRICS_TOKEN"], {}).values).toEqual({});
});

const findings: Finding[] = [];
const calls: string[][] = [];
let said = "";

async function world(over: Partial<SetupWorld> = {}): Promise<SetupWorld> {
  findings.length = 0;
  calls.length = 0;
  said = "";
  const path = join(folder, "wrangler.toml");
  if ((await stat(path).catch(() => null)) === null) await writeFile(path, MAIN);
  await mkdir(join(folder, "secrets"), { recursive: true });
  return {
    configs: [path],
    secretsFolder: join(folder, "secrets"),
    // Cloudflare cannot be asked here: what Wrangler is told stands for what it would do.
    wrangler: async (args) => {
      calls.push([...args]);
      const account = { loggedIn: true, accounts: [{ name: "a pool", id: "1" }] };
      const stdout = args[0] === "whoami" ? JSON.stringify(account) : "https://edgepool-staging.me.workers.dev\n";
      return { code: args[0] === "secret" ? 1 : 0, stdout, stderr: "" };
    },
    environment: {},
    say: (text) => (said += text),
    sayFinding: (finding) => findings.push(finding),
    confirm: async () => true,
    ledger: null,
    headersOf: () => ({}),
    timeoutMs: 5_000,
    nowMs: Date.now,
    ...over,
  };
}

const answers = (over: Partial<Answers> = {}): Answers => ({
  env: "staging",
  chain: "classic",
  home: "weur",
  devnet: true,
  upstreams: new Map([["main", node.url]]),
  accounts: [],
  file: {},
  ...over,
});
const config = (): Promise<string> => readFile(join(folder, "wrangler.toml"), "utf8");
const failed = (): string[] => findings.filter(({ outcome }) => outcome === "fail").map(({ found }) => found);

const loggedOut = async () => ({ code: 1, stdout: "", stderr: "You are not authenticated" });

describe("setup", () => {
  it("looks and bundles on a dry run, and leaves nothing behind", async () => {
    expect(await setUp(await world(), answers(), true)).toEqual({ kind: "dry" });
    expect(failed()).toEqual([]);
    expect(calls.filter(([first]) => first === "deploy")).toEqual([
      ["deploy", "--dry-run", "--config", join(folder, ".setup-dry-run.wrangler.toml"), "--env", "staging"],
    ]);
    expect([await config(), await readdir(folder), await readdir(join(folder, "secrets"))]).toEqual([
      MAIN,
      ["secrets", "wrangler.toml"],
      [],
    ]);
    expect(said).toContain("[[env.staging.durable_objects.bindings]]");
    // Cloudflare refuses what Wrangler alone would deploy.
    expect(said).toContain("npm run deploy -- --config wrangler.toml --env staging\n");
    expect(said).not.toContain("wrangler deploy");
  });

  it("has nothing that fails on a dry run of somebody without an account, and says what deploying needs", async () => {
    const { wrangler } = await world();
    const end = await setUp(
      await world({
        wrangler: async (args, ...rest) => await (args[0] === "whoami" ? loggedOut() : wrangler(args, ...rest)),
      }),
      answers(),
      true,
    );
    expect([end, failed()]).toEqual([{ kind: "dry" }, []]);
    expect(findings.find(({ check }) => check === "account")).toMatchObject({
      outcome: "skipped",
      found: expect.stringContaining("npx wrangler login"),
    });
  });

  it("writes and deploys once it may, with secrets that only their owner reads, and is done the second time", async () => {
    const end = await setUp(await world(), answers(), false);
    expect(end).toMatchObject({ kind: "deployed", address: "https://edgepool-staging.me.workers.dev" });
    const kept = join(folder, "secrets", "staging.json");
    expect(calls.at(-1)).toEqual([
      "deploy",
      "--config",
      join(folder, "wrangler.toml"),
      "--env",
      "staging",
      "--secrets-file",
      kept,
    ]);
    expect((await stat(kept)).mode & 0o777).toBe(0o600);
    const [written, secrets] = [await config(), await readFile(kept, "utf8")];
    for (const secret of Object.values(JSON.parse(secrets))) expect(said).not.toContain(secret);
    expect(await setUp(await world(), answers(), false)).toMatchObject({ kind: "deployed" });
    expect([await config(), await readFile(kept, "utf8")]).toEqual([written, secrets]);
    expect(said).toContain("as it should be");
  });

  it("writes nothing where a check fails, where nobody says yes, and without an account", async () => {
    node.faults.chainId = 63;
    expect(await setUp(await world(), answers(), false)).toEqual({ kind: "refused" });
    node.faults.chainId = null;
    expect(failed()).toEqual([expect.stringContaining('the node is on "mordor"')]);
    expect(await setUp(await world({ confirm: async () => false }), answers(), false)).toEqual({ kind: "declined" });
    const nobody = { wrangler: async () => ({ code: 1, stdout: '{"loggedIn":false}', stderr: "" }) };
    expect(await setUp(await world(nobody), answers(), false)).toEqual({ kind: "refused" });
    expect(failed()).toEqual(["Wrangler is not logged in"]);
    expect(await config()).toBe(MAIN);
  });

  it("goes into no other jurisdiction with an environment that is there: its objects, and their books, would stay behind", async () => {
    await setUp(await world(), answers(), false);
    expect(await setUp(await world(), answers({ home: "enam" }), true)).toEqual({ kind: "dry" });
    expect(await setUp(await world(), answers({ home: "eu" }), false)).toEqual({ kind: "refused" });
    expect(failed()).toEqual([
      expect.stringContaining("the pool began in no jurisdiction, and home says the jurisdiction eu"),
    ]);
    expect(await setUp(await world(), answers({ env: "other", home: "eu" }), true)).toEqual({ kind: "dry" });
  });

  it("names a setting that the pool would refuse, and a node that no Worker reaches", async () => {
    const { devnet: _, ...others } = answers({ home: "mars" });
    expect(await setUp(await world(), others, true)).toEqual({ kind: "refused" });
    expect(failed()).toEqual([
      expect.stringContaining('home: found "mars"'),
      expect.stringContaining("a Worker cannot reach 127.0.0.1"),
    ]);
  });
});
