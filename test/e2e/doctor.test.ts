/** A pool in workerd, its node, and what may stand in front of either: the doctor finds each fault and names it. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { chainByName } from "@edgepool/ethash-wasm/chain-spec";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { noFaults } from "../../devnet/node/faults.ts";
import { startNode, type DevNode } from "../../devnet/node/node.ts";
import { startPool, type BindingValue, type PoolProcess } from "../../devnet/pool-host/pool-process.ts";
import { examine } from "../../scripts/doctor/doctor.ts";
import type { Finding } from "../../scripts/doctor/finding.ts";
import { DOCTOR_LOGIN, type DoctorOptions } from "../../scripts/doctor/options.ts";
import { startFront, type Front } from "../support/http-front.ts";
import { Cleanups } from "../support/quiet-pool.ts";

const SECRETS = {
  ADMIN_TOKEN: "the-doctor's-admin-token",
  METRICS_TOKEN: "the-doctor's-metrics-token",
  NOTIFY_TOKEN: "the-doctor-notify-token",
  REDIS_TOKEN: "the-doctor's-books-token",
  REDIS_READ_TOKEN: "the-doctor's-reading-token",
};
const START_HEIGHT = 20_000_000;

const cleanups = new Cleanups();
let node: DevNode;
let pool: PoolProcess;
let nodeFront: Front;
let poolFront: Front;
let vars: Record<string, BindingValue> = {};

beforeAll(async () => {
  const spec = chainByName("classic");
  if (spec === undefined) throw new Error("no chain");
  const still = { blockTimeMs: null, recommitMs: null };
  node = await startNode({ spec, startHeight: START_HEIGHT, difficulty: 1n << 50n, ...still });
  cleanups.add(() => node.close());
  nodeFront = await startFront(node.url);
  cleanups.add(() => nodeFront.close());
  vars = { home: "weur", policy: { refreshInterval: "1s" } };
  pool = await startPool({
    stateDir: await cleanups.folder("doctor"),
    cron: false,
    vars: { chain: "classic", upstream: [{ name: "main", url: node.url, timeout: "30s" }] },
    varsNow: () => vars,
    secrets: SECRETS,
  });
  cleanups.add(() => pool.close());
  poolFront = await startFront(pool.url);
  cleanups.add(() => poolFront.close());
});
afterAll(() => cleanups.run());
afterEach(() => {
  Object.assign(node.faults, noFaults());
  for (const front of [nodeFront, poolFront])
    Object.assign(front, { answer: () => null, headers: {}, dropsUpgrades: false, rewrite: (body: string) => body });
});

function options(over: Partial<DoctorOptions> = {}): DoctorOptions {
  return {
    pool: poolFront.url,
    secrets: {
      adminToken: SECRETS.ADMIN_TOKEN,
      metricsToken: SECRETS.METRICS_TOKEN,
      notifyToken: SECRETS.NOTIFY_TOKEN,
      redisToken: SECRETS.REDIS_TOKEN,
      redisReadToken: SECRETS.REDIS_READ_TOKEN,
      bridgeToken: null,
    },
    ledger: null,
    node: { url: nodeFront.url, name: "main", headers: {} },
    login: DOCTOR_LOGIN,
    timeoutMs: 120_000,
    cronPatienceMs: 0,
    nowMs: Date.now,
    ...over,
  };
}

async function look(over: Partial<DoctorOptions> = {}): Promise<Finding[]> {
  const findings: Finding[] = [];
  for await (const finding of examine(options(over))) findings.push(finding);
  return findings;
}

const failing = (findings: readonly Finding[]): string[] =>
  findings.filter(({ outcome }) => outcome === "fail").map(({ check, found }) => `${check}: ${found}`);
/** The lines of a check that are not fine. @param check its name, or how it begins */
const lines = (findings: readonly Finding[], check: string): string =>
  findings
    .filter((finding) => finding.check.startsWith(check) && finding.outcome !== "ok")
    .map(({ found, fix }) => `${found} — ${fix}`)
    .join("\n");

async function admin(path: string, body: unknown): Promise<void> {
  const headers = { Authorization: `Bearer ${SECRETS.ADMIN_TOKEN}` };
  const response = await fetch(`${pool.url}/admin/${path}`, { method: "POST", headers, body: JSON.stringify(body) });
  expect(await response.json()).toMatchObject({ ok: true });
}

/** `npm run -s doctor` with the pool's secrets in the environment. */
async function command(args: readonly string[]): Promise<{ code: number; stdout: string }> {
  const cli = join(import.meta.dirname, "../../scripts/doctor/cli.ts");
  return await new Promise((resolve) => {
    execFile(process.execPath, [cli, ...args], { env: { ...process.env, ...SECRETS } }, (error, stdout) =>
      resolve({ code: typeof error?.code === "number" ? error.code : 0, stdout }),
    );
  });
}

/** What /health says is kept for some seconds. */
const forgetHealth = () => new Promise((resolve) => setTimeout(resolve, 5_100));

