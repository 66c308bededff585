import { parse, View } from "vega";
import { compile } from "vega-lite";
import type { Distribution } from "../latency/distribution.ts";
import type { LedgerName } from "./ledgers.ts";

/** Native code verifying the shares one by one, and nothing else. */
interface NativeRow {
  readonly name: string;
  /** CPU of a share, ms: before, between and after the pools. */
  readonly msPerShare: readonly number[];
}

/** What shares go through: the pool with one of the ledgers, or a floor beside it. */
export type Subject = LedgerName | "floor" | "floor, bundled";

/** One stretch of shares through a pool. CPU in ms a share. */
export interface PoolRow {
  readonly subject: Subject;
  /** Shares a second that were sent evenly; null: closed loop. */
  readonly rate: number | null;
  readonly sent: number;
  readonly refused: number;
  /** One of the answers to those. */
  readonly refusal: string;
  readonly sharesPerSecond: number;
  readonly cpuMs: {
    readonly hashing: number;
    /** workerd without the kernel: sockets, stratum, calls between objects, writing down; with the embedded ledger that, too. */
    readonly plumbing: number;
    readonly gateway: number;
    readonly redis: number;
  };
  readonly latency: Distribution;
  readonly sharesPerBatch: number;
  readonly commandsPerShare: number | null;
  /** Of the machine, by processes that are not part of this: percent. */
  readonly othersPercent: number;
}

/** The pool while nobody submits. */
export interface IdleRow {
  readonly ledger: LedgerName;
  /** CPU of all its parts, ms a second. */
  readonly msPerSecond: number;
}

export interface PeersResult {
  readonly machine: string;
  readonly command: string;
  readonly seconds: number;
  readonly rigs: number;
  readonly logins: number;
  readonly native: NativeRow;
  readonly idle: readonly IdleRow[];
  readonly rows: readonly PoolRow[];
}

const NAMES: Readonly<Record<Subject, string>> = {
  redis: "pool, redis-server behind the gateway",
  embedded: "pool, embedded ledger",
  floor: "floor: socket, call, hash",
  "floor, bundled": "floor: one call for all",
};

const sum = (values: readonly number[]): number => values.reduce((all, one) => all + one, 0);
const loadOf = ({ rate }: PoolRow): string => (rate === null ? "closed loop" : `${rate.toLocaleString("en")}/s`);
const cell = (value: number, digits: number): string =>
  value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });

/** CPU of a share by all parts, ms. */
const cpuOf = ({ cpuMs }: PoolRow): number => sum(Object.values(cpuMs));
/** What a share costs besides its hash, ms. */
const plumbingOf = (row: PoolRow): number => cpuOf(row) - row.cpuMs.hashing;

/** Lowest of what was measured: other processes only ever add. */
const nativeMs = ({ msPerShare }: NativeRow): number => Math.min(...msPerShare);

const FLOORS = `**Floors** are what the runtime and the kernel take of a share here, whatever a pool does: in the same process, on the same sockets and scripts, an object per login reads the line, asks an object of another script by one call, which gathers by the pool's rule and
hashes with its kernel, and answers; no stratum, no record of the connection, no check, no ledger. *One call for all*: shares of all logins wait 20 ms in the isolate of their objects and go in one call.`;

/** Paragraphs and a table, as Markdown. */
export function peersReport({ machine, command, seconds, rigs, logins, native, idle, rows }: PeersResult): string {
  const native1 = nativeMs(native);
  const lines = rows.map((row) => {
    const { hashing, plumbing, gateway, redis } = row.cpuMs;
    const beside = row.subject === "redis" ? [cell(gateway, 2), cell(redis, 2)] : ["", ""];
    const cells = [
      NAMES[row.subject],
      loadOf(row),
      cell(row.sharesPerSecond, 0),
      cell(hashing, 2),
      cell(plumbing, 2),
      ...beside,
      cell(cpuOf(row), 2),
      cell(plumbingOf(row), 2),
      cell(row.latency.p50, 1),
      cell(row.latency.p99, 1),
      cell(row.sharesPerBatch, 1),
      row.commandsPerShare === null ? "" : cell(row.commandsPerShare, 1),
      row.refused,
      `${cell(row.othersPercent, 0)} %`,
    ];
    return `| ${cells.join(" | ")} |`;
  });
  const spread = native.msPerShare.map((ms) => cell(ms, 2)).join(", ");
  const floors = rows.some(({ subject }) => subject.startsWith("floor")) ? `\n\n${FLOORS}` : "";
  return `Made by \`${command}\` on ${machine}. ${rigs} rigs of ${logins} logins, ${seconds} s a row, at a rate after two seconds of the same; pool in workerd, its ledger, native code and the rigs take turns or share the two
processors; the rigs' CPU time is not in the table. *Hashing* is what a clock around the kernel saw, less the time in which workerd could have run and had no processor. *Others* is what processes that have nothing to do with it took of the machine meanwhile.

**Native code, verification alone**: ${native.name}, one share after the other, as pools that call it do: ${cell(native1, 2)} ms of CPU a share (before, between and after the pools: ${spread}), so at
most ${cell(1_000 / native1, 0)} shares a second and core, before a line is read or anything is written. **The pool while nobody submits**, which is in each of its rows: ${idle
    .map(({ ledger, msPerSecond }) => `${cell(msPerSecond, 0)} ms of CPU a second (${ledger})`)
    .join(", ")}.${floors}

| what | shares come | shares/s | hashing | rest of workerd | gateway | redis-server | CPU a share, ms | without hashing, ms | p50, ms | p99, ms | shares a batch | Redis commands a share | refused | others |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
${lines.join("\n")}
`;
}

const labelOf = (row: PoolRow): string => `${row.subject}, ${loadOf(row)}`;
const PARTS = { hashing: "hashing", plumbing: "rest of workerd", gateway: "gateway", redis: "redis-server" } as const;

/** CPU a share by part beside native code, and latencies. @returns an SVG document */
export async function plotPeers({ native, rows }: PeersResult): Promise<string> {
  const cpu = [
    { name: native.name, part: "native verification", ms: nativeMs(native) },
    ...rows.flatMap((row) =>
      (["hashing", "plumbing", "gateway", "redis"] as const).map((part) => ({
        name: labelOf(row),
        part: PARTS[part],
        ms: row.cpuMs[part],
      })),
    ),
  ];
  const latency = rows.flatMap((row) =>
    (["p50", "p99"] as const).map((quantile) => ({ name: labelOf(row), quantile, ms: row.latency[quantile] })),
  );
  const y = { field: "name", type: "nominal" as const, sort: null, title: null, axis: { labelLimit: 0 } };
  const { spec } = compile({
    hconcat: [
      {
        data: { values: cpu },
        width: 340,
        height: { step: 22 },
        mark: { type: "bar" },
        encoding: {
          y,
          x: { field: "ms", type: "quantitative", title: "CPU a share, ms" },
          color: {
            field: "part",
            type: "nominal",
            sort: ["native verification", ...Object.values(PARTS)],
            title: null,
          },
        },
      },
      {
        data: { values: latency },
        width: 260,
        height: { step: 22 },
        mark: { type: "point", filled: true, size: 60 },
        encoding: {
          y,
          x: { field: "ms", type: "quantitative", scale: { type: "log" }, title: "from submit to answer, ms" },
          shape: { field: "quantile", type: "nominal", title: null },
        },
      },
    ],
    config: { background: "white" },
  });
  return await new View(parse(spec), { renderer: "none" }).toSVG();
}
