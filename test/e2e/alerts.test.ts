/** What Prometheus and Grafana are given in ops/ asks only for what a pool says: every metric, label and label value is in the /metrics of a real one. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chainByName } from "@edgepool/ethash-wasm/chain-spec";
import { parser } from "@prometheus-io/lezer-promql";
import * as v from "valibot";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { parse } from "yaml";
import { startNode } from "../../devnet/node/node.ts";
import { COINBASE, COINBASE_KEY, type BlockContents } from "../../devnet/node/transactions.ts";
import { startPool } from "../../devnet/pool-host/pool-process.ts";
import { upstashPort } from "../../durable-objects/platform/ledger-ports.ts";

const TOKEN = "a-token-for-the-metrics";
const REDIS_TOKEN = "a-token-for-the-books";
const LOGIN = "0xb85150eb365e7df0941f0cf08235f987ba91506a";
const OPS = join(import.meta.dirname, "..", "..", "ops");

const rulesFile = v.strictObject({
  groups: v.array(
    v.strictObject({
      name: v.string(),
      rules: v.array(
        v.strictObject({
          alert: v.pipe(v.string(), v.regex(/^Edgepool[A-Z]\w+$/)),
          expr: v.string(),
          for: v.optional(v.pipe(v.string(), v.regex(/^\d+[mh]$/))),
          labels: v.strictObject({ severity: v.picklist(["critical", "warning"]) }),
          annotations: v.strictObject({ summary: v.string(), description: v.string() }),
        }),
      ),
    }),
  ),
});
const dashboardFile = v.object({
  panels: v.array(
    v.object({
      title: v.string(),
      targets: v.optional(v.array(v.object({ expr: v.string(), legendFormat: v.string() }))),
    }),
  ),
});

/** An expression, and the labels that its text or legend uses. */
interface Query {
  readonly from: string;
  readonly expr: string;
  readonly labels: readonly string[];
}

const rules = v.parse(rulesFile, parse(await readFile(join(OPS, "prometheus-alerts.yml"), "utf8")));
const alerts = rules.groups.flatMap((group) => group.rules);
const board = v.parse(dashboardFile, JSON.parse(await readFile(join(OPS, "grafana-dashboard.json"), "utf8")));
const queries: readonly Query[] = [
  ...alerts.map(({ alert, expr, annotations }) => ({
    from: alert,
    expr,
    labels: [...annotations.summary.matchAll(/\$labels\.(\w+)/g)].map(([, label = ""]) => label),
  })),
  ...board.panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr, legendFormat }) => ({
      from: title,
      expr: expr.replaceAll("$__rate_interval", "5m"),
      labels: [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label = ""]) => label),
    })),
  ),
];

/** Label sets by metric, as the pool gives them. */
function samplesOf(text: string): Map<string, Record<string, string>[]> {
  const samples = new Map<string, Record<string, string>[]>();
  for (const [, name = "", labels = ""] of text.matchAll(/^([a-z_]+)(?:\{(.*)\})? \S+$/gm)) {
    const pairs = [...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, label = "", value = ""]) => [label, value]);
    samples.set(name, [...(samples.get(name) ?? []), Object.fromEntries(pairs)]);
  }
  return samples;
}

interface Selector {
  readonly name: string;
  /** `label="value"` by label, what Prometheus itself adds left out. */
  readonly equal: readonly (readonly [label: string, value: string])[];
}

/** Every selector of an expression. @throws where Prometheus' own grammar has an error */
function selectorsOf(expr: string): Selector[] {
  const selectors: Selector[] = [];
  parser.parse(expr).iterate({
    enter: ({ type, from, to, node }) => {
      if (type.isError) throw new Error(`not PromQL at ${from}: ${expr}`);
      if (type.name !== "VectorSelector") return;
      const name = node.getChild("Identifier");
      const equal = [...expr.slice(from, to).matchAll(/(\w+)="([^"]*)"/g)].map(
        ([, label = "", value = ""]): [string, string] => [label, value],
      );
      selectors.push({
        name: name === null ? "" : expr.slice(name.from, name.to),
        equal: equal.filter(([label]) => label !== "job" && label !== "instance"),
      });
    },
  });
  return selectors;
}

