import { expect, it, vi } from "vitest";
import { request } from "./stratum-client.ts";
import { LOGIN, useStratumPool } from "./stratum-pool.ts";

useStratumPool();

const SECRETS = {
  ADMIN_TOKEN: "admin-secret-0f1e2d3c4b5a",
  BRIDGE_TOKEN: "bridge-secret-1a2b3c4d5e6f",
  METRICS_TOKEN: "metrics-secret-2b3c4d5e6f70",
  NOTIFY_TOKEN: "notify-secret-3c4d5e6f7081",
  REDIS_TOKEN: "redis-secret-4d5e6f708192",
  REDIS_READ_TOKEN: "reading-secret-5e6f708192a3",
};
const GETS = [
  "/health",
  "/metrics",
  "/api/stats",
  "/api/miners",
  "/api/blocks",
  "/api/payments",
  "/api/overview",
  "/api/pool",
  "/stratum",
  `/stratum/${LOGIN}`,
  `/${LOGIN}`,
  `/api/accounts/${LOGIN}`,
  `/api/accounts/${LOGIN}/history`,
  "/redis",
  "/admin/state",
  "/admin/bans",
  "/admin/lists",
  "/admin/pause",
  "/admin/audit",
  "/admin/unresolved",
  "/admin/payouts",
  "/notify/x",
  "/nothing",
  "/bench/costs",
];
const POSTS = [
  `/${LOGIN}`,
  "/redis",
  "/redis/pipeline",
  "/notify/x",
  "/admin/bans",
  "/admin/pause",
  "/admin/reconcile",
  "/x",
];

it("no secret is in any reply or any line of the log, whoever asks and with whatever token", async () => {
  const logged: string[] = [];
  for (const method of ["log", "warn", "error", "info", "debug"] as const)
    vi.spyOn(console, method).mockImplementation((...said) => void logged.push(said.map(String).join(" ")));
  const replies: string[] = [];
  for (const token of [null, "not-a-token-of-this-pool", ...Object.values(SECRETS)]) {
    const headers = {
      "CF-Connecting-IP": "192.0.2.1",
      ...(token === null ? {} : { Authorization: `Bearer ${token}` }),
    };
    const asked = [
      ...GETS.map((path) => request(path, { headers }, SECRETS)),
      ...POSTS.map((path) => request(path, { method: "POST", body: '["GET","x"]', headers }, SECRETS)),
    ];
    for (const response of await Promise.all(asked)) {
      replies.push(JSON.stringify([...response.headers]), await response.text());
      expect(response.status).not.toBe(500);
    }
  }
  const told = [...replies, ...logged].filter((text) => Object.values(SECRETS).some((secret) => text.includes(secret)));
  expect(told).toEqual([]);
});
