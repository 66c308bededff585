import { useState } from "preact/hooks";
import type { AccountHistory, PoolHistory, VerdictCounts } from "../../../core/api/answers.ts";
import { count, hashes, hashrate } from "../data/format.ts";
import { useLive, type Live } from "../data/live.ts";
import { Chart, type ChartData, type ChartSeries } from "./chart.tsx";
import { Choice, Missing } from "./parts.tsx";

const RANGES = [
  { value: "3h", label: "3\u00A0h", span: 10_800 },
  { value: "1d", label: "1\u00A0d", span: 86_400 },
  { value: "7d", label: "7\u00A0d", span: 604_800 },
  { value: "30d", label: "30\u00A0d", span: 2_592_000 },
  { value: "2y", label: "2\u00A0y", span: 63_072_000 },
] as const;
type Range = (typeof RANGES)[number]["value"];

const POOL_CHARTS = [
  { value: "hashrate", label: "Hashrate" },
  { value: "shares", label: "Shares" },
  { value: "difficulty", label: "Difficulty" },
  { value: "blocks", label: "Blocks" },
] as const;
type PoolChart = (typeof POOL_CHARTS)[number]["value"];

/** The finest history has a point a minute. */
const INTERVAL_MS = 30_000;

const VERDICTS = [
  { name: "accepted", label: "Accepted", colour: "--color-success" },
  { name: "stale", label: "Stale", colour: "--color-warning" },
  { name: "invalid", label: "Invalid", colour: "--color-error" },
  { name: "duplicate", label: "Duplicate", colour: "--color-info" },
] as const;

function verdictSeries(columns: { readonly [V in keyof VerdictCounts]: readonly number[] }): ChartSeries[] {
  return VERDICTS.map(({ name, label, colour }) => ({ label, colour, values: columns[name] }));
}

/** Seconds that a range reaches back. */
const spanOf = (range: Range) => RANGES.find(({ value }) => value === range)?.span ?? 0;

function poolChart(chart: PoolChart, range: Range, history: PoolHistory): ChartData {
  const { at, resolution } = history;
  const span = spanOf(range);
  const line = (
    title: string,
    values: readonly number[],
    colour: string,
    format: (value: number) => string,
  ): ChartData => ({
    title,
    kind: "line",
    at,
    resolution,
    span,
    format,
    series: [{ label: title, values, colour }],
  });
  switch (chart) {
    case "hashrate":
      return line("Pool hashrate", history.hashrate, "--color-primary", hashrate);
    case "difficulty":
      return line("Network difficulty", history.difficulty, "--color-secondary", hashes);
    case "shares":
      return {
        title: "Shares by verdict",
        kind: "bars",
        at,
        resolution,
        span,
        format: count,
        series: verdictSeries(history),
      };
    case "blocks":
      return { ...line("Blocks found", history.blocks, "--color-accent", count), kind: "bars" };
  }
}

/** The pool over time. */
export function PoolCharts() {
  const [range, setRange] = useState<Range>("3h");
  const [chart, setChart] = useState<PoolChart>("hashrate");
  const live = useLive<PoolHistory>(`/api/history?range=${range}`, INTERVAL_MS);
  return (
    <>
      <div class="mb-3 flex flex-wrap justify-between gap-2">
        <Choice name="What to show" options={POOL_CHARTS} value={chart} onChange={setChart} />
        <Choice name="How far back" options={RANGES} value={range} onChange={setRange} />
      </div>
      {live.data ? <Chart data={poolChart(chart, range, live.data)} /> : <Missing live={live} class="h-64" />}
    </>
  );
}

/** One login over time. */
export function AccountCharts({ live, range }: { live: Live<AccountHistory>; range: Range }) {
  const [chart, setChart] = useState<"hashrate" | "shares">("hashrate");
  const history = live.data;
  if (!history) return <Missing live={live} class="h-64" />;
  const { at, resolution } = history;
  const span = spanOf(range);
  const data: ChartData =
    chart === "hashrate"
      ? {
          title: "Hashrate",
          kind: "line",
          at,
          resolution,
          span,
          format: hashrate,
          series: [{ label: "Hashrate", values: history.hashrate, colour: "--color-primary" }],
        }
      : {
          title: "Shares by verdict",
          kind: "bars",
          at,
          resolution,
          span,
          format: count,
          series: verdictSeries(history),
        };
  return (
    <>
      <div class="mb-3">
        <Choice
          name="What to show"
          options={POOL_CHARTS.slice(0, 2)}
          value={chart}
          onChange={(value) => setChart(value === "shares" ? "shares" : "hashrate")}
        />
      </div>
      <Chart data={data} />
    </>
  );
}

/** The ranges that a login's history has. */
export const ACCOUNT_RANGES = RANGES.slice(1, 4);
export type { Range };
