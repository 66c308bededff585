import { PRICES } from "../../scripts/cost/prices.ts";
import type { CallCosts, FanOutPoint } from "./measured-costs.ts";
import type { MonthlyCost } from "./monthly-cost.ts";
import { NETWORKS } from "./network.ts";
import type { TreeResult } from "./simulation.ts";

/** What a simulation rests on. */
export interface Measured {
  readonly machine: string;
  readonly costs: CallCosts;
  readonly points: readonly FanOutPoint[];
}

/** A simulated tree. */
export interface SimulatedRow extends TreeResult {
  readonly network: string;
  /** Deliveries of one object that are under way at once. */
  readonly concurrency: number;
  readonly logins: number;
  readonly relays: number;
}

/** A priced tree. */
export interface PricedRow extends MonthlyCost {
  readonly logins: number;
  readonly relays: number;
  /** What the jobs are: blocks, or every commit of the node. */
  readonly jobsAre: string;
}

/** Everything as Markdown, beside which the plot lies as fan-out.svg. */
export function report(
  { machine, costs, points }: Measured,
  rows: readonly SimulatedRow[],
  prices: readonly PricedRow[],
  socketsPerLogin: number,
): string {
  return `# Fan-out of a job: simulated with measured calls

Made by \`node bench/fan-out.ts\`. Nothing was deployed: call costs are measured in workerd on ${machine}; the way between two
objects is an assumption (log-normal, median ${NETWORKS.map(({ name, medianMs }) => `${medianMs} ms for ${name}`).join(", ")}).
The tree runs the pool's own \`core/work/fan-out.ts\`; ${socketsPerLogin} sockets a login. Concurrency is how many deliveries of one object are under way at once.

Measured: a call between two objects ${micro(costs.callMs)} (both sides, all charged to the caller), a session's part ${micro(costs.sessionMs)}, a socket ${micro(costs.socketMs)},
before the first call ${costs.beforeMs.toFixed(1)} ms. Whole fan-outs of the pool that the fit is made of:

${table(
  ["sessions", "sockets", "ms to the last socket"],
  points.map(({ sessions, sockets, lastMs }) => [String(sessions), String(sockets), lastMs.toFixed(1)]),
)}

## One job

${table(
  ["network", "concurrency", "logins", "relays", "ms to 9 of 10", "ms to the last", "calls", "busiest object, ms"],
  rows.map((row) => [
    row.network,
    String(row.concurrency),
    row.logins.toLocaleString("en"),
    String(row.relays),
    row.p90Ms.toFixed(0),
    row.lastMs.toFixed(0),
    row.rpcCalls.toLocaleString("en"),
    row.busiestMs.toFixed(0),
  ]),
)}

![Time to the last session](fan-out.svg)

${month(prices)}
`;
}

function month(prices: readonly PricedRow[]): string {
  return `## A month

Beyond the included amounts, the plan's ${usd(PRICES.planUsd)} not counted, polling every second; relays as few as bring a job to all within a second in one region.

${table(
  [
    "logins",
    "relays",
    "jobs",
    "jobs a month",
    "requests",
    "GB-s",
    "rows written",
    "requests $",
    "duration $",
    "rows $",
    "total",
  ],
  prices.map((row) => [
    row.logins.toLocaleString("en"),
    String(row.relays),
    row.jobsAre,
    Math.round(row.jobs).toLocaleString("en"),
    millions(row.requests),
    millions(row.gbSeconds),
    millions(row.rowsWritten),
    usd(row.usd.requests),
    usd(row.usd.duration),
    usd(row.usd.rows),
    usd(row.usd.total),
  ]),
)}`;
}

function micro(ms: number): string {
  return `${Math.round(ms * 1_000)} µs`;
}

function usd(value: number): string {
  return `$${value.toFixed(2)}`;
}

function millions(value: number): string {
  return `${(value / 1_000_000).toFixed(value < 1e8 ? 1 : 0)} M`;
}

function table(head: readonly string[], body: readonly (readonly string[])[]): string {
  return [head, head.map(() => "---"), ...body].map((line) => `| ${line.join(" | ")} |`).join("\n");
}
