import type { MeasuredCosts } from "./measured-costs.ts";
import { NETWORKS } from "./network.ts";
import type { TreeResult } from "./simulation.ts";

/** What a simulation rests on. */
export interface Measured extends MeasuredCosts {
  readonly machine: string;
}

/** A simulated tree. */
export interface SimulatedRow extends TreeResult {
  readonly network: string;
  readonly logins: number;
  readonly relays: number;
  /** The pool itself takes so many relays for so many logins. */
  readonly isChosen: boolean;
}

/** Everything as Markdown, beside which the plot lies as fan-out.svg. */
export function report(
  { machine, costs, points, relay }: Measured,
  rows: readonly SimulatedRow[],
  socketsPerLogin: number,
): string {
  return `# A new block on its way to every session: simulated with measured costs

Made by \`node bench/fan-out.ts\`. Nothing was deployed: what a delivery costs is measured in workerd on ${machine}; the way between two
objects is an assumption (log-normal, median ${NETWORKS.map(({ name, medianMs }) => `${medianMs} ms for ${name}`).join(", ")}).
The tree runs the pool's own \`core/work/fan-out.ts\`; ${socketsPerLogin} sockets a login. The root calls relays, and those have a WebSocket into each session; without relays (up to 100 logins) the root calls sessions.

Measured: a call between two objects ${micro(costs.callMs)}, a job through a socket into another object ${micro(costs.sendMs)} (both sides, all charged to the sender), a session's part ${micro(costs.sessionMs)}, a miner's socket
${micro(costs.socketMs)}, before the first relay ${costs.beforeMs.toFixed(1)} ms. An object with ${relay.sockets.toLocaleString("en")} sockets has written to all of them after ${relay.writtenMs.toFixed(0)} ms, the last of the others has the job after ${relay.arrivedMs.toFixed(0)} ms, all in one thread;
the sockets take ${relay.memoryMb} MB of resident memory, both ends together. Whole fan-outs of the pool that the fit is made of, relay, sessions and sockets in one thread:

${table(
  ["sessions", "sockets", "ms to the last socket"],
  points.map(({ sessions, sockets, lastMs }) => [String(sessions), String(sockets), lastMs.toFixed(1)]),
)}

## One job

Rows in bold are what the pool chooses by itself.

${table(
  ["network", "logins", "relays", "p50, ms", "p99, ms", "last, ms", "calls", "messages", "busiest object, ms"],
  rows.map((row) => {
    const relays = row.isChosen ? `**${row.relays}**` : String(row.relays);
    const times = [row.p50Ms, row.p99Ms, row.lastMs].map((ms) => ms.toFixed(0));
    const counts = [row.calls, row.messages].map((count) => count.toLocaleString("en"));
    return [row.network, row.logins.toLocaleString("en"), relays, ...times, ...counts, row.busiestMs.toFixed(0)];
  }),
)}

![Time to 99 of 100 sessions](fan-out.svg)

What a month of it costs is a line of \`npm run cost\`.
`;
}

function micro(ms: number): string {
  return `${Math.round(ms * 1_000)} µs`;
}

function table(head: readonly string[], body: readonly (readonly string[])[]): string {
  return [head, head.map(() => "---"), ...body].map((line) => `| ${line.join(" | ")} |`).join("\n");
}
