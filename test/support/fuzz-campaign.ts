import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import * as fc from "fast-check";
import { eip191Signer } from "micro-eth-signer";
import * as v from "valibot";
import { WebSocket } from "ws";
import { settingsText } from "../../core/accounts/settings-message.ts";
import { accountOf } from "../../core/payouts/payer/transaction.ts";
import { RESTART_CLOSE, RESTART_REASONS } from "../../core/session/closes.ts";
import { startNode } from "../../devnet/node/node.ts";
import { startPool } from "../../devnet/pool-host/pool-process.ts";
import { FUZZ_KEY, FUZZ_LOGIN, FUZZ_NOTIFY_TOKEN, FUZZ_ROUTES, login, MINER, word } from "./fuzz-routes.ts";
import { HEADER, hostileLines } from "./hostile-lines.ts";
import { watchedScripts } from "./watched-scripts.ts";

/** How long, and where the random choices begin; what is sent depends on the seed only, but for the header of the moment. */
export interface FuzzOptions {
  readonly seed: number;
  readonly minutes: number;
  readonly onProgress?: (requests: number, sockets: number) => void;
  /** An exception is thrown once in every script, when it has been called so often: to see that it is found. */
  readonly sabotaged?: number;
  /** Whether what was found is enough to end; default: twenty findings. */
  readonly isEnough?: (findings: readonly string[]) => boolean;
}

export interface FuzzOutcome {
  readonly requests: number;
  readonly sockets: number;
  /** What must not be: a 500, an error in the log, a secret in a reply or in the log. With the seed of its round. */
  readonly findings: readonly string[];
  /** How often sockets were closed by the pool, by code and reason. */
  readonly closes: ReadonlyMap<string, number>;
}

const SECRETS = {
  NOTIFY_TOKEN: FUZZ_NOTIFY_TOKEN,
  METRICS_TOKEN: "fuzz-metrics-secret-2c4e6a8b0d",
  REDIS_TOKEN: "fuzz-redis-secret-3d5f7b9c1e",
  REDIS_READ_TOKEN: "fuzz-reading-secret-4e6a8c0d2f",
  ADMIN_TOKEN: "fuzz-admin-secret-6a8c0e2d4f",
  NOTIFICATION_KEY: "fuzz-message-secret-7b9d1f3a5c",
  BRIDGE_TOKEN: "fuzz-bridge-secret-8c0e2a4b6d",
  PAYOUT_PRIVATE_KEY: "48".repeat(32),
} as const;
const POOL_ADDRESS = accountOf(SECRETS.PAYOUT_PRIVATE_KEY) ?? "";
const NODE_PASSWORD = "fuzz-node-password-5f7b9d1e3a";
const HIDDEN = [...Object.values(SECRETS), NODE_PASSWORD];
const AT_ONCE = 8;
const A_ROUND = 64;
const SOCKET_LIVES_MS = 1_500;
/**
 * Codes, and with the pool's own "come back" the reasons, with which random lines may be answered (docs/protocol.md, section 1). All else is a fault of the pool's.
 * 1006: the connection was cut before it was open, by headers or a path that the runtime does not take.
 */
const MAY_CLOSE = new RegExp(
  `^(?:1000|1005|1006|1008)\\b|^${RESTART_CLOSE} (?:${RESTART_REASONS.noRoom}|${RESTART_REASONS.taken})$`,
);

interface FuzzRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array<ArrayBuffer> | null;
}

