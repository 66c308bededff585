import { expect, test } from "vitest";
import { ShareCounter, type BridgeStats } from "../src/bridge-stats.ts";
import { statusTable } from "../src/command/status-table.ts";

const ADDRESS = `0x${"ab".repeat(20)}`;

test("shows each miner with what was rejected, and why, the most frequent reason first", () => {
  const shares = new ShareCounter();
  for (const rejection of [null, "Job not found", "Duplicate share", "Duplicate share"]) shares.count(rejection);
  const stats: BridgeStats = {
    startedAtMs: 0,
    pools: [{ url: "wss://pool.example", state: "up", miners: 1, lastError: null }],
    miners: [
      {
        remote: "192.168.1.5:4711",
        login: ADDRESS,
        worker: "rig-1",
        state: "mining",
        pool: "wss://pool.example",
        connectedAtMs: 0,
        lastShareAtMs: 60_000,
        pendingShares: 0,
        reconnects: 0,
        reportedHashrate: 95_300_000,
        ...shares.counts,
      },
    ],
    totals: { ...shares.counts, connections: 1, reconnects: 0, getworkRequests: 0 },
  };
  const lines = statusTable(stats, 119_000, 250).split("\n");
  const row = lines.find((line) => line.includes("rig-1")) ?? "";
  for (const text of ["mining", "95.3 MH/s", "59 s ago", "2 Duplicate share, 1 Job not found"])
    expect(row).toContain(text);
  expect(lines.at(-2)).toBe(
    "up 1 min, accepted 1, rejected 3 (2 Duplicate share, 1 Job not found), reconnects 0, getwork 0",
  );
  for (const line of statusTable(stats, 119_000, 60).split("\n")) expect(line.length).toBeLessThan(60);
});
