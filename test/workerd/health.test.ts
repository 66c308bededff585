import { createExecutionContext, reset, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it } from "vitest";
import worker from "../../worker/index.ts";

afterEach(async () => {
  await reset();
});

const TOKEN = "metrics-of-this-test-only";

async function get(path: string, headers: Record<string, string> = {}) {
  const context = createExecutionContext();
  const request = new Request(`https://pool.example${path}`, { headers });
  const response = await worker.fetch(request, { ...env, METRICS_TOKEN: TOKEN }, context);
  await waitOnExecutionContext(context);
  return { status: response.status, headers: response.headers, text: await response.text() };
}

describe("/health", () => {
  it("is machine-readable: work, nodes, ledger, outbox, epochs; 200 for an idle pool", async () => {
    const { status, headers, text } = await get("/health");
    expect(status).toBe(200);
    expect(headers.get("content-type")).toContain("application/json");
    expect(JSON.parse(text)).toMatchObject({
      healthy: true,
      problems: [],
      work: { ageMs: null, subscribers: 0, polling: false, upstreams: [{ name: "main" }] },
      ledger: { state: "ok", error: null },
      outbox: { depth: 0 },
    });
  });

  it("answers 503 and says why while miners wait and no node gives work", async () => {
    // Nobody listens on the configured node's port.
    await env.BLOCK_TEMPLATE.getByName("main").subscribe(`0x${"ab".repeat(20)}`);
    const { status, text } = await get("/health");
    expect(status).toBe(503);
    const report = JSON.parse(text) as { healthy: boolean; problems: string[] };
    expect(report.healthy).toBe(false);
    expect(report.problems).toContain("miners wait and there is no work");
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
