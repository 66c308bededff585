import { parse, View } from "vega";
import { compile } from "vega-lite";
import { type Distribution, distributionOf } from "../latency/distribution.ts";
import { CONTROL, type Effort } from "./attacks.ts";
import type { Costs } from "./counted-pool.ts";

/** One attack, or the calm before it, and what it did. */
export interface Row {
  readonly name: string;
  readonly seconds: number;
  readonly sharesPerSecond: number;
  /** Honest shares that were refused or not answered. */
  readonly refused: number;
  /** Of every accepted share. */
  readonly latenciesMs: readonly number[];
  readonly dialects: Readonly<Record<string, Distribution>>;
  /** Resident memory of workerd, looked at in equal steps until the end. */
  readonly memoryMb: readonly number[];
  /** Of workerd. */
  readonly cpuSeconds: number;
  readonly rigsCpuSeconds: number;
  readonly attackersCpuSeconds: number;
  readonly effort: Effort;
  /** Of honest miners and attackers together. */
  readonly costs: Costs;
}

/** Prices of Workers Paid beyond what is included, and of Upstash as one pays; USD. */
const PRICES = {
  workerRequest: 0.3e-6,
  objectRequest: 0.15e-6,
  /** Of 128 MB. */
  objectSecond: 0.128 * 12.5e-6,
  rowWritten: 1e-6,
  rowRead: 0.001e-6,
  command: 2e-6,
};
const MESSAGES_A_REQUEST = 20;

/** USD for an hour of what a stretch of time cost. */
function dollarsAnHour({ costs, seconds }: Pick<Row, "costs" | "seconds">): number {
  const price =
    costs.workerRequests * PRICES.workerRequest +
    (costs.objectRequests + costs.messages / MESSAGES_A_REQUEST) * PRICES.objectRequest +
    costs.objectSeconds * PRICES.objectSecond +
    costs.rowsWritten * PRICES.rowWritten +
    costs.rowsRead * PRICES.rowRead +
    costs.commands * PRICES.command;
  return (price * 3_600) / seconds;
}

const cell = (value: number, digits = 0) =>
  value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });

/** A row for a file: what it looks like instead of every latency. */
export function withoutLatencies({ latenciesMs, ...row }: Row): object {
  return { ...row, latency: latencyOf(latenciesMs) };
}

const latencyOf = (latenciesMs: readonly number[]): Distribution =>
  distributionOf(latenciesMs.length > 0 ? latenciesMs : [Number.NaN]);

/** All shares of the control's stretches, which came before and after the attacks. */
function controlOf(rows: readonly Row[]): Distribution {
  return latencyOf(rows.filter(({ name }) => name === CONTROL).flatMap(({ latenciesMs }) => latenciesMs));
}

/** How the measurement was made. */
export interface Conditions {
  readonly machine: string;
  /** The pool had a processor of its own. */
  readonly isPinned: boolean;
}

