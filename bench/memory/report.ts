import { parse, View } from "vega";
import { compile } from "vega-lite";
import * as v from "valibot";
import { stateSchema } from "./miners.ts";

const heapSchema = v.object({ script: v.string(), usedMb: v.number(), buffersMb: v.number() });

/** Of a process in front of the pool's. */
const edgeSchema = v.object({ cpuSeconds: v.number(), memoryMb: v.number() });

const sampleSchema = v.object({
  /** Since all were connected. */
  minute: v.number(),
  cpuSeconds: v.number(),
  memoryMb: v.number(),
  wasmMb: v.number(),
  /** None where the isolates were too busy to say. */
  heaps: v.array(heapSchema),
  /** File descriptors that the pool's workerd has open; null in runs that did not count them. */
  descriptors: v.optional(v.nullable(v.number()), null),
  edges: v.optional(v.array(edgeSchema), []),
  miners: stateSchema,
});
export type Sample = v.InferOutput<typeof sampleSchema>;

/** A pool and its miners over a time. */
export const runSchema = v.object({
  machine: v.string(),
  sockets: v.number(),
  logins: v.number(),
  /** Processes of Workers in front of the one of the objects. */
  edges: v.optional(v.number(), 0),
  /** A second, of all together. */
  shares: v.number(),
  /** What each script's heap may have, MB. */
  heapLimitMb: v.number(),
  samples: v.array(sampleSchema),
});
export type Run = v.InferOutput<typeof runSchema>;

const SESSIONS = "edgepool-sessions";

const cell = (value: number, digits = 0) =>
  value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });

function nameOf({ sockets, logins, edges }: Run): string {
  const name = `${cell(sockets)} of ${cell(logins)} ${logins === 1 ? "login" : "logins"}`;
  return edges === 0 ? name : `${name}, ${edges} Workers in front`;
}

