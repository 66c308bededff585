import { emptyStatus } from "../../../core/payouts/payer/payer-status.ts";
import { describe, expect, it } from "vitest";
import { judgeHealth } from "../../../core/health/judge.ts";
import { poolMetrics } from "../../../core/health/pool-metrics.ts";
import { expose } from "../../../core/health/prometheus.ts";
import { SHARD_HEALTH } from "../../support/shard-health.ts";

const FIGURES = {
  hashrate: 30_666_665,
  miners: 4,
  candidates: 2,
  immature: 1,
  matured: 3,
  submits: { accepted: 10, stale: 1, blocks: 2 },
};

describe("the metrics", () => {
  it("escape what an operator or a node wrote", () => {
    expect(
      expose([{ name: "x", help: "a\\b\nc", type: "gauge", samples: [{ labels: { node: 'm"a\\i\nn' }, value: 1.5 }] }]),
    ).toBe('# HELP x a\\\\b\\nc\n# TYPE x gauge\nx{node="m\\"a\\\\i\\nn"} 1.5\n');
  });

  it("follow Prometheus: prefix, base units, _total on counters and only there, one HELP and TYPE a family", () => {
    const health = judgeHealth({
      work: {
        height: 9,
        networkDifficulty: "3000000000000000",
        ageMs: 1500,
        subscribers: 2,
        polling: true,
        upstreams: [
          { name: "main", healthy: true, height: 9, lastError: null, failingForMs: null, toDo: null, chainId: null },
        ],
      },
      soloWork: null,
      shards: [{ ...SHARD_HEALTH, cacheEpoch: 3 }, "silent"],
      formerShards: [[7, { ...SHARD_HEALTH, outboxDepth: 2, unresolvedShares: 1 }]],
      invalidShares: null,
      embedded: null,
      ledgerError: null,
      maxWorkAgeMs: 1,
      place: { home: null, roundTripsMs: { template: null, ledger: 1, shards: [1] }, parts: [] },
      misplaced: [],
      cron: { lastMs: null, sinceMs: 1_790_000_000_000 },
      nowMs: 1_790_000_000_000,
      notifications: null,
      payer: {
        ...emptyStatus(`0x${"ab".repeat(20)}`),
        lastSuccessMs: 1_790_000_000_000,
        stages: { sent: 2, settled: 1 },
        walletWei: "1000000000000000000",
        walletShort: "5",
      },
      unlocker: {
        intervalMs: 600_000,
        status: {
          lastRunMs: 1_790_000_000_000,
          lastSuccessMs: 1_790_000_000_000,
          oldestCandidate: 9,
          waiting: [],
          owed: [],
          fallen: [],
          problems: [],
          windowElements: null,
          pausePayments: null,
        },
      },
    });
    const text = expose(poolMetrics(health, FIGURES));
    const families = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => ({ name, type }));
    expect(new Set(families.map(({ name }) => name)).size).toBe(families.length);
    for (const { name, type } of families) {
      expect(name).toMatch(/^edgepool_[a-z_]+$/);
      expect(name?.endsWith("_total")).toBe(type === "counter");
    }
    for (const expected of [
      "edgepool_healthy 0",
      "edgepool_template_age_seconds 1.5",
      "edgepool_network_difficulty_hashes 3000000000000000",
      'edgepool_node_healthy{node="main"} 1',
      'edgepool_outbox_records{shard="0"} 0',
      'edgepool_outbox_records{shard="7"} 2',
      "edgepool_hashrate_hashes_per_second 30666665",
      'edgepool_ledger_blocks{state="immature"} 1',
      'edgepool_submits_total{verdict="accepted"} 10',
      "edgepool_blocks_found_total 2",
    ]) {
      expect(text.split("\n")).toContain(expected);
    }
    expect(text).not.toContain('shard="1"');
  });

  it("leave out what is not known", () => {
    const health = judgeHealth({
      work: "silent",
      soloWork: null,
      shards: [],
      formerShards: [],
      embedded: null,
      ledgerError: "refused",
      maxWorkAgeMs: 1,
      place: { home: null, roundTripsMs: { template: null, ledger: 1, shards: [1] }, parts: [] },
      misplaced: [],
      unlocker: null,
      payer: null,
      notifications: null,
      invalidShares: null,
      cron: { lastMs: null, sinceMs: 0 },
      nowMs: 0,
    });
    const text = expose(poolMetrics(health, FIGURES));
    expect(text).not.toContain("template_age");
    expect(text).toContain("edgepool_ledger_up 0\n");
  });
});