/** The tables as Markdown. */
export function report({ machine, isPinned }: Conditions, rows: readonly Row[], errors: readonly string[]): string {
  const [calm] = rows;
  if (!calm) throw new RangeError("nothing was measured");
  const control = controlOf(rows);
  const honest = rows.map(({ name, sharesPerSecond, refused, latenciesMs, memoryMb, cpuSeconds, ...row }, at) => {
    const { count, p50, p99 } = latencyOf(latenciesMs);
    const more = cpuSeconds - calm.cpuSeconds;
    const each = row.effort.connections > 0 ? cell((more * 1_000) / row.effort.connections, 1) : "";
    const percent = at === 0 || name === CONTROL ? "" : cell((p99 / control.p99 - 1) * 100);
    const time = [count, cell(p50, 1), cell(p99, 1), percent];
    const cpu = [cell(cpuSeconds, 2), each, cell(row.attackersCpuSeconds, 2), cell(row.rigsCpuSeconds, 2)];
    const figures = [cell(sharesPerSecond, 1), refused, ...time, memoryMb.join(" "), ...cpu];
    return `| ${[name, ...figures].join(" | ")} |`;
  });
  const bill = rows.map((row) => {
    const { name, effort, costs } = row;
    const attacker = `${cell(effort.connections)} | ${cell(effort.bytes / 1024)} | ${cell(effort.closed)}`;
    const pool = [
      costs.workerRequests,
      costs.objectRequests,
      costs.messages,
      costs.objectSeconds,
      costs.rowsWritten,
      costs.commands,
    ];
    return `| ${name} | ${attacker} | ${pool.map((value) => cell(value)).join(" | ")} | ${cell(dollarsAnHour(row), 3)} |`;
  });
  return `# Attacks beside honest miners

Made by \`node bench/attack.ts\` on ${machine}: the whole pool in one workerd, which is one thread here and many machines at Cloudflare's, with the embedded ledger and its databases in memory; ten rigs of all five dialects with real shares, four a second each;
attackers from many (simulated) addresses, as one would have them on a line of 50 Mbit/s that is 40 ms away: who is cut off has to open a TLS connection anew. They run in a process of the least priority. ${isPinned ? "The pool has one processor, miners and attackers have the other one." : "Pool, miners and attackers share the processors."}
What is compared with is nobody: the same stretch beside a process that only computes and never speaks to the pool, before the attacks and after them, its two rows taken together. Each row took ${calm.seconds} s.
Memory is resident memory of workerd, sockets included, after each fifth of the stretch. Where the machine does other things besides, CPU times say more than latencies.

## What honest miners notice

| | shares a second | refused | answers | p50, ms | p99, ms | p99 over nobody's, % | memory, MB | CPU of the pool, s | more than calm, ms a connection or request | CPU of attackers, s | CPU of miners, s |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
${honest.join("\n")}

![p99 of an honest share under each attack](attack.svg)

## What it costs

The honest miners' part is in every row; it is what the first row says. Object-seconds are counted until each object has been idle for 10 s, which for a short attack is most of them. Commands are those to the ledger (here the embedded one, priced as
Upstash's); rows are Durable Objects'. $ is what an hour of it would cost beyond what Workers Paid includes.

| | connections | KB sent | refused or closed | Worker requests | object requests | messages | object-seconds | rows written | commands | $ an hour |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
${bill.join("\n")}

${errors.length === 0 ? "No error was logged." : `${errors.length} errors were logged, the first: ${errors[0]}`}
`;
}

/** A panel: a bar for each row. */
function bars(field: string, title: string) {
  return {
    width: 320,
    height: { step: 22 },
    mark: { type: "bar" as const },
    encoding: {
      y: { field: "name", type: "nominal" as const, sort: null, title: null, axis: { labelLimit: 400 } },
      x: { field, type: "quantitative" as const, title },
      color: { field: "isCalm", type: "nominal" as const, legend: null },
    },
  };
}

/** p99 of honest shares, and their rate, a bar an attack. @returns an SVG document */
export async function plotAttacks(rows: readonly Row[]): Promise<string> {
  const { spec } = compile({
    data: {
      values: rows.map(({ name, latenciesMs, sharesPerSecond, ...row }, at) => ({
        // The last row is the control again, and a bar of its own.
        name: at > 1 && name === CONTROL ? "nobody, after the attacks" : name,
        isCalm: at === 0 || name === CONTROL,
        p99: latencyOf(latenciesMs).p99,
        sharesPerSecond,
        dollars: dollarsAnHour(row),
      })),
    },
    hconcat: [
      bars("p99", "p99 of an honest share, ms"),
      bars("sharesPerSecond", "honest shares a second"),
      bars("dollars", "the pool's bill, $ an hour"),
    ],
    config: { background: "white" },
  });
  return new View(parse(spec), { renderer: "none" }).toSVG();
}