const path = fc.oneof(...Object.values(FUZZ_ROUTES));
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
const somebody = fc.oneof(
  fc.nat({ max: 255 }).map((part) => `203.0.113.${part}`),
  fc.string({ maxLength: 20 }),
);
/** What the operator may say, but for the pause of the whole pool, which would end everything else. */
const operatorsWord = fc
  .oneof(
    fc.record({ action: fc.constantFrom("add", "lift"), client: somebody, login: fc.option(somebody), for: word }),
    fc.record({ action: fc.constant("add"), client: somebody, for: fc.constantFrom("1s", "10m", "99h", "-1s") }),
    fc.record({
      list: fc.constantFrom("blacklist", "whitelist"),
      action: fc.constantFrom("add", "remove"),
      who: somebody,
    }),
    fc.record({ paused: fc.boolean(), login: fc.constant(`0x${"5".repeat(40)}`) }),
    fc.record({
      action: fc.constantFrom("credit", "drop"),
      ids: fc.array(fc.constantFrom("0:1", "0:999", "9:1", "x")),
    }),
    fc.record({ kind: fc.constantFrom("pause", "resume", "unlock", "x") }),
    fc.record({
      kind: fc.constantFrom("hold", "release", "approve", "mend"),
      login: fc.constantFrom(FUZZ_LOGIN, "0x"),
    }),
    fc.record({ kind: fc.constantFrom("cancel", "resolve"), id: fc.integer(), as: fc.constantFrom("paid", "unpaid") }),
    fc.record({ target: fc.option(word) }),
  )
  .map((said) => JSON.stringify({ ...said, note: "fuzz" }));
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
const anything: fc.Arbitrary<FuzzRequest> = fc
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

const withToken = (secret: string, at: fc.Arbitrary<string>, sent: fc.Arbitrary<string>): fc.Arbitrary<FuzzRequest> =>
  fc.tuple(at, sent, ip).map(([where, text, from]) => ({
    method: "POST",
    path: where,
    headers: { authorization: `Bearer ${secret}`, "cf-connecting-ip": from },
    body: text,
  }));
const operators = withToken(
  SECRETS.ADMIN_TOKEN,
  fc.oneof(...Object.entries(FUZZ_ROUTES).flatMap(([pattern, paths]) => (pattern.startsWith("/admin") ? [paths] : []))),
  operatorsWord,
);
/** Writes beside the books: what a program with that token spoils in them is not the pool's fault. */
const writes = withToken(
  SECRETS.REDIS_TOKEN,
  fc.constantFrom("/redis", "/redis/pipeline", "/redis/multi-exec"),
  fc
    .array(
      command.map(([name, _key, ...rest]) => [name, "fuzz:key"].concat(rest)),
      { minLength: 1, maxLength: 4 },
    )
    .map((commands) => JSON.stringify(commands.length === 1 ? commands[0] : commands)),
);
const request = fc.oneof(
  { weight: 6, arbitrary: anything },
  { weight: 1, arbitrary: operators },
  { weight: 1, arbitrary: writes },
);

/** What the known login signs. */
const wish = fc.record({
  payoutThreshold: fc.option(fc.bigInt({ min: 1n, max: 10n ** 17n })),
  solo: fc.boolean(),
  hidden: fc.boolean(),
  /** Null: a webhook at the node, which answers something. */
  notifications: fc.option(fc.constantFrom("unchanged", "unchanged, and send a test", "none", "webhook x payments")),
  isOwn: fc.boolean(),
});
type Wish = typeof wish extends fc.Arbitrary<infer T> ? T : never;