async function cronComes(): Promise<void> {
  await pool.scheduled();
  await forgetHealth();
}

/** Cron as on Cloudflare, only faster: the API's object forgets its last beat when nobody asks it for ten seconds. @returns what ends it */
function cronBeats(): () => Promise<void> {
  const over = new AbortController();
  const beats = (async () => {
    while (!over.signal.aborted) {
      await pool.scheduled();
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  })();
  return async () => {
    over.abort();
    await beats;
  };
}

/** Keys that the pool's ledger has. */
async function books(): Promise<unknown> {
  const headers = { Authorization: `Bearer ${SECRETS.REDIS_TOKEN}` };
  const init = { method: "POST", headers, body: '["SCAN","0","MATCH","eth:*","COUNT","1000"]' };
  return await (await fetch(`${pool.url}/redis`, init)).json();
}

/** What a busy machine makes of its round trips is no distance. */
const asIfIdle = (body: string): string =>
  body
    .replace(/"roundTripsMs":\{[^}]*\}/, (trips) => trips.replaceAll(/\d+/g, "1"))
    .replaceAll(/"roundTripMs":\d+/g, '"roundTripMs":1');

beforeEach(() => void (poolFront.rewrite = asIfIdle));

describe("a pool that is well", () => {
  it("misses its cron until it comes, and is then found fine in every way, with nothing left in its books", async () => {
    const before = await look();
    expect(lines(before, "cron")).toContain("no cron trigger has come");
    const kept = await books();
    await cronComes();
    const findings = await look();
    expect(findings.filter(({ outcome }) => outcome !== "ok").map(({ check }) => check)).toEqual(["eviction"]);
    expect(findings.filter(({ check }) => check.startsWith("miner ")).map(({ check }) => check)).toEqual(
      ["direct", "bridge"].flatMap((way) =>
        ["eth-proxy", "EthereumStratum/1", "EthereumStratum/2", "plain stratum", "getwork"].map(
          (dialect) => `miner ${dialect} ${way}`,
        ),
      ),
    );
    expect(findings.map(({ check }) => check)).toEqual(expect.arrayContaining(["node notify", "stale work", "clock"]));
    expect(await books()).toEqual(kept);
  });

  it("is told on the command line in one line a check, or in JSON, by an exit code, and without any secret", async () => {
    onTestFinished(cronBeats());
    const args = [poolFront.url, "--node", nodeFront.url, "--upstream", "main", "--cron-wait", "60s"];
    const lined = await command(args);
    expect(lined.stdout.match(/^(?:FAIL|WARN).*$/gm)).toBeNull();
    expect([lined.code, lined.stdout]).toEqual([0, expect.stringContaining(`use ${DOCTOR_LOGIN}`)]);
    expect(lined.stdout).toMatch(/\d+ fine, 0 to look at, 0 wrong, 1 not looked at\n$/);
    const json = await command([...args, "--json"]);
    expect(JSON.parse(json.stdout)).toMatchObject({ healthy: true, login: DOCTOR_LOGIN });
    poolFront.answer = ({ path }) => (path.startsWith("/bridge.mjs") ? { status: 404 } : null);
    expect((await command(args)).code).toBe(1);
    expect((await command(["pool.example"])).code).toBe(2);
    for (const secret of Object.values(SECRETS)) expect(lined.stdout + json.stdout).not.toContain(secret);
  });
});

describe("in front of the pool the doctor finds", () => {
  /** A bridge that never gets through to the pool leaves its miners without an answer: all of the time given goes by. */
  const SOON = { timeoutMs: 30_000 };
  const challenge = { status: 403, headers: { "cf-mitigated": "challenge" }, body: "<title>Just a moment...</title>" };

  it("1. Bot Fight Mode that lets browsers' requests through and challenges a miner's upgrade", async () => {
    poolFront.answer = ({ upgrade }) => (upgrade ? challenge : null);
    const findings = await look(SOON);
    expect(lines(findings, "miner eth-proxy direct")).toMatch(/challenge page.*Bot Fight Mode/);
    expect(failing(findings)).toHaveLength(4 + 4);
  });

  it("2. a challenge for everything", async () => {
    poolFront.answer = () => challenge;
    expect(lines(await look(), "reach")).toMatch(/challenge page.*switch Bot Fight Mode off/);
  });

  it("3. Cloudflare Access", async () => {
    const location = "https://team.cloudflareaccess.com/cdn-cgi/access/login";
    poolFront.answer = () => ({ status: 302, headers: { location } });
    expect(lines(await look(), "reach")).toContain("Cloudflare Access asks for a login");
  });

  it("4. a zone without WebSockets", async () => {
    poolFront.dropsUpgrades = true;
    expect(lines(await look(SOON), "miner eth-proxy direct")).toContain("WebSockets must be on");
  });

  it("5. doors that open without a token", async () => {
    poolFront.headers = { authorization: `Bearer ${SECRETS.ADMIN_TOKEN}` };
    expect(lines(await look(), "closed doors")).toMatch(/^\/admin\/pause answers everybody.*rotate the secret/);
  });

  it("6. a bridge file that is not served", async () => {
    poolFront.answer = ({ path }) => (path.startsWith("/bridge.mjs") ? { status: 404 } : null);
    expect(lines(await look(), "bridge file")).toContain("npm run deploy");
  });
});

