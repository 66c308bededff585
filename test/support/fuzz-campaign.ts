import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import * as fc from "fast-check";
import { WebSocket } from "ws";
import { startNode } from "../../devnet/node/node.ts";
import { startPool } from "../../devnet/pool-host/pool-process.ts";
import { HEADER, hostileLines } from "./hostile-lines.ts";

/** How long, and where the random choices begin; what is sent depends on the seed only, but for the header of the moment. */
export interface FuzzOptions {
  readonly seed: number;
  readonly minutes: number;
  readonly onProgress?: (requests: number, sockets: number) => void;
}

export interface FuzzOutcome {
  readonly requests: number;
  readonly sockets: number;
  /** What must not be: a 500, an error in the log, a secret in a reply or in the log. With the seed of its round. */
  readonly findings: readonly string[];
}

const SECRETS = {
  NOTIFY_TOKEN: "fuzz-notify-secret-1b3d5f7a9c",
  METRICS_TOKEN: "fuzz-metrics-secret-2c4e6a8b0d",
  REDIS_TOKEN: "fuzz-redis-secret-3d5f7b9c1e",
  REDIS_READ_TOKEN: "fuzz-reading-secret-4e6a8c0d2f",
  ADMIN_TOKEN: "fuzz-admin-secret-6a8c0e2d4f",
} as const;
const NODE_PASSWORD = "fuzz-node-password-5f7b9d1e3a";
const HIDDEN = [...Object.values(SECRETS), NODE_PASSWORD];
const AT_ONCE = 8;
const A_ROUND = 64;
const SOCKET_LIVES_MS = 1_500;

interface FuzzRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array<ArrayBuffer> | null;
}

const LOGIN = "0xb85150eb365e7df0941f0cf08235f987ba91506a";
const login = fc.oneof(
  { weight: 3, arbitrary: fc.constant(LOGIN) },
  fc.uint8Array({ minLength: 20, maxLength: 20 }).map((bytes) => `0x${Buffer.from(bytes).toString("hex")}`),
  fc.constantFrom("0x", "0x12", `0x${"0".repeat(40)}`, `${LOGIN}.rig`, LOGIN.toUpperCase(), "constructor", "..", "%00"),
  fc.string({ unit: "binary", maxLength: 60 }).map((text) => encodeURIComponent(text.toWellFormed())),
);
const word = fc.oneof(
  fc.constantFrom("", "rig", "1d", "3h", "2y", "toString", "__proto__", "main", "eth1.0", "%2e%2e", "a".repeat(300)),
  fc.string({ unit: "binary", maxLength: 30 }).map((text) => encodeURIComponent(text.toWellFormed())),
);
const path = fc.oneof(
  { weight: 3, arbitrary: fc.tuple(login, word).map(([who, rig]) => `/${who}/${rig}`) },
  login.map((who) => `/${who}`),
  fc.tuple(login, word).map(([who, range]) => `/api/accounts/${who}/history?range=${range}`),
  login.map((who) => `/api/accounts/${who}`),
  login.map((who) => `/api/accounts/${who}/settings`),
  fc
    .tuple(fc.constantFrom("stats", "miners", "blocks", "payments", "overview", "pool", "history"), word)
    .map(([route, range]) => `/api/${route}?range=${range}`),
  word.map((rest) => `/api/${rest}`),
  fc.constantFrom(
    "/health",
    "/metrics",
    "/redis",
    "/redis/",
    "/redis/pipeline",
    "/redis/multi-exec",
    "/",
    "/bridge.mjs",
  ),
  word.map((rest) => `/redis/${rest}`),
  fc.constantFrom("/admin/unresolved", "/admin/reconcile", "/admin/bans", "/admin/lists", "/admin/state", "/admin/log"),
  word.map((rest) => `/admin/${rest}`),
  fc
    .tuple(fc.constantFrom(SECRETS.NOTIFY_TOKEN, "wrong"), word)
    .map(([token, node]) => `/notify/${token}?upstream=${node}`),
  fc.tuple(login, word).map(([who, rig]) => `/stratum/${who}/${rig}`),
  fc.array(word, { maxLength: 5 }).map((parts) => `/${parts.join("/")}`),
);
const hash = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => `0x${Buffer.from(bytes).toString("hex")}`);
const command = fc
  .tuple(
    fc.constantFrom<unknown>(
      "GET",
      "HGETALL",
      "ZRANGE",
      "EVAL",
      "EVAL_RO",
      "EVALSHA",
      "SCAN",
      "FLUSHALL",
      "EXISTS",
      "SET",
      "ZADD",
      "HSET",
      "INFO",
      "__proto__",
    ),
    fc.array(
      fc.oneof(
        fc.constantFrom<unknown>("eth:stats", "eth:miners:x", "0", "-1", "WITHSCORES", "MATCH", "*", "COUNT"),
        fc.string({ maxLength: 12 }),
        fc.double(),
        fc.jsonValue(),
      ),
      { maxLength: 6 },
    ),
  )
  .map(([name, rest]) => [name].concat(rest));