/** What a socket is told: lines, cut and joined at will, and what is no text at all. */
const talk = fc.record({
  path: fc.oneof(
    fc.constant("/stratum"),
    fc.constant(`/stratum/${MINER}`),
    fc.tuple(login, word).map(([who, rig]) => `/stratum/${who}/${rig}`),
  ),
  ip,
  lines: fc.integer({ min: 0, max: 2 ** 31 }).map((seed) => hostileLines(20, seed)),
  cut: fc.integer({ min: 1, max: 700 }),
  entrance: fc.constantFrom(
    "",
    `{"id":1,"method":"eth_submitLogin","params":["${MINER}"]}\n`,
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
export async function fuzz(options: FuzzOptions): Promise<FuzzOutcome> {
  const { seed, minutes, onProgress, sabotaged, isEnough = (some) => some.length >= 20 } = options;
  const directory = await mkdtemp(join(tmpdir(), "edgepool-fuzz-"));
  const node = await startNode({ difficulty: 1n << 60n });
  const findings: string[] = [];
  let [requests, sockets, round] = [0, 0, seed];
  const warnings: string[] = [];
  const closes = new Map<string, number>();
  const found = (what: string) => {
    const before = warnings.length === 0 ? "" : `; before it in the log: ${warnings.join(" | ")}`;
    findings.push(`seed ${round}: ${what}`.slice(0, 2_000) + before);
  };
  const pool = await startPool({
    stateDir: join(directory, "state"),
    bundles: await watchedScripts(join(directory, "scripts"), sabotaged ?? null),
    vars: {
      chain: "ethereum",
      difficulty: 1_000_000,
      upstream: [{ name: "main", url: node.url.replace("http://", `http://fuzz:${NODE_PASSWORD}@`), timeout: "5s" }],
      notifications: { miners: true },
      unlocker: { enabled: true, poolFeeAddress: POOL_ADDRESS, accounts: [POOL_ADDRESS] },
      payouts: { enabled: true, address: POOL_ADDRESS, interval: "5s", requirePeers: 0 },
      log: { level: "debug" },
    },
    secrets: SECRETS,
    onLog: ({ level, message }) => {
      if (level === "error" || /uncaught|unhandled/i.test(message)) found(`in the log: ${message}`);
      if (isTelling(message)) found(`a secret in the log: ${message}`);
      if (level === "warn") warnings.splice(0, Math.max(0, warnings.length - 4), message.slice(0, 300));
    },
  });
  try {
    for (const known of [FUZZ_LOGIN, MINER]) await credit(pool.url, known);
    const untilMs = performance.now() + minutes * 60_000;
    for (; performance.now() < untilMs && !isEnough(findings); round++) {
      const asked = fc.sample(request, { seed: round, numRuns: A_ROUND });
      const told = fc.sample(talk, { seed: round, numRuns: AT_ONCE });
      const [wanted] = fc.sample(wish, { seed: round, numRuns: 1 });
      await Promise.all([
        ...Array.from({ length: AT_ONCE }, async (_, lane) => {
          for (let at = lane; at < asked.length; at += AT_ONCE) {
            const one = asked[at];
            const problem = one && (await ask(pool.url, one));
            if (problem) found(`${problem}: ${JSON.stringify(one)}`);
            requests++;
          }
        }),
        signedChange(pool.url, node.url, wanted).then((problem) => problem && found(problem)),
        ...told.map(async (one) => {
          const lines = onHeader(one.lines, node.chain.current.header);
          const { problem, close } = await converse(pool.url, { ...one, lines });
          if (problem) found(`${problem}: ${JSON.stringify(one)}`);
          if (close) closes.set(close, (closes.get(close) ?? 0) + 1);
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
    await rm(directory, { recursive: true, force: true });
  }
  return { requests, sockets, findings, closes };
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

/** A change that the login may well make. @returns what is wrong with the answer; null when nothing is */
async function signedChange(url: string, hook: string, wanted: Wish | undefined): Promise<string | null> {
  if (!wanted) return null;
  const { isOwn, notifications, ...own } = wanted;
  const at = `/api/accounts/${FUZZ_LOGIN}/settings`;
  const shown = v.parse(shownSettings, await (await fetch(`${url}${at}`)).json());
  const message = settingsText({
    ...own,
    ...shown,
    login: FUZZ_LOGIN,
    expires: shown.now + 600,
    notifications: notifications ?? `webhook ${hook} payments`,
  });
  const signature = eip191Signer.sign(message, isOwn ? FUZZ_KEY : `0x${"49".repeat(32)}`);
  const headers = { "cf-connecting-ip": `203.0.113.${shown.nonce % 256}` };
  return await ask(url, { method: "POST", path: at, headers, body: JSON.stringify({ message, signature }) });
}

const shownSettings = v.object({ pool: v.string(), chainId: v.number(), nonce: v.number(), now: v.number() });

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
): Promise<{ problem: string | null; close: string | null }> {
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
  const { close, refusal } = await new Promise<{ close: string | null; refusal: number }>((resolve) => {
    socket.on("unexpected-response", (_request, { statusCode = 0 }) => resolve({ close: null, refusal: statusCode }));
    socket.on("close", (code, reason) => resolve({ close: `${code} ${reason.toString()}`.trim(), refusal: 0 }));
    void sleep(SOCKET_LIVES_MS).then(() => resolve({ close: null, refusal: 0 }));
  });
  socket.terminate();
  const problem = (): string | null => {
    if (isTelling(heard + (close ?? ""))) return "a secret on a socket";
    if (refusal >= 500 && refusal !== 503) return `status ${refusal} to an upgrade`;
    return close === null || MAY_CLOSE.test(close) ? null : `a socket is closed with "${close}"`;
  };
  return { problem: problem(), close };
}