describe("of the node the doctor finds", () => {
  it("7. another chain", async () => {
    node.faults.chainId = 63;
    await forgetHealth();
    const findings = await look();
    expect(lines(findings, "node chain")).toContain('the node is on "mordor"');
    expect(lines(findings, "health")).toContain('the node is on "mordor"');
  });

  it("8. work that stays while the chain goes on", async () => {
    await look();
    node.faults.stuckWork = true;
    await fetch(node.url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: '{"jsonrpc":"2.0","id":1,"method":"eth_getWork","params":[]}',
    });
    for (let block = 0; block < 5; block += 1) node.advance();
    await forgetHealth();
    const findings = await look();
    expect(lines(findings, "health")).toContain("Its miner is stuck");
    expect(lines(findings, "stale work")).toMatch(/gives work for block \d+, \d below/);
  });

  it("9. a long way to it", async () => {
    poolFront.rewrite = (body) => body;
    node.faults.delayMs = 700;
    await forgetHealth();
    expect(lines(await look(), "distance")).toMatch(/node main is \d+ ms away.*another home/);
  });

  it("10. a login page in its place", async () => {
    nodeFront.answer = () => ({ status: 302, headers: { location: "https://x.cloudflareaccess.com/login" } });
    expect(lines(await look(), "node")).toContain("service token of a policy with the action Service Auth");
  });

  it("11. methods that change it, open to everybody", async () => {
    nodeFront.rewrite = (body) =>
      body.replace(/^\{.*"error".*\}$/, '{"jsonrpc":"2.0","id":1,"result":{"eth":"1.0","admin":"1.0"}}');
    expect(lines(await look(), "node doors")).toMatch(/admin answer everybody.*--http.api eth,net,web3/);
  });

  it("12. that it still syncs", async () => {
    nodeFront.rewrite = (body) =>
      body.replace(/("id":5,"result":)false/, '$1{"currentBlock":"0x1","highestBlock":"0x9"}');
    expect(lines(await look(), "node synced")).toContain("still syncing");
  });

  it("13. blocks of the future", async () => {
    const ahead = await startNode({ startHeight: START_HEIGHT, now: () => Date.now() + 3_600_000 });
    cleanups.add(() => ahead.close());
    expect(lines(await look({ node: { url: ahead.url, name: null, headers: {} } }), "node clock")).toContain(
      "in the future",
    );
  });
});

describe("of the operator's part the doctor finds", () => {
  it("14. a pool that is paused", async () => {
    await admin("pause", { paused: true, note: "the books move" });
    await forgetHealth();
    const findings = await look();
    await admin("pause", { paused: false, note: "they are there" });
    expect(lines(findings, "paused")).toContain("resume");
    expect(lines(findings, "miner eth-proxy direct")).toContain("there is no work");
    await forgetHealth();
  });

  it("15. a clock that is wrong", async () => {
    expect(lines(await look({ nowMs: () => Date.now() + 120_000 }), "clock")).toContain("120 s ahead");
    expect(lines(await look({ nowMs: () => Date.now() - 120_000 }), "clock")).toMatch(/1[12]\d s behind/);
  });

  it("16. tokens that are not the pool's", async () => {
    const wrong = "nothing-that-the-pool-knows";
    const { secrets } = options();
    const findings = await look({
      secrets: { ...secrets, adminToken: wrong, notifyToken: wrong, metricsToken: wrong },
    });
    for (const check of ["admin", "metrics", "node notify"])
      expect(lines(findings, check)).toContain("is not the pool's");
  });

  it("17. a blacklisted address", async () => {
    const who = DOCTOR_LOGIN;
    await admin("lists", { list: "blacklist", action: "add", who, note: "a test" });
    // The lists are read every second here.
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    const findings = await look();
    await admin("lists", { list: "blacklist", action: "remove", who, note: "a test" });
    expect(lines(findings, "miner eth-proxy")).toMatch(/blacklisted|banned/i);
  });

  it("18. that no home was set", async () => {
    vars = {};
    await pool.restart();
    expect(lines(await look(), "home")).toContain("no home is set");
  });

  it("19. settings that the pool cannot run with", async () => {
    vars = { home: "mars" };
    await pool.restart();
    expect(lines(await look(), "settings")).toMatch(/home.*found.*mars.*allowed/s);
  });

  it("20. nothing at the address", async () => {
    expect(lines(await look({ pool: "http://127.0.0.1:48999" }), "reach")).toContain("nothing listens there");
  });
});
