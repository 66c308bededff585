/** Prometheus' own evaluation of the alert rules: none is about a pool that is well, and each is about what it is for. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as v from "valibot";
import { afterAll, beforeAll, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { metricsOfAPool, type Samples } from "../support/pool-metrics.ts";

const RULES = join(import.meta.dirname, "..", "..", "ops", "prometheus-alerts.yml");
/** What Prometheus itself adds. */
const SCRAPED = { job: "edgepool", instance: "pool.example" };
/** Minutes that are played; every alert waits less. */
const MINUTES = 480;

const rule = v.object({
  alert: v.string(),
  labels: v.record(v.string(), v.string()),
  annotations: v.object({ summary: v.string(), description: v.string() }),
});
const file = v.object({ groups: v.array(v.object({ rules: v.array(rule) })) });
const rules = v.parse(file, parse(await readFile(RULES, "utf8"))).groups.flatMap((group) => group.rules);

/** What a pool that is well says in the place of one that has just begun. */
const WELL: Readonly<Record<string, string>> = {
  edgepool_healthy: "1",
  edgepool_template_age_seconds: "5",
  edgepool_template_subscribers: "2",
  edgepool_node_healthy: "1",
  edgepool_ledger_up: "1",
  edgepool_miners: "2",
  edgepool_payer_paused: "0",
  edgepool_payer_asking: "0",
  edgepool_payer_wallet_short_shannon: "0",
  edgepool_unlocker_waiting_blocks: "0",
  // An hour has 3,600 of them, and so they are always a minute old.
  edgepool_unlocker_last_success_timestamp_seconds: "0+60",
  edgepool_payer_last_success_timestamp_seconds: "0+60",
};

/** By alert: what is wrong, by metric, in promtool's notation without its length, and the summary of it. */
const FAULTS: Readonly<Record<string, readonly [values: Readonly<Record<string, string>>, summary?: string]>> = {
  EdgepoolDown: [{ up: "0" }],
  EdgepoolUnhealthy: [{ edgepool_healthy: "0" }],
  EdgepoolWorkStale: [
    { edgepool_template_age_seconds: "90" },
    "No node has confirmed the work for 1m 30s while miners are connected",
  ],
  EdgepoolNodeSick: [{ edgepool_node_healthy: "0" }, "Node node gives no work that the pool would take"],
  EdgepoolLedgerDown: [{ edgepool_ledger_up: "0" }],
  EdgepoolOutboxFilling: [
    { edgepool_outbox_records: "6", edgepool_outbox_bound_records: "10" },
    "The outbox of shard 0 is 60% full",
  ],
  EdgepoolSharesUnresolved: [{ edgepool_verifier_unresolved_shares: "3" }, "An outage has left 3 shares to you"],
  EdgepoolSharesSetAside: [
    { edgepool_outbox_set_aside_records: "4" },
    "Redis refuses 4 records for what a key of their login holds",
  ],
  EdgepoolRowsUnreadable: [
    { edgepool_verifier_unreadable_rows: "2" },
    "A roll-back has left 2 rows that this version cannot read",
  ],
  EdgepoolVerifierBehind: [{ edgepool_verifier_waiting_shares: "600" }, "600 shares wait for shard 0"],
  EdgepoolManyInvalidShares: [{ edgepool_submits_total: "0+1" }, "30% of all submits are invalid"],
  EdgepoolNobodyMines: [{ edgepool_miners: "0" }],
  EdgepoolUnlockerLate: [
    { edgepool_unlocker_last_success_timestamp_seconds: "60" },
    "The unlocker has not come through for 7h 59m 0s",
  ],
  EdgepoolBlocksWait: [{ edgepool_unlocker_waiting_blocks: "1" }, "1 blocks cannot be taken further"],
  EdgepoolBlockFallen: [{ edgepool_unlocker_fallen_blocks: "1" }],
  EdgepoolLoginsOwed: [
    { edgepool_unlocker_owed_logins: "1" },
    "1 logins cannot be credited: their account cannot be written",
  ],
  EdgepoolPayerLate: [
    { edgepool_payer_last_success_timestamp_seconds: "60" },
    "The payer has not come through for 7h 59m 0s",
  ],
  EdgepoolPaymentsPaused: [{ edgepool_payer_paused: "1" }],
  EdgepoolPaymentAsks: [{ edgepool_payer_asking: "1" }, "1 payments can only be ended by you"],
  EdgepoolWalletShort: [{ edgepool_payer_wallet_short_shannon: "2000000" }, "The paying account lacks 2M Shannon"],
};

