import { parse, View } from "vega";
import { compile } from "vega-lite";
import type { Distribution } from "../latency/distribution.ts";
import { CONTROL } from "./attacks.ts";
import type { Comparison } from "./comparison.ts";
import type { Stretches } from "./stretch.ts";

/** One attack, or none, and what it did. */
export interface Row extends Stretches {
  readonly name: string;
  /** Of every accepted share, ms. */
  readonly latency: Distribution;
  /** Nobody's stretches, of which one came before each of the attack's. Null for the calm, which is compared with nothing. */
  readonly control: (Stretches & { readonly latency: Distribution }) | null;
  /** The attack's p99 over that. */
  readonly over: Comparison | null;
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
const BILLED = ["workerRequests", "objectRequests", "messages", "objectSeconds", "rowsWritten", "commands"] as const;

/** USD for an hour of what a stretch of time cost. */
function dollarsAnHour({ costs, seconds }: Pick<Stretches, "costs" | "seconds">): number {
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

/** How the measurement was made. */
export interface Conditions {
  readonly machine: string;
  /** The pool had a processor of its own. */
  readonly isPinned: boolean;
  /** Honest miners went before everything else on theirs. */
  readonly goesFirst: boolean;
  /** Attackers reached a Worker in a process of its own. */
  readonly isEdgeApart: boolean;
  /** Of a stretch. */
  readonly seconds: number;
  /** Stretches of each attack. */
  readonly pairs: number;
  /** Between the shares of an honest rig, ms. */
  readonly every: number;
  /** Hashes that an honest share takes on average. */
  readonly difficulty: number;
}

const percent = (value: number) => `${value > 0 ? "+" : ""}${cell(value)}`;

function honestRow({ name, latency, control, over, memoryMb, ...row }: Row): string {
  const { connections } = row.effort;
  const more = control === null ? 0 : row.cpuSeconds - (control.cpuSeconds / control.seconds) * row.seconds;
  const each = connections > 0 && name !== CONTROL ? cell((more * 1_000) / connections, 1) : "";
  const beside = control === null ? ["", ""] : [cell(control.latency.p50, 1), cell(control.latency.p99, 1)];
  const how = over === null ? ["", ""] : [percent(over.percent), `${percent(over.low)} to ${percent(over.high)}`];
  const time = [latency.count, cell(latency.p50, 1), cell(latency.p99, 1), ...beside, ...how];
  const cpu = [cell(row.cpuSeconds, 2), each, cell(row.edgeCpuSeconds, 2), cell(row.attackersCpuSeconds, 2)];
  const figures = [cell(row.sharesPerSecond, 1), row.refused, ...time, memoryMb.join(" "), ...cpu];
  return `| ${[name, ...figures].join(" | ")} |`;
}

/** What an attack cost beyond what nobody's stretches did. */
function billRow(row: Row): string {
  const { name, effort, control } = row;
  const less = name === CONTROL ? null : control;
  const attacker = [cell(effort.connections), cell(effort.bytes / 1024), cell(effort.closed)];
  const pool = BILLED.map((what) => cell(row.costs[what] - (less?.costs[what] ?? 0)));
  const dollars = dollarsAnHour(row) - (less === null ? 0 : dollarsAnHour(less));
  return `| ${[name, ...attacker, ...pool, cell(dollars, 3)].join(" | ")} |`;
}

/** Where the attackers' Worker ran, and what that means. */
function whereItRan({ isPinned, isEdgeApart, goesFirst }: Conditions): string {
  const pool = isEdgeApart
    ? "The pool's objects, and the Worker of its honest miners, are one workerd and so one thread, which at Cloudflare are many machines; the Worker that attackers come to is a workerd of its own that calls the same objects, as at Cloudflare it runs on a machine near the attacker."
    : "The whole pool, with all that terminates connections, is one workerd and so one thread, which at Cloudflare is many machines.";
  const processors = isPinned
    ? `The pool has one processor; miners, attackers${isEdgeApart ? " and the attackers' Worker" : ""} have the other one${goesFirst ? ", where miners go first" : ""}.`
    : "Pool, miners and attackers share the processors.";
  return `${pool} ${processors}`;
}

/** The tables as Markdown. */
export function report(conditions: Conditions, rows: readonly Row[], errors: readonly string[]): string {
  const { machine, seconds, pairs, every, difficulty } = conditions;
  return `# Attacks beside honest miners

Made by \`node bench/attack.ts${conditions.isEdgeApart ? "" : " --together"}\` on ${machine}, with the embedded ledger and its databases in memory; ten rigs of all five dialects with real shares of difficulty ${difficulty}, one in ${every} ms each; attackers from many (simulated) addresses, as one would have them on a line of
50 Mbit/s that is 40 ms away: who is cut off has to open a TLS connection anew. ${whereItRan(conditions)}

What is compared with is nobody: a process that only computes and never speaks to the pool. Each attack has ${pairs} stretches of ${seconds} s, and before each of them comes one of nobody's: both see the same pool and the same minutes. The range is that of nineteen of twenty
such measurements (a bootstrap over their seconds); what nobody differs from himself by is the second row. Memory is resident memory of the pool's workerd, sockets included, after each stretch; it is one pool from the first row to the last.

## What honest miners notice

| | shares a second | refused | answers | p50, ms | p99, ms | nobody's p50 | nobody's p99 | p99 over nobody's, % | range, % | memory, MB | CPU of the pool, s | more than nobody's, ms a connection or request | CPU of the attackers' Worker, s | CPU of attackers, s |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
${rows.map(honestRow).join("\n")}

![p99 of an honest share under each attack](attack.svg)

## What it costs

An attack's row is what its stretches cost beyond nobody's before them; calm and nobody are what the honest miners cost. Object-seconds are counted until each object has been idle for 10 s, which for a short attack is most of them. Commands are those to the ledger (here the
embedded one, priced as Upstash's); rows are Durable Objects'. $ is what an hour of it would cost beyond what Workers Paid includes.

| | connections | KB sent | refused or closed | Worker requests | object requests | messages | object-seconds | rows written | commands | $ an hour |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
${rows.map(billRow).join("\n")}

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
      y: { field: "name", type: "nominal" as const, sort: null, title: null, axis: { labelLimit: 0 } },
      x: { field, type: "quantitative" as const, title },
      color: { field: "isCalm", type: "nominal" as const, legend: null },
    },
  };
}

/** p99 of honest shares, and their rate, a bar an attack. @returns an SVG document */
export async function plotAttacks(rows: readonly Row[]): Promise<string> {
  const { spec } = compile({
    data: {
      values: rows.map(({ name, latency, control, sharesPerSecond, ...row }) => ({
        name,
        isCalm: control === null || name.startsWith(CONTROL),
        over: latency.p99 / (control?.latency.p99 ?? latency.p99),
        sharesPerSecond,
        dollars: dollarsAnHour(row),
      })),
    },
    hconcat: [
      bars("over", "p99 of an honest share, times nobody's"),
      bars("sharesPerSecond", "honest shares a second"),
      bars("dollars", "the pool's bill, $ an hour"),
    ],
    config: { background: "white" },
  });
  return new View(parse(spec), { renderer: "none" }).toSVG();
}
