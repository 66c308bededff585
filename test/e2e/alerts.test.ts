/** What Prometheus and Grafana are given in ops/ asks only for what a pool says: every metric, label and label value is in the /metrics of a real one. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parser } from "@prometheus-io/lezer-promql";
import * as v from "valibot";
import { beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { metricsOfAPool, type Samples } from "../support/pool-metrics.ts";

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

let samples: Samples = new Map();

beforeAll(async () => {
  const wanted = new Set(queries.flatMap(({ expr }) => selectorsOf(expr).map(({ name }) => name)));
  wanted.delete("up");
  // What is still missing then is named by the tests.
  samples = await metricsOfAPool(wanted);
});

describe("ops/", () => {
  it.each(queries)("$from asks for what the pool says: $expr", ({ expr, labels }) => {
    const selectors = selectorsOf(expr).filter(({ name }) => name !== "up");
    const said = selectors.map(({ name, equal }) => ({
      name,
      found: (samples.get(name) ?? []).some(({ labels: of }) => equal.every(([label, value]) => of[label] === value)),
    }));
    expect(said).toEqual(selectors.map(({ name }) => ({ name, found: true })));
    const known = new Set(
      selectors.flatMap(({ name }) => (samples.get(name) ?? []).flatMap((sample) => Object.keys(sample.labels))),
    );
    expect(labels.filter((label) => !known.has(label))).toEqual([]);
  });

  it("has each alert and each panel once", () => {
    const names = [...alerts.map(({ alert }) => alert), ...board.panels.map(({ title }) => `panel ${title}`)];
    expect(names.length).toBe(new Set(names).size);
    expect(alerts.length).toBeGreaterThan(15);
  });
});