/** Resident memory in the sample that is nearest to a minute; NaN where the run was shorter. */
function residentAt({ samples }: Run, minute: number): number {
  const near = samples.find((sample) => sample.minute >= minute - 0.5);
  return near?.memoryMb ?? Number.NaN;
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** MB an hour, by least squares over the second half. */
function growth({ samples }: Run): number {
  const half = samples.slice(Math.floor(samples.length / 2));
  const [minute, memory] = [mean(half.map((one) => one.minute)), mean(half.map((one) => one.memoryMb))];
  const covariance = half.reduce((sum, one) => sum + (one.minute - minute) * (one.memoryMb - memory), 0);
  const variance = half.reduce((sum, one) => sum + (one.minute - minute) ** 2, 0);
  return (covariance / variance) * 60;
}

const perCent = (cpuSeconds: number, seconds: number) => `${cell((100 * cpuSeconds) / seconds)} %`;

/** Of each process in front: resident memory after the first minute and at the end, MB, and CPU of all of them. */
function inFront(run: Run, seconds: number): string {
  const [first, last] = [run.samples[0]?.edges ?? [], run.samples.at(-1)?.edges ?? []];
  if (last.length === 0) return "–";
  const memory = last.map(({ memoryMb }, at) => `${cell(first[at]?.memoryMb ?? Number.NaN)} to ${cell(memoryMb)}`);
  const cpu = last.reduce((sum, { cpuSeconds }, at) => sum + cpuSeconds - (first[at]?.cpuSeconds ?? 0), 0);
  return `${memory.join("; ")}; ${perCent(cpu, seconds)}`;
}

/** Least and most of a script's heap over all samples, MB: after and before its garbage is collected. */
function heapRange({ samples }: Run, isWanted: (script: string) => boolean): string {
  const used = samples.flatMap(({ heaps }) => heaps.filter(({ script }) => isWanted(script)).map((one) => one.usedMb));
  if (used.length === 0) return "–";
  return `${cell(Math.min(...used))} to ${cell(Math.max(...used))}`;
}

function tableRow(run: Run): string {
  const { samples, heapLimitMb, shares } = run;
  const [first, last] = [samples[0], samples.at(-1)];
  const seconds = ((last?.minute ?? 0) - (first?.minute ?? 0)) * 60;
  const cpu = (last?.cpuSeconds ?? 0) - (first?.cpuSeconds ?? 0);
  const residents = [1, 10, 30].map((minute) => cell(residentAt(run, minute)));
  const cells = [
    nameOf(run),
    cell(last?.minute ?? 0),
    ...residents,
    cell(last?.memoryMb ?? 0),
    cell(growth(run)),
    `${heapRange(run, (script) => script === SESSIONS)} of ${cell(heapLimitMb)}`,
    heapRange(run, (script) => script !== SESSIONS),
    cell(last?.wasmMb ?? 0, 1),
    `${cell(last?.miners.accepted ?? 0)} (${cell(shares)}/s)`,
    cell(last?.miners.refused ?? 0),
    cell(last?.miners.closed ?? 0),
    cell(last?.descriptors ?? Number.NaN),
    perCent(cpu, seconds),
    inFront(run, seconds),
  ];
  return `| ${cells.join(" | ")} |`.replaceAll("NaN", "–");
}

/** KB of resident memory that a socket takes with its part of a login, between the smallest and the largest run with five sockets a login. */
function perSocket(runs: readonly Run[]): string {
  const several = runs
    .filter(({ sockets, logins, edges }) => sockets === 5 * logins && edges === 0)
    .toSorted((a, b) => a.sockets - b.sockets);
  const [small, large] = [several[0], several.at(-1)];
  if (small === undefined || large === undefined || small === large) return "";
  const mb = (large.samples.at(-1)?.memoryMb ?? 0) - (small.samples.at(-1)?.memoryMb ?? 0);
  const sockets = large.sockets - small.sockets;
  return `With five sockets a login, between ${cell(small.sockets)} and ${cell(large.sockets)} sockets a socket, with its fifth of a login's object, takes ${cell((mb * 1_024) / sockets)} KB of resident memory.`;
}

/** @param notes what a reader must know of the machine and the runs, Markdown */
export function report(runs: readonly Run[], notes: string): string {
  const sorted = runs.toSorted((a, b) => a.sockets - b.sockets || b.logins - a.logins);
  return `# Memory: a whole pool over time

Made by \`npm run -s bench -- bench/memory.ts\`: all scripts in one workerd (with \`--edges\`, miners reach Workers in processes of their own before it), Ethereum Classic at block 23,500,000 (a light cache of 65 MiB), EthereumStratum/1, each login at an address of its own, a
new height every 13 s, and shares that are really verified and written to the embedded ledger. Miners and node are other processes. ${sorted[0]?.machine ?? ""}.

| sockets | minutes | resident at 1 min, MB | 10 | 30 | end | growth in the second half, MB/h | heap of the sessions' script, MB | of the other scripts | WebAssembly, MB | shares accepted | refused | closed | descriptors | CPU of a core | Workers in front: each one's resident memory, MB, and CPU of all |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
${sorted.map(tableRow).join("\n")}

${perSocket(sorted)} A heap is given from its least, when its garbage was just collected, to its most.

![Resident memory over time](memory.svg)

${notes}`;
}

/** Resident memory over time, a line a run. @returns an SVG document */
export async function plotMemory(runs: readonly Run[]): Promise<string> {
  const { spec } = compile({
    data: {
      values: runs.flatMap((run) =>
        run.samples.map(({ minute, memoryMb }) => ({ minute, memoryMb, run: nameOf(run), sockets: run.sockets })),
      ),
    },
    width: 640,
    height: 320,
    mark: { type: "line", point: true },
    encoding: {
      x: { field: "minute", type: "quantitative", title: "minutes since all sockets are open" },
      y: { field: "memoryMb", type: "quantitative", scale: { type: "log" }, title: "resident memory of workerd, MB" },
      color: {
        field: "run",
        type: "nominal",
        sort: { field: "sockets", order: "descending" },
        title: "sockets",
        legend: { labelLimit: 0 },
      },
    },
    config: { background: "white" },
  });
  return new View(parse(spec), { renderer: "none" }).toSVG();
}
