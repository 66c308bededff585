import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach } from "vitest";
import { DIALECTS } from "../../core/stratum/dialects.ts";
import type { DialectName } from "../../core/stratum/messages.ts";
import type { RejectReason } from "../../core/stratum/rejections.ts";
import { startBridge, type Bridge, type BridgeOptions } from "../src/index.ts";
import { parseMinerLine } from "../src/miner-side/miner-line.ts";
import { ScriptedPool, type PoolConnection } from "./scripted-pool.ts";
import { TcpMiner } from "./tcp-miner.ts";

/** Pauses as short as can be, time-outs longer than a busy machine needs. Nothing is asserted about them. */
export const QUICK = {
  connectTimeoutMs: 10_000,
  loginTimeoutMs: 10_000,
  pingIntervalMs: 200,
  waitingPingMs: 100,
  pongTimeoutMs: 10_000,
  keepAliveMs: 45_000,
  backOff: { firstMs: 5, longestMs: 50 },
  probeIntervalMs: 40,
  returnAfterMs: 60,
  returnSpreadMs: 20,
  firstLineTimeoutMs: 5_000,
  lingerMs: 5_000,
  drainMs: 0,
  pollPatienceMs: 300,
  sharePatienceMs: 10_000,
  jobGapMs: 5,
} as const;

/** For tests that wait until the bridge loses patience. A busy machine makes it lose it too early: no use for any other test. */
export const IMPATIENT = { ...QUICK, connectTimeoutMs: 400, loginTimeoutMs: 400, pongTimeoutMs: 400 };

export const ADDRESS = "0xb85150eb365e7df0941f0cf08235f987ba91506a";
export const LOGIN = { id: 1, jsonrpc: "2.0", method: "eth_submitLogin", params: [ADDRESS, "x"], worker: "rig-1" };

const cleanups: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

/** Runs when the test has ended, before what was begun earlier ends. */
function atEnd(cleanup: () => Promise<void> | void): void {
  cleanups.push(cleanup);
}

/** An empty folder that ends with the test. */
export async function newFolder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "edgepool-kept-"));
  atEnd(() => rm(path, { recursive: true, force: true }));
  return path;
}

/** A bridge on a free port that ends with the test. */
export async function bridgeTo(pools: readonly string[], options: Partial<BridgeOptions> = {}): Promise<Bridge> {
  const bridge = await startBridge({
    pools,
    stratum: [{ host: "127.0.0.1", port: 0 }],
    allowInsecure: true,
    proxy: null,
    timings: QUICK,
    ...options,
  });
  cleanups.push(() => bridge.close());
  return bridge;
}

export async function poolThat(
  onLine: (line: string, connection: PoolConnection) => void,
  port = 0,
): Promise<ScriptedPool> {
  const pool = await ScriptedPool.start(onLine, port);
  cleanups.push(() => pool.kill());
  return pool;
}

export async function minerOf(bridge: Bridge): Promise<TcpMiner> {
  const miner = await TcpMiner.connect(bridge.ports.stratum[0] ?? 0);
  cleanups.push(() => miner.close());
  return miner;
}

/** The request that a line holds. */
export function requestOf(line: string): Request {
  const parsed = parseMinerLine(line);
  if (parsed === null || parsed.kind === "answer") throw new Error(`no request: ${line}`);
  return { id: parsed.request.id, method: parsed.request.method, params: parsed.request.params };
}

export interface Request {
  readonly id: unknown;
  readonly method: string;
  readonly params: readonly unknown[];
}

/** What the pool makes of a share: yes, or why not. */
export type Verdict = true | RejectReason;

/** The pool's own words for it, in a dialect of the pool's own: no test imagines an answer. */
export function wordsOf(request: Request, verdict: Verdict, dialect: DialectName = "ethProxy"): string {
  const id = JSON.stringify(request.id ?? null);
  return verdict === true ? DIALECTS[dialect].granted(id) : DIALECTS[dialect].rejection(id, verdict);
}

/** Answers like the pool does: logins with yes, shares as told; undefined keeps silent. */
export function answer(
  line: string,
  connection: PoolConnection,
  submit: (share: Request) => Verdict | undefined = () => true,
): void {
  const request = requestOf(line);
  const verdict = /submitwork/i.test(request.method) ? submit(request) : true;
  if (verdict !== undefined) connection.send(`${wordsOf(request, verdict)}\n`);
}

/** The n-th share of a miner, told apart by its nonce. */
export function share(n: number, id: unknown = 40 + n): Request & { readonly worker: string } {
  const nonce = `0x${n.toString(16).padStart(16, "0")}`;
  return {
    id,
    method: "eth_submitWork",
    params: [nonce, `0x${"ab".repeat(32)}`, `0x${"cd".repeat(32)}`],
    worker: "rig-1",
  };
}

/** An EthereumStratum/1.0.0 pool; shares of its sessions are answered if `judges`. */
export const stratum1 = (extranonce: string, judges: boolean) => (line: string, connection: PoolConnection) => {
  const { id, method } = requestOf(line);
  const job = { id: null, method: "mining.notify", params: [`job-${extranonce}`, "seed", "header", true] };
  const subscribed = [["mining.notify", "session", "EthereumStratum/1.0.0"], extranonce];
  if (method === "mining.submit" && !judges) return;
  const said =
    method === "mining.subscribe"
      ? DIALECTS.es1.result(String(id), JSON.stringify(subscribed))
      : DIALECTS.es1.granted(String(id));
  connection.send(`${said}\n`);
  if (method === "mining.authorize") connection.send(`${JSON.stringify(job)}\n`);
};

/** An EthereumStratum/2.0.0 pool, as EIP-1571 has it; it tells its extranonce only after the login. */
export const stratum2 = (extranonce: string, judges: boolean) => (line: string, connection: PoolConnection) => {
  const { id, method } = requestOf(line);
  if (method === "mining.submit" && !judges) return;
  const hello = { proto: "EthereumStratum/2.0.0", resume: "0" };
  const told: Readonly<Record<string, unknown>> = {
    "mining.hello": hello,
    "mining.subscribe": "s-12345",
    "mining.authorize": "rig",
  };
  const result = told[method];
  const said =
    result === undefined ? DIALECTS.es2.granted(String(id)) : DIALECTS.es2.result(String(id), JSON.stringify(result));
  connection.send(`${said}\n`);
  if (method !== "mining.authorize") return;
  connection.send(
    `${JSON.stringify({ method: "mining.set", params: { epoch: "1", target: "ff", algo: "ethash", extranonce } })}\n`,
  );
  connection.send(`${JSON.stringify({ method: "mining.notify", params: ["aaaa", "3e8", "header", "0"] })}\n`);
};
