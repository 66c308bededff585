import { convertV4MiniflareOptions, Miniflare } from "miniflare";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { childNamed } from "../../wasm/bench/cpu-clock.ts";
import { startScene } from "../latency/scene.ts";
import { processUsage } from "../pool/process-usage.ts";
import { workerText } from "../pool/worker-text.ts";
import { leastSquares } from "./least-squares.ts";

/** What bringing a job costs in real workerd on this machine, in ms of its one thread. */
export interface JobCosts {
  /** A call from one object to another and its answer, both sides, when the called one does nothing. */
  readonly callMs: number;
  /** A job through a socket into another object, both sides, when that one does nothing with it. */
  readonly sendMs: number;
  /** What a session does with a job that came through a socket, that way not counted. */
  readonly sessionMs: number;
  /** Writing the job to one miner's socket; reading it in the measuring process goes on beside it. */
  readonly socketMs: number;
  /** From the node's push to the first relay: HTTP, Worker, template, its storage. */
  readonly beforeMs: number;
}

/** One real fan-out of the whole pool, through relays: how many sessions and sockets, and the ms until the last socket had the job. */
interface FanOutPoint {
  readonly sessions: number;
  readonly sockets: number;
  readonly lastMs: number;
}

/** An object with as many sockets as a relay has at most. */
interface FullRelay {
  readonly sockets: number;
  /** Until the last was written to; until the last object had it, all in one thread. */
  readonly writtenMs: number;
  readonly arrivedMs: number;
  /** What opening them added to workerd's resident memory, both ends together. */
  readonly memoryMb: number;
}

export interface MeasuredCosts {
  readonly costs: JobCosts;
  readonly points: readonly FanOutPoint[];
  readonly relay: FullRelay;
}

const COMPATIBILITY_DATE = "2026-11-02";
const GRID = [
  { sessions: 25, socketsPerSession: 1 },
  { sessions: 100, socketsPerSession: 1 },
  { sessions: 400, socketsPerSession: 1 },
  { sessions: 25, socketsPerSession: 20 },
  { sessions: 100, socketsPerSession: 10 },
] as const;
const ROUNDS = 20;
/** Few enough that a round fits into one time slice of a busy machine, many rounds to find one that was not disturbed. */
const LEAVES = 100;
const CALL_ROUNDS = 100;
/** As `core/work/template-tree.ts` gives a relay. */
const RELAY_SOCKETS = 2_000;
/** A relay opens its sockets so long after the first push. */
const DIALLED_MS = 3_000;

/** Measures all; of each the fastest round counts, because what else the machine does only ever adds. */
export async function measureCosts(): Promise<MeasuredCosts> {
  const { callMs, sendMs, relay } = await measureObjects();
  const points: FanOutPoint[] = [];
  for (const point of GRID) points.push(await measurePoint(point.sessions, point.socketsPerSession));
  // Relative errors count, not absolute ones: a long fan-out is disturbed in proportion.
  const [beforeMs = 0, perSession = 0, socketMs = 0] = leastSquares(
    points.map(({ sessions, sockets, lastMs }) => [1 / lastMs, sessions / lastMs, sockets / lastMs]),
    points.map(() => 1),
  );
  return {
    costs: {
      callMs,
      sendMs,
      sessionMs: Math.max(perSession - sendMs, 0),
      socketMs: Math.max(socketMs, 0),
      beforeMs: Math.max(beforeMs, 0),
    },
    points,
    relay,
  };
}

async function measureObjects(): Promise<{ callMs: number; sendMs: number; relay: FullRelay }> {
  const contents = await workerText(join(import.meta.dirname, "worker.ts"));
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      name: "rpc",
      cf: false,
      compatibilityDate: COMPATIBILITY_DATE,
      modules: [{ type: "ESModule", path: "worker.js", contents }],
      durableObjects: {
        ROOT: { className: "Root", useSQLite: true },
        LEAF: { className: "Leaf", useSQLite: true },
      },
    }),
  );
  const ask = async (path: string): Promise<unknown> => (await miniflare.dispatchFetch(`http://rpc/${path}`)).json();
  try {
    const calls: number[] = [];
    for (let round = 0; round < CALL_ROUNDS; round++) calls.push(Number(await ask(`call?leaves=${LEAVES}`)));
    const relay = await measureRelay(ask);
    return { callMs: Math.min(...calls) / LEAVES, sendMs: relay.arrivedMs / relay.sockets, relay };
  } finally {
    await miniflare.dispose();
  }
}

const memoryMb = async () => (await processUsage(childNamed("workerd"))).memoryMb;

async function measureRelay(ask: (path: string) => Promise<unknown>): Promise<FullRelay> {
  // The objects are there before their sockets.
  await ask(`call?leaves=${RELAY_SOCKETS}`);
  const before = await memoryMb();
  await ask(`dial?leaves=${RELAY_SOCKETS}`);
  const after = await memoryMb();
  let [writtenMs, arrivedMs] = [Infinity, Infinity];
  for (let round = 0; round < ROUNDS; round++) {
    const times = [await ask("send")].flat().map(Number);
    writtenMs = Math.min(writtenMs, times[0] ?? Infinity);
    arrivedMs = Math.min(arrivedMs, times[1] ?? Infinity);
  }
  return { sockets: RELAY_SOCKETS, writtenMs, arrivedMs, memoryMb: after - before };
}

async function measurePoint(sessions: number, socketsPerSession: number): Promise<FanOutPoint> {
  const scene = await startScene({ sessions, socketsPerSession, poll: "10s", push: true, jobRelays: 1 });
  try {
    await scene.round();
    await sleep(DIALLED_MS);
    const times: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      await sleep(200);
      times.push((await scene.round()).lastMs);
    }
    return { sessions, sockets: sessions * socketsPerSession, lastMs: Math.min(...times) };
  } finally {
    await scene.close();
  }
}
