import { parse, View } from "vega";
import { compile } from "vega-lite";
import type { Distribution } from "../latency/distribution.ts";
import type { Effort } from "./attacks.ts";
import type { Costs } from "./counted-pool.ts";

/** One attack, or the calm before it, and what it did. */
export interface Row {
  readonly name: string;
  readonly seconds: number;
  readonly sharesPerSecond: number;
  /** Honest shares that were refused or not answered. */
  readonly refused: number;
  readonly latency: Distribution;
  readonly memoryMb: number;
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

/** The tables as Markdown. @param machine what it was measured on */
export function report(machine: string, rows: readonly Row[], errors: readonly string[]): string {
  const [calm] = rows;
  if (!calm) throw new RangeError("nothing was measured");
  const honest = rows.map(({ name, sharesPerSecond, refused, latency: { p50, p99 }, memoryMb, cpuSeconds, ...row }) => {
    const more = cpuSeconds - calm.cpuSeconds;
    const each = row.effort.connections > 0 ? cell((more * 1_000) / row.effort.connections, 1) : "";
    const cpu = [cell(cpuSeconds, 2), each, cell(row.attackersCpuSeconds, 2), cell(row.rigsCpuSeconds, 2)];
    return `| ${[name, cell(sharesPerSecond, 1), refused, cell(p50, 1), cell(p99, 1), memoryMb, ...cpu].join(" | ")} |`;
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

Made by \`node bench/attack.ts\` on ${machine}: the whole pool in one workerd with the embedded ledger and its databases in memory, ten rigs of all five dialects with real shares, attackers
from many (simulated) addresses in a process of the least priority, with a line of 50 Mbit/s between them, all on one machine: what such a process alone does to latencies, one that only computes and never speaks to the pool, says the row of nobody. Each row took ${calm.seconds} s.
Memory is resident memory of workerd, sockets included; it is not given back between rows. Where the machine does other things besides, CPU times say more than latencies.

## What honest miners notice

| | shares a second | refused | p50, ms | p99, ms | memory, MB | CPU of the pool, s | more than calm, ms a connection or request | CPU of attackers, s | CPU of miners, s |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
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
      values: rows.map(({ name, latency, sharesPerSecond, ...row }, at) => ({
        name,
        isCalm: at === 0,
        p99: latency.p99,
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