const json = fc.oneof(
  fc.json(),
  command.map((one) => JSON.stringify(one)),
  fc.array(command, { maxLength: 4 }).map((commands) => JSON.stringify(commands)),
  fc.array(hash, { minLength: 2, maxLength: 5 }).map((work) => JSON.stringify(work)),
  fc.integer({ min: 0, max: 2 ** 31 }).map((seed) => hostileLines(1, seed)[0] ?? ""),
);
const body = fc.oneof(
  { weight: 4, arbitrary: json },
  fc.string({ unit: "binary", maxLength: 400 }),
  fc.uint8Array({ maxLength: 2_000 }).map((bytes) => new Uint8Array(bytes)),
  fc.constantFrom("[".repeat(5_000), "x".repeat(70_000)),
);
const bearer = fc.constantFrom(SECRETS.METRICS_TOKEN, SECRETS.REDIS_READ_TOKEN, SECRETS.ADMIN_TOKEN, "wrong", "");
const header = fc.oneof(
  bearer.map((token) => ["authorization", `Bearer ${token}`] as const),
  fc.constantFrom(
    ["upstash-encoding", "base64"] as const,
    ["content-type", "application/json"] as const,
    ["accept-encoding", "x"] as const,
    ["x-forwarded-for", "10.0.0.1"] as const,
    ["edgepool-session", "{}"] as const,
    ["x-long", "y".repeat(6_000)] as const,
    ["origin", "null"] as const,
  ),
);
const ip = fc.nat({ max: 2 ** 24 - 1 }).map((n) => `203.${n >> 16}.${(n >> 8) & 255}.${n & 255}`);
const request: fc.Arbitrary<FuzzRequest> = fc
  .record({
    method: fc.oneof(
      { weight: 2, arbitrary: fc.constant("GET") },
      { weight: 4, arbitrary: fc.constant("POST") },
      fc.constantFrom("PUT", "DELETE", "OPTIONS", "HEAD", "PATCH"),
    ),
    path,
    headers: fc
      .tuple(fc.array(header, { maxLength: 3 }), ip)
      .map(([some, from]) => Object.fromEntries([...some, ["cf-connecting-ip", from] as const])),
    body,
  })
  // fetch lets these two have no body.
  .map(({ method, path: at, headers, body: sent }) => ({
    method,
    path: at,
    headers,
    body: method === "GET" || method === "HEAD" ? null : sent,
  }));

/** What a socket is told: lines, cut and joined at will, and what is no text at all. */
const talk = fc.record({
  path: fc.oneof(
    fc.constant("/stratum"),
    fc.constant(`/stratum/${LOGIN}`),
    fc.tuple(login, word).map(([who, rig]) => `/stratum/${who}/${rig}`),
  ),
  ip,
  lines: fc.integer({ min: 0, max: 2 ** 31 }).map((seed) => hostileLines(20, seed)),
  cut: fc.integer({ min: 1, max: 700 }),
  entrance: fc.constantFrom(
    "",
    `{"id":1,"method":"eth_submitLogin","params":["${LOGIN}"]}\n`,
    '{"id":1,"method":"mining.subscribe","params":["f/1","EthereumStratum/1.0.0"]}\n',
  ),
  noise: fc.oneof(
    fc.constant(null),
    fc.uint8Array({ maxLength: 3_000 }).map((bytes) => Buffer.from(bytes)),
  ),
  isBinary: fc.boolean(),
});
type Talk = typeof talk extends fc.Arbitrary<infer T> ? T : never;

