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

it("answers no preflight that would let another page send a token", async () => {
  for (const path of ["/redis", "/metrics", "/health"]) {
    const init = { method: "OPTIONS", headers: { Origin: "https://evil.example" } };
    const { headers } = await request(path, init, { REDIS_TOKEN: TOKEN });
    expect([path, headers.get("access-control-allow-headers")]).toEqual([path, null]);
  }
});
