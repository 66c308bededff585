/** A real redis-server behind a gateway keeps the books: the doctor finds what is wrong with it. */
import { once } from "node:events";
import { createServer } from "node:http";
import { afterAll, beforeAll, expect, it } from "vitest";
import { startLocalUpstash, type UpstashGateway } from "../../devnet/gateway/upstash-gateway.ts";
import { startPool, type PoolProcess } from "../../devnet/pool-host/pool-process.ts";
import { upstashPort } from "../../durable-objects/platform/ledger-ports.ts";
import { examine } from "../../scripts/doctor/doctor.ts";
import type { Finding } from "../../scripts/doctor/finding.ts";
import { DOCTOR_LOGIN, type LedgerAddress } from "../../scripts/doctor/options.ts";
import { Cleanups, quietNode } from "../support/quiet-pool.ts";

const cleanups = new Cleanups();
let gateway: UpstashGateway;
let pool: PoolProcess;

beforeAll(async () => {
  const upstash = await startLocalUpstash();
  cleanups.add(() => upstash.close());
  ({ gateway } = upstash);
  const node = await quietNode(cleanups);
  pool = await startPool({
    stateDir: await cleanups.folder("doctor"),
    cron: false,
    vars: { chain: { name: "long", epochLength: 30_000 }, home: "weur", upstream: [{ name: "main", url: node.url }] },
    secrets: { UPSTASH_REDIS_REST_URL: gateway.url, UPSTASH_REDIS_REST_TOKEN: gateway.token },
  });
  cleanups.add(() => pool.close());
});
afterAll(() => cleanups.run());

async function look(ledger: LedgerAddress): Promise<Finding[]> {
  const nothing = { adminToken: null, metricsToken: null, notifyToken: null, redisToken: null };
  const secrets = { ...nothing, redisReadToken: null, bridgeToken: null };
  const login = DOCTOR_LOGIN;
  const findings: Finding[] = [];
  for await (const finding of examine({
    pool: pool.url,
    secrets,
    ledger,
    node: null,
    login,
    timeoutMs: 20_000,
    cronPatienceMs: 0,
    nowMs: Date.now,
  }))
    findings.push(finding);
  return findings;
}

const address = (): LedgerAddress => ({ url: gateway.url, token: gateway.token, account: null });
const said = (findings: readonly Finding[], check: string): string =>
  findings
    .filter((finding) => finding.check === check && finding.outcome === "fail")
    .map(({ found, fix }) => `${found} — ${fix}`)
    .join("\n");
const forgetHealth = () => new Promise((resolve) => setTimeout(resolve, 5_100));

it("finds eviction where it is on, and none where it is off", async () => {
  const ledger = upstashPort({ url: gateway.url, token: gateway.token, timeoutMs: 120_000 });
  await ledger.command(["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]);
  expect(said(await look(address()), "eviction")).toMatch(/evicts keys when it is full \(allkeys-lru\).*noeviction/);
  await ledger.command(["CONFIG", "SET", "maxmemory-policy", "noeviction"]);
  expect((await look(address())).find(({ check }) => check === "eviction")).toMatchObject({ outcome: "ok" });
});

it("finds a ledger that is far from home, and says that objects never move", async () => {
  gateway.faults.delayMs = 600;
  await forgetHealth();
  const findings = await look(address());
  gateway.faults.delayMs = 0;
  expect(said(findings, "distance")).toMatch(/the ledger is \d+ ms away.*objects never move/);
});

it("finds a ledger that does not answer, and a token that is not its own", async () => {
  gateway.faults.status = 503;
  await forgetHealth();
  const findings = await look(address());
  gateway.faults.status = 0;
  expect(said(findings, "health")).toContain("the ledger does not answer");
  expect(said(findings, "ledger")).toContain("status 503");
  expect(said(await look({ ...address(), token: "another" }), "ledger")).toContain("the token is refused");
});

it("asks Upstash's developer API, where it may, for plan, region and eviction", async () => {
  const databases = [{ endpoint: "127.0.0.1", type: "free", primary_region: "eu-west-1", tls: true, eviction: true }];
  const server = createServer((request, response) => {
    const basic = Buffer.from("me@example.org:key").toString("base64");
    response.writeHead(request.headers.authorization === `Basic ${basic}` ? 200 : 401);
    response.end(JSON.stringify(databases));
  }).listen(0, "127.0.0.1");
  cleanups.add(() => void server.close());
  await once(server, "listening");
  const at = server.address();
  const api = `http://127.0.0.1:${typeof at === "object" ? at?.port : 0}/v2`;
  const findings = await look({ ...address(), account: { email: "me@example.org", key: "key", api } });
  expect(said(findings, "eviction")).toContain("Upstash: eviction is on");
  expect(findings.find(({ check }) => check === "plan")).toMatchObject({
    outcome: "warn",
    found: "Upstash, free plan, eu-west-1",
  });
});
