import { build } from "esbuild";
import { convertV4MiniflareOptions, Miniflare } from "miniflare";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startScene } from "../latency/scene.ts";
import { leastSquares } from "./least-squares.ts";

/** What the calls of a fan-out cost in real workerd on this machine, in ms of its one thread. */
export interface CallCosts {
  /** A call from one object to another and its answer, both sides, when the called one does nothing. */
  readonly callMs: number;
  /** What a session does with a job, its call not counted. */
  readonly sessionMs: number;
  /** Writing the job to one socket; reading it in the measuring process goes on beside it. */
  readonly socketMs: number;
  /** From the node's push to the first call: HTTP, Worker, template, its storage. */
  readonly beforeMs: number;
}

/** One real fan-out of the whole pool: how many sessions and sockets, and the ms until the last socket had the job. */
export interface FanOutPoint {
  readonly sessions: number;
  readonly sockets: number;
  readonly lastMs: number;
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

/** Measures both; the fit is over the fastest round of each point, because what else the machine does only ever adds. */
export async function measureCosts(): Promise<{ costs: CallCosts; points: readonly FanOutPoint[] }> {
  const callMs = await measureCall();
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
      sessionMs: Math.max(perSession - callMs, 0),
      socketMs: Math.max(socketMs, 0),
      beforeMs: Math.max(beforeMs, 0),
    },
    points,
  };
}

async function measureCall(): Promise<number> {
  const { outputFiles } = await build({
    entryPoints: [join(import.meta.dirname, "worker.ts")],
    bundle: true,
    format: "esm",
    external: ["cloudflare:*"],
    write: false,
  });
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      name: "rpc",
      cf: false,
      compatibilityDate: COMPATIBILITY_DATE,
      modules: [{ type: "ESModule", path: "worker.js", contents: outputFiles[0]?.text ?? "" }],
      durableObjects: {
        ROOT: { className: "Root", useSQLite: true },
        LEAF: { className: "Leaf", useSQLite: true },
      },
    }),
  );
  try {
    const times: number[] = [];
    for (let round = 0; round < CALL_ROUNDS; round++) {
      const response = await miniflare.dispatchFetch(`http://rpc/?leaves=${LEAVES}`);
      times.push(Number(await response.text()));
    }
    return Math.min(...times) / LEAVES;
  } finally {
    await miniflare.dispose();
  }
}

async function measurePoint(sessions: number, socketsPerSession: number): Promise<FanOutPoint> {
  const scene = await startScene({ sessions, socketsPerSession, poll: "10s", push: true });
  try {
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