/** A coin a block from somebody else. */
function fundsForThePayer(height: number): BlockContents {
  const from = `0x${"a".repeat(40)}`;
  const hash = `0x${height.toString(16).padStart(64, "0")}`;
  return {
    transactions: [
      { hash, from, to: COINBASE, value: 10n ** 18n, gasUsed: 21_000n, effectiveGasPrice: 10n ** 9n, type: 0 },
    ],
    baseFeePerGas: null,
  };
}

const closing: (() => Promise<unknown>)[] = [];
let samples = new Map<string, Record<string, string>[]>();

beforeAll(async () => {
  const spec = chainByName("classic");
  if (spec === undefined) throw new Error("no chain");
  const stateDir = await mkdtemp(join(tmpdir(), "edgepool-alerts-"));
  closing.push(() => rm(stateDir, { recursive: true, force: true }));
  const node = await startNode({ spec, blockTimeMs: 1_000, contents: fundsForThePayer });
  closing.push(() => node.close());
  const pool = await startPool({
    stateDir,
    cron: false,
    vars: {
      chain: "classic",
      upstream: [{ name: "node", url: node.url }],
      unlocker: { enabled: true, accounts: [COINBASE], interval: "1s" },
      payouts: { enabled: true, address: COINBASE, interval: "5s", requirePeers: 1, threshold: 1_000 },
    },
    secrets: { METRICS_TOKEN: TOKEN, REDIS_TOKEN, PAYOUT_PRIVATE_KEY: COINBASE_KEY },
  });
  closing.push(() => pool.close());
  // Somebody to pay: payments are told by stage.
  const ledger = upstashPort({ url: `${pool.url}/redis`, token: REDIS_TOKEN, timeoutMs: 120_000 });
  await ledger.command(["HINCRBY", `eth:miners:${LOGIN}`, "balance", 2_000]);
  await ledger.command(["HINCRBY", "eth:finances", "balance", 2_000]);
  // Cron looks after a pool that somebody has asked.
  await (await fetch(`${pool.url}/health`)).text();
  await pool.scheduled();
  const wanted = new Set(queries.flatMap(({ expr }) => selectorsOf(expr).map(({ name }) => name)));
  wanted.delete("up");
  await vi
    .waitFor(
      async () => {
        const answer = await fetch(`${pool.url}/metrics`, { headers: { Authorization: `Bearer ${TOKEN}` } });
        samples = samplesOf(await answer.text());
        // The payer and the unlocker say most only after a run.
        expect([...wanted].filter((name) => !samples.has(name))).toEqual([]);
      },
      { timeout: 60_000, interval: 500 },
    )
    // What is still missing then is named by the tests.
    .catch(() => undefined);
});

afterAll(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

describe("ops/", () => {
  it.each(queries)("$from asks for what the pool says: $expr", ({ expr, labels }) => {
    const selectors = selectorsOf(expr).filter(({ name }) => name !== "up");
    const said = selectors.map(({ name, equal }) => ({
      name,
      found: (samples.get(name) ?? []).some((sample) => equal.every(([label, value]) => sample[label] === value)),
    }));
    expect(said).toEqual(selectors.map(({ name }) => ({ name, found: true })));
    const known = new Set(selectors.flatMap(({ name }) => (samples.get(name) ?? []).flatMap(Object.keys)));
    expect(labels.filter((label) => !known.has(label))).toEqual([]);
  });

  it("has each alert and each panel once", () => {
    const names = [...alerts.map(({ alert }) => alert), ...board.panels.map(({ title }) => `panel ${title}`)];
    expect(names.length).toBe(new Set(names).size);
    expect(alerts.length).toBeGreaterThan(15);
  });
});
