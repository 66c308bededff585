import { createExecutionContext, reset, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { loadConfig } from "../../durable-objects/platform/config.ts";
import { ledgerClient } from "../../durable-objects/platform/ledger-client.ts";
import { MinerSession } from "../../durable-objects/miner-session.ts";
import { ShareVerifier } from "../../durable-objects/share-verifier.ts";
import worker from "../../worker/index.ts";
import { VERSION } from "../../core/version.ts";

/** What the configured node gives; null: nobody listens. */
let work: readonly string[] | null;
const TARGET = "0x00000007cc03d7d0cb49aa514f6aed05705a9baef46aea9a02514c253e288daa";

beforeEach(() => {
  work = [`0x${"1".repeat(64)}`, `0x${"0".repeat(64)}`, TARGET, "0x64"];
  vi.spyOn(globalThis, "fetch").mockImplementation(async () => {
    if (work === null) throw new TypeError("connection refused");
    return Response.json([{ jsonrpc: "2.0", id: 1, result: work }]);
  });
});

afterEach(async () => {
  await reset();
  vi.restoreAllMocks();
});

const TOKEN = "metrics-of-this-test-only";

async function get(path: string, headers: Record<string, string> = {}) {
  const context = createExecutionContext();
  const request = new Request(`https://pool.example${path}`, { headers });
  const response = await worker.fetch(request, { ...env, METRICS_TOKEN: TOKEN }, context);
  await waitOnExecutionContext(context);
  return { status: response.status, headers: response.headers, text: await response.text() };
}

/** Invalid shares, by login. */
function verifierSaw(invalid: Readonly<Record<string, number>>): void {
  const report = { number: 1, counts: { invalid: 20 }, logins: { invalid, good: [] } };
  vi.spyOn(ShareVerifier.prototype, "verdicts").mockResolvedValueOnce(report);
}

describe("/health", () => {
  it("is machine-readable: work, nodes, ledger, outbox, epochs; 200 for an idle pool", async () => {
    const { status, headers, text } = await get("/health");
    expect(status).toBe(200);
    expect(headers.get("content-type")).toContain("application/json");
    expect(JSON.parse(text)).toMatchObject({
      healthy: true,
      problems: [],
      work: { height: 100, subscribers: 0, polling: false, upstreams: [{ name: "main", lastError: null }] },
      ledger: { state: "ok", error: null },
      outbox: { depth: 0 },
    });
  });

  it("says where the pool lives and how far its parts, its ledger and its nodes are", async () => {
    vi.spyOn(MinerSession.prototype, "pushWork").mockImplementation(async () => 1);
    const some = expect.any(Number);
    expect(JSON.parse((await get("/health")).text)).toMatchObject({
      work: { upstreams: [{ name: "main", roundTripMs: some }] },
      place: {
        home: null,
        roundTripsMs: { template: some, ledger: some, shards: [some] },
        // On a machine of one's own nobody is asked in which data centre it is.
        parts: ["api", "operator", "template", "extranonces", "shard 0", "ledger"].map((part) => ({
          part,
          dataCentre: null,
          roundTripMs: some,
          version: VERSION,
        })),
      },
    });
  });

  it("answers 503 where no node has ever given work, before any miner has come", async () => {
    work = null;
    const { status, text } = await get("/health");
    expect(status).toBe(503);
    expect(JSON.parse(text)).toMatchObject({
      healthy: false,
      problems: [
        expect.stringMatching(
          /^no node has given work yet, so miners hear "Work not ready"\. main, for \d+ s: cannot be reached: .*To do: see that/,
        ),
      ],
      work: { subscribers: 0, polling: false },
    });
  });

  it("answers 503 when the shares of all miners are invalid, as the verifiers tell", async () => {
    const invalid = Object.fromEntries([1, 2, 3, 4].map((login) => [`0x${String(login).repeat(40)}`, 5]));
    verifierSaw(invalid);
    const { status, text } = await get("/health");
    expect(status).toBe(503);
    expect(text).toContain("all of 4 of 4 miners' shares have been invalid (20 shares;");
  });

  it("stays 200 with a notice where strangers' shares are invalid in a pool that has credited miners before", async () => {
    await ledgerClient(env, loadConfig(env)).command(["HSET", "eth:stats", "roundShares", 1]);
    const invalid = Object.fromEntries([1, 2, 3, 4].map((login) => [`0x${String(login).repeat(40)}`, 5]));
    verifierSaw(invalid);
    const { status, text } = await get("/health");
    expect([status, JSON.parse(text).problems]).toEqual([200, []]);
    expect(text).toContain("Perhaps somebody sends junk");
    expect(text).toContain("chain id is 61");
    expect(text).toContain("the miners run Etchash");
  });

  it("answers 503 and says why while miners wait and no node gives work", async () => {
    work = null;
    await env.BLOCK_TEMPLATE.getByName("main").subscribe(`0x${"ab".repeat(20)}`);
    const { status, text } = await get("/health");
    expect(status).toBe(503);
    const report = JSON.parse(text) as { healthy: boolean; problems: string[] };
    expect(report.healthy).toBe(false);
    expect(report.problems).toContain('miners wait and there is no work: miners hear "Work not ready"');
  });
});

describe("/metrics", () => {
  it("gives Prometheus text to whoever has the token", async () => {
    const { status, headers, text } = await get("/metrics", { Authorization: `Bearer ${TOKEN}` });
    expect(status).toBe(200);
    expect(headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
    expect(text).toContain("# TYPE edgepool_hashrate_hashes_per_second gauge\nedgepool_hashrate_hashes_per_second 0\n");
    expect(text).toContain("edgepool_healthy 1\n");
  });

  it.each<Record<string, string>>([
    {},
    { Authorization: "Bearer wrong" },
    { Authorization: TOKEN },
    { Authorization: "Bearer " },
  ])("refuses %o", async (headers) => {
    const { status, headers: answered, text } = await get("/metrics", headers);
    expect(status).toBe(401);
    expect(answered.get("www-authenticate")).toBe("Bearer");
    expect(text).not.toContain("edgepool_");
  });
});