let samples: Samples = new Map();
const folder = mkdtempSync(join(tmpdir(), "edgepool-promtool-"));
beforeAll(async () => {
  samples = await metricsOfAPool(Object.keys(WELL));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Series {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly values: string;
}

/** The pool's own output over hours, with a fault. A metric of several parts is wrong at the first of them. */
function seriesWith(fault: Readonly<Record<string, string>>): Series[] {
  const said = new Map([...samples, ["up", [{ labels: {}, value: "1" }]] as const]);
  return [...said].flatMap(([name, list]) =>
    list.map(({ labels, value }, at) => {
      const wrong = name === "edgepool_submits_total" ? submitsWith(fault[name], labels) : at === 0 && fault[name];
      const played = wrong || (WELL[name] ?? value);
      return {
        name,
        labels: { ...labels, ...SCRAPED },
        values: `${played}${played.includes("+") ? "" : "+0"}x${MINUTES}`,
      };
    }),
  );
}

/** Three of ten are invalid, where that is the fault. */
const submitsWith = (fault: string | undefined, { verdict }: Readonly<Record<string, string>>): string | null =>
  fault === undefined ? null : verdict === "invalid" ? "0+3" : verdict === "accepted" ? "0+7" : null;

/** Runs promtool on the rules. @param expected labels by alert; of any other alert it is expected that it does not fire */
function promtool(
  series: readonly Series[],
  expected: Readonly<Record<string, object>>,
): { status: number; said: string } {
  const test = {
    rule_files: [RULES],
    evaluation_interval: "1m",
    tests: [
      {
        interval: "1m",
        input_series: series.map(({ name, labels, values }) => ({
          series: `${name}{${Object.entries(labels)
            .map(([label, value]) => `${label}="${value}"`)
            .join(",")}}`,
          values,
        })),
        alert_rule_test: rules.map(({ alert }) => ({
          eval_time: `${MINUTES}m`,
          alertname: alert,
          exp_alerts: expected[alert] === undefined ? [] : [expected[alert]],
        })),
      },
    ],
  };
  const path = join(folder, "test.yml");
  writeFileSync(path, stringify(test));
  const { status, stdout, stderr, error } = spawnSync("promtool", ["test", "rules", path], { encoding: "utf8" });
  if (error) throw error;
  return { status: status ?? -1, said: `${stdout}${stderr}` };
}

const GOOD = { status: 0, said: expect.stringContaining("SUCCESS") };

it("says nothing about a pool that is well", () => {
  expect(promtool(seriesWith({}), {})).toEqual(GOOD);
});

it.each(rules)("$alert is said of what it is for, and nothing else is", ({ alert, labels, annotations }) => {
  const [fault, summary = annotations.summary] = FAULTS[alert] ?? [{}];
  const series = seriesWith(fault);
  const metric = Object.keys(fault)[0] ?? "";
  const of = series.find(({ name }) => name === metric)?.labels ?? {};
  const own = alert === "EdgepoolManyInvalidShares" ? SCRAPED : of;
  const expected = { exp_labels: { ...own, ...labels }, exp_annotations: { ...annotations, summary } };
  expect(promtool(series, { [alert]: expected })).toEqual(GOOD);
});