/** Sends random requests to every route and random lines to every socket of a real pool, and looks at all that comes of it. */
export async function fuzz({ seed, minutes, onProgress }: FuzzOptions): Promise<FuzzOutcome> {
  const stateDir = await mkdtemp(join(tmpdir(), "edgepool-fuzz-"));
  const node = await startNode({ difficulty: 1n << 60n });
  const findings: string[] = [];
  let [requests, sockets, round] = [0, 0, seed];
  const found = (what: string) => void findings.push(`seed ${round}: ${what}`.slice(0, 2_000));
  const pool = await startPool({
    stateDir,
    vars: {
      chain: "ethereum",
      difficulty: 1_000_000,
      upstream: [{ name: "main", url: node.url.replace("http://", `http://fuzz:${NODE_PASSWORD}@`), timeout: "5s" }],
      log: { level: "debug" },
    },
    secrets: SECRETS,
    onLog: ({ level, message }) => {
      if (level === "error" || /uncaught|unhandled/i.test(message)) found(`in the log: ${message}`);
      if (isTelling(message)) found(`a secret in the log: ${message}`);
    },
  });
  try {
    await credit(pool.url, LOGIN);
    const untilMs = performance.now() + minutes * 60_000;
    for (; performance.now() < untilMs && findings.length < 20; round++) {
      const asked = fc.sample(request, { seed: round, numRuns: A_ROUND });
      const told = fc.sample(talk, { seed: round, numRuns: AT_ONCE });
      await Promise.all([
        ...Array.from({ length: AT_ONCE }, async (_, lane) => {
          for (let at = lane; at < asked.length; at += AT_ONCE) {
            const one = asked[at];
            const problem = one && (await ask(pool.url, one));
            if (problem) found(`${problem}: ${JSON.stringify(one)}`);
            requests++;
          }
        }),
        ...told.map(async (one) => {
          const problem = await converse(pool.url, { ...one, lines: onHeader(one.lines, node.chain.current.header) });
          if (problem) found(`${problem}: ${JSON.stringify(one)}`);
          sockets++;
        }),
      ]);
      onProgress?.(requests, sockets);
    }
    // It still works for who behaves.
    const { status } = await fetch(`${pool.url}/api/stats`);
    if (status !== 200) found(`/api/stats answers ${status} in the end`);
  } finally {
    await pool.close();
    await node.close();
    await rm(stateDir, { recursive: true, force: true });
  }
  return { requests, sockets, findings };
}

/** Half of what is submitted is for a job of now: it goes on to the verifier. */
function onHeader(lines: readonly string[], current: string): string[] {
  return lines.map((line, at) => (at % 2 === 0 ? line.replaceAll(HEADER, current) : line));
}

/** A login that was never credited stays in front of its object, and so would all that is sent to it. */
async function credit(url: string, known: string): Promise<void> {
  const { status } = await fetch(`${url}/redis`, {
    method: "POST",
    headers: { authorization: `Bearer ${SECRETS.REDIS_TOKEN}` },
    body: JSON.stringify(["HSET", `eth:miners:${known}`, "lastShare", "1"]),
  });
  if (status !== 200) throw new Error(`the ledger answers ${status}`);
}

function isTelling(text: string): boolean {
  return HIDDEN.some((secret) => text.includes(secret));
}

/** @returns what is wrong with the answer; null when nothing is */
async function ask(url: string, { method, path: at, headers, body: sent }: FuzzRequest): Promise<string | null> {
  const response = await fetch(`${url}${at}`, { method, headers, body: sent, redirect: "manual" }).catch(
    (error: unknown) => (error instanceof TypeError ? null : Promise.reject(error)),
  );
  // undici sends no such request, or the pool has hung up on it, as workerd does on headers that are too long.
  if (response === null) return null;
  const text = await response.text().catch(() => "");
  if (response.status >= 500 && response.status !== 503) return `status ${response.status}, ${text.slice(0, 200)}`;
  if (isTelling(text) || isTelling(JSON.stringify([...response.headers]))) return "a secret in the answer";
  if (/\bat .+\.(?:js|ts):\d+/.test(text) && !at.includes("bridge.mjs")) return "a stack in the answer";
  return null;
}

async function converse(
  url: string,
  { path: at, ip: from, lines, cut, entrance, noise, isBinary }: Talk,
): Promise<string | null> {
  const socket = new WebSocket(`${url.replace("http", "ws")}${at}`, { headers: { "cf-connecting-ip": from } });
  let heard = "";
  socket.on("error", () => undefined);
  socket.on("message", (data: Buffer) => (heard += data.toString()));
  socket.on("open", () => {
    const text = Buffer.from(entrance + lines.map((line) => `${line}\n`).join(""));
    for (let start = 0; start < text.length; start += cut) {
      const piece = text.subarray(start, start + cut);
      socket.send(isBinary ? piece : piece.toString("latin1"), { binary: isBinary });
    }
    if (noise) socket.send(noise);
  });
  const { closed, refusal } = await new Promise<{ closed: number; refusal: number }>((resolve) => {
    socket.on("unexpected-response", (_request, { statusCode = 0 }) => resolve({ closed: 0, refusal: statusCode }));
    socket.on("close", (code) => resolve({ closed: code, refusal: 0 }));
    void sleep(SOCKET_LIVES_MS).then(() => resolve({ closed: 0, refusal: 0 }));
  });
  socket.terminate();
  if (isTelling(heard)) return "a secret on a socket";
  if (refusal >= 500 && refusal !== 503) return `status ${refusal} to an upgrade`;
  return closed === 1011 || closed === 1012 ? `a socket is closed with ${closed}` : null;
}
