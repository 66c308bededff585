import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect, it } from "vitest";
import worker from "../../worker/index.ts";

async function get(path: string, settings: Record<string, unknown>, init: RequestInit = {}) {
  const context = createExecutionContext();
  const request = new Request(`https://pool.example${path}`, init);
  const response = await worker.fetch(request, { ...env, ...settings }, context);
  await waitOnExecutionContext(context);
  return { status: response.status, text: await response.text() };
}

const wrong = { difficulty: "many", NOTIFY_TOKEN: "hunter2" };

it("names every wrong variable on /health, with status 500 and without showing secrets", async () => {
  const { status, text } = await get("/health", wrong);
  expect(status).toBe(500);
  expect(text).toContain('difficulty: found "many", allowed: a difficulty in hashes');
  expect(text).toContain("NOTIFY_TOKEN: found a secret that is not shown, allowed: at least 16 characters");
  expect(text).not.toContain("hunter2");
});

it("names what is wrong inside the table of a chain, where there was a bare 500", async () => {
  const chain = { name: "", epochLength: 30_000, ecip1099Block: 11_730_000 };
  const { status, text } = await get("/health", { chain });
  expect(status).toBe(500);
  expect(text).toContain('chain.name: found "", allowed: a name of 1 to 32 letters');
  const { text: fork } = await get("/health", { chain: { ...chain, name: "mine" } });
  expect(fork).toContain("chain.ecip1099Block: found 11730000, allowed: a multiple of the longer epoch");
});

it("serves nothing else while a setting is wrong, and does not show settings there", async () => {
  for (const path of ["/stratum", "/api/stats", "/notify/hunter2", "/metrics"]) {
    const { status, text } = await get(path, wrong);
    expect(status).toBe(503);
    expect(text).toBe("the pool is not configured; see /health\n");
  }
});

it("lets a miner wait while a setting is wrong: JSON-RPC with status 200, and no other POST", async () => {
  const getWork = JSON.stringify({ id: 7, jsonrpc: "2.0", method: "eth_getWork", params: [] });
  for (const path of ["/", "/0x0123456789abcdef0123456789abcdef01234567/rig", "/stratum"]) {
    const { status, text } = await get(path, wrong, { method: "POST", body: getWork });
    expect([path, status]).toEqual([path, 200]);
    expect(JSON.parse(text)).toEqual({
      id: 7,
      jsonrpc: "2.0",
      result: null,
      error: { code: 0, message: "Work not ready" },
    });
  }
  expect((await get("/redis", wrong, { method: "POST", body: '["PING"]' })).status).toBe(503);
  expect((await get("/notify/hunter2", wrong, { method: "POST", body: '["0x1","0x2","0x3","0x4"]' })).status).toBe(503);
});
