import { reset } from "cloudflare:test";
import { afterEach, expect, it, vi } from "vitest";
import { request } from "./stratum-client.ts";

afterEach(async () => {
  await reset();
  vi.restoreAllMocks();
});

const TOKEN = "a-token-for-these-headers";
const bearer = { headers: { Authorization: `Bearer ${TOKEN}` } };

it("lets any page read the API and no other door, keeps answers out of caches and content types as they are said", async () => {
  vi.spyOn(globalThis, "fetch").mockResolvedValue(Response.json([]));
  for (const path of ["/api/stats", "/api/pool", "/api/accounts/nobody", "/api/nothing"]) {
    const { headers } = await request(path);
    expect([path, headers.get("access-control-allow-origin"), headers.get("x-content-type-options")]).toEqual([
      path,
      "*",
      "nosniff",
    ]);
    expect(headers.get("content-type")).toBe("application/json; charset=UTF-8");
  }
  const settings = { METRICS_TOKEN: TOKEN };
  for (const path of ["/health", "/metrics"]) {
    const { headers } = await request(path, bearer, settings);
    expect([path, headers.get("access-control-allow-origin")]).toEqual([path, null]);
    expect([headers.get("cache-control"), headers.get("x-content-type-options")]).toEqual(["no-store", "nosniff"]);
  }
  for (const path of ["/redis", "/notify/x", "/stratum", "/0x0"]) {
    const { headers } = await request(path, { ...bearer, method: "POST", body: "[]" }, settings);
    expect([path, headers.get("access-control-allow-origin")]).toEqual([path, null]);
  }
});

it("keeps the books out of caches, and lets no browser take them for a page", async () => {
  const settings = { REDIS_TOKEN: TOKEN };
  for (const [body, status] of [
    ['["PING"]', 200],
    ["{}", 400],
  ] as const) {
    const { headers, status: found } = await request("/redis", { ...bearer, method: "POST", body }, settings);
    expect([found, headers.get("cache-control"), headers.get("x-content-type-options")]).toEqual([
      status,
      "no-store",
      "nosniff",
    ]);
  }
});

/** @param body of a POST; null: it wants a WebSocket */
async function statusFor(origin: string | null, path: string, body: string | null = null): Promise<number> {
  const headers = { ...(origin !== null && { Origin: origin }), ...(body === null && { Upgrade: "websocket" }) };
  return (await request(path, { headers, ...(body !== null && { method: "POST", body }) })).status;
}

it("nobody mines from a page of another host: its readers would be banned for what it sends", async () => {
  const login = `0x${"a".repeat(40)}`;
  const body = '{"id":1,"method":"eth_getWork","params":[]}';
  for (const origin of ["https://evil.example", "null", "http://pool.example.evil"]) {
    expect(await statusFor(origin, "/stratum"), origin).toBe(403);
    expect(await statusFor(origin, `/${login}`, body), origin).toBe(403);
  }
  expect(await statusFor(null, "/stratum")).toBe(101);
  expect(await statusFor("https://pool.example", "/stratum")).toBe(101);
});

it("answers no preflight that would let another page send a token", async () => {
  for (const path of ["/redis", "/metrics", "/health"]) {
    const init = { method: "OPTIONS", headers: { Origin: "https://evil.example" } };
    const { headers } = await request(path, init, { REDIS_TOKEN: TOKEN });
    expect([path, headers.get("access-control-allow-headers")]).toEqual([path, null]);
  }
});
