// How long until 99 % of many miners have work again after the pool was restarted: node bench/reconnect.ts
import { mkdtemp, rm } from "node:fs/promises";
import { availableParallelism, cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Command } from "commander";
import * as v from "valibot";
import { WebSocket } from "ws";
import { wholeNumber } from "../devnet/cli/arguments.ts";
import { startNode } from "../devnet/node/node.ts";
import { LIMIT_FLAGS, startPool } from "../devnet/pool-host/pool-process.ts";
import { bundleWorker } from "../devnet/pool-host/worker-bundle.ts";
import { wrapBundle } from "./pool/wrapped-bundle.ts";

const options = new Command("reconnect")
  .description("From a restart of workerd to a job at 99 % of many sockets that come back, all on this machine")
  .option("--sessions <number>", "logins", wholeNumber, 200)
  .option("--sockets <number>", "sockets a login", wholeNumber, 5)
  .option("--rounds <number>", "restarts a setting", wholeNumber, 3)
  .option("--only <part>", "settings with this in their name", "")
  .option("--json", "one JSON object instead of text")
  .parse()
  .opts<{ sessions: number; sockets: number; rounds: number; only: string; json?: boolean }>();

/** Between a miner's attempts: at random, so that they do not come in step. */
const RETRY_MS = { least: 200, most: 1_000 } as const;
const ROUND_TIMEOUT_MS = 120_000;
const SAY_MS = 10_000;
/**
 * At Cloudflare the objects of a thousand logins are in many isolates, and those that carry sessions have all of their 128 MB for them; here
 * one has all of the pool, and 32 MB as the one that has light caches would have: 1,000 logins with 5 sockets each ended it.
 */
const HEAP_MB = 112;
const FLAGS = LIMIT_FLAGS.map((flag) => flag.replace(/^(--max-old-space-size=)\d+$/, `$1${HEAP_MB}`));
const TOKEN = "bench-ledger-token-0123456789";

interface Setting {
  readonly name: string;
  readonly dialect: "ethProxy" | "es1";
  /** The pool has credited them before: their sockets go straight to their object. */
  readonly known: boolean;
}

const SETTINGS: readonly Setting[] = [
  { name: "eth-proxy, known logins", dialect: "ethProxy", known: true },
  { name: "EthereumStratum/1, known logins, sessions resumed", dialect: "es1", known: true },
  { name: "EthereumStratum/1, new logins, sessions resumed", dialect: "es1", known: false },
];

/** One miner that comes back whenever it is cut off, under the session that it had. */
class Miner {
  /** `performance.now()` of its first job since {@link Miner.forget}; null before. */
  jobAtMs: number | null = null;
  attempts = 0;
  extranonce = "";
  #session = "";
  #socket: WebSocket | null = null;
  #ended = false;
  readonly #url: string;
  readonly #login: string;
  readonly #ip: string;
  readonly #dialect: Setting["dialect"];

  /** @param ip each login has its own */
  constructor(pool: string, login: string, rig: number, ip: string, dialect: Setting["dialect"]) {
    this.#url = `${pool.replace(/^http/, "ws")}/stratum/${login}/rig-${rig}`;
    this.#login = login;
    this.#ip = ip;
    this.#dialect = dialect;
    this.#connect();
  }

  forget(): void {
    this.jobAtMs = null;
    this.attempts = 0;
  }

  end(): void {
    this.#ended = true;
    this.#socket?.terminate();
  }

  #connect(): void {
    if (this.#ended) return;
    this.attempts += 1;
    const socket = new WebSocket(this.#url, {
      headers: { "CF-Connecting-IP": this.#ip },
      perMessageDeflate: false,
    });
    this.#socket = socket;
    socket.on("error", () => undefined);
    socket.once("close", () => {
      const pauseMs = RETRY_MS.least + Math.random() * (RETRY_MS.most - RETRY_MS.least);
      if (!this.#ended) setTimeout(() => this.#connect(), pauseMs);
    });
    socket.once("open", () => socket.send(this.#opening()));
    socket.on("message", (data: Buffer) => this.#heard(data.toString("latin1")));
  }

  #opening(): string {
    const login = { id: 3, method: "eth_submitLogin", params: [this.#login, "x"] };
    if (this.#dialect === "ethProxy") return `${JSON.stringify(login)}\n`;
    const agreed = ["bench/1", "EthereumStratum/1.0.0", ...(this.#session === "" ? [] : [this.#session])];
    return [
      { id: 1, method: "mining.subscribe", params: agreed },
      { id: 2, method: "mining.extranonce.subscribe", params: [] },
      { id: 3, method: "mining.authorize", params: [this.#login, "x"] },
    ]
      .map((line) => `${JSON.stringify(line)}\n`)
      .join("");
  }

  #heard(text: string): void {
    const told = /"mining.notify","([^"]+)","[^"]+"\],"([0-9a-f]{6})"/.exec(text);
    if (told) [, this.#session = "", this.extranonce = ""] = told;
    const isJob =
      this.#dialect === "ethProxy" ? /"result":\["0x/.test(text) : text.includes('"method":"mining.notify"');
    if (isJob) this.jobAtMs ??= performance.now();
  }
}

const ipOf = (login: number) => `198.18.${login >> 8}.${login & 255}`;

/** Says how it goes every ten seconds, so that a run that does not end says where it was. */
async function allHaveWork(miners: readonly Miner[], what: string): Promise<void> {
  const sinceMs = performance.now();
  for (let saidMs = sinceMs; ; await sleep(20)) {
    const waiting = miners.filter(({ jobAtMs }) => jobAtMs === null).length;
    const nowMs = performance.now();
    const isOver = waiting === 0 || nowMs - sinceMs > ROUND_TIMEOUT_MS;
    if (isOver || nowMs - saidMs > SAY_MS) {
      saidMs = nowMs;
      const seconds = Math.round((nowMs - sinceMs) / 1_000);
      console.error(`${what}, ${seconds} s: ${miners.length - waiting} of ${miners.length} have work`);
    }
    if (isOver) return;
  }
}

async function creditAll(pool: string, logins: readonly string[]): Promise<void> {
  const commands = logins.map((login) => ["HSET", `eth:miners:${login}`, "lastShare", 1]);
  const headers = { Authorization: `Bearer ${TOKEN}`, "Content-Type": "application/json" };
  const answer = await fetch(`${pool}/redis/pipeline`, { method: "POST", headers, body: JSON.stringify(commands) });
  if (!answer.ok) throw new Error(`the ledger answered ${answer.status}: ${await answer.text()}`);
}

/** Of one restart, in ms after the pool answered again. */
interface Round {
  readonly halfMs: number;
  readonly ninetyNineMs: number;
  readonly lastMs: number;
  readonly withoutWork: number;
  /** Connections begun since then: one a socket where none was refused. */
  readonly attempts: number;
  readonly kept: number;
}

interface Measured {
  readonly rounds: readonly Round[];
  /** Of each class the most calls to one object in the last round: that is where many more miners would wait at Cloudflare. */
  readonly busiest: Readonly<Record<string, number>>;
}

async function busiest(pool: string): Promise<Record<string, number>> {
  return v.parse(v.record(v.string(), v.number()), await (await fetch(`${pool}/bench/busiest`)).json());
}

function roundOf(miners: readonly Miner[], startedAtMs: number, before: readonly string[]): Round {
  const sorted = miners.map(({ jobAtMs }) => (jobAtMs ?? Infinity) - startedAtMs).toSorted((a, b) => a - b);
  const at = (part: number) => Math.round(sorted[Math.ceil(sorted.length * part) - 1] ?? NaN);
  return {
    halfMs: at(0.5),
    ninetyNineMs: at(0.99),
    lastMs: at(1),
    withoutWork: sorted.filter((ms) => ms === Infinity).length,
    attempts: miners.reduce((sum, miner) => sum + miner.attempts, 0),
    kept: miners.filter(({ extranonce }, miner) => extranonce !== "" && extranonce === before[miner]).length,
  };
}

async function measure({ dialect, known }: Setting): Promise<Measured> {
  const stateDir = await mkdtemp(join(tmpdir(), "edgepool-bench-"));
  const node = await startNode({ recommitMs: null });
  const vars = {
    chain: "ethereum",
    upstream: [{ name: "bench", url: node.url, timeout: "2s" }],
    log: { level: "warn" },
  };
  const pool = await startPool({
    stateDir: join(stateDir, "state"),
    bundles: [
      await wrapBundle(await bundleWorker(), join(import.meta.dirname, "attack/worker.ts"), join(stateDir, "worker")),
    ],
    vars,
    secrets: { REDIS_TOKEN: TOKEN },
    v8Flags: FLAGS,
    onLog: ({ level, message }) => {
      if (level === "error" || level === "fatal") console.error(`${level}: ${message}`);
    },
  });
  const miners: Miner[] = [];
  try {
    const logins = Array.from({ length: options.sessions }, (_, at) => `0x${at.toString(16).padStart(40, "a")}`);
    if (known) await creditAll(pool.url, logins);
    for (const [session, login] of logins.entries()) {
      for (let socket = 0; socket < options.sockets; socket += 1)
        miners.push(new Miner(pool.url, login, session * options.sockets + socket, ipOf(session), dialect));
      if (session % 8 === 7) await sleep(50);
    }
    await allHaveWork(miners, "first");
    const rounds: Round[] = [];
    let mostCalls: Measured["busiest"] = {};
    for (let round = 0; round < options.rounds; round += 1) {
      const before = miners.map(({ extranonce }) => extranonce);
      await pool.kill();
      await sleep(500);
      for (const miner of miners) miner.forget();
      await pool.restart();
      const startedAtMs = performance.now();
      // Before that nothing listened, for as long as the machine took to start workerd.
      for (const miner of miners) miner.attempts = 0;
      await allHaveWork(miners, "after a restart");
      rounds.push(roundOf(miners, startedAtMs, before));
      mostCalls = await busiest(pool.url);
      await sleep(2_000);
    }
    return { rounds, busiest: mostCalls };
  } finally {
    for (const miner of miners) miner.end();
    await pool.close();
    await node.close();
    await rm(stateDir, { recursive: true, force: true });
  }
}

const size = `${options.sessions} logins with ${options.sockets} sockets each`;
const results = [];
for (const setting of SETTINGS.filter(({ name }) => name.includes(options.only))) {
  const measured = await measure(setting);
  results.push({ setting: setting.name, ...measured });
  if (options.json) continue;
  console.log(`\n${setting.name}: ${size}`);
  console.table(measured.rounds);
  console.log("the most calls to one object of a class, in the last round:");
  console.table([measured.busiest]);
}
const machine = `${cpus()[0]?.model.trim() ?? "?"}, ${availableParallelism()} processors under a load of ${(loadavg()[0] ?? 0).toFixed(1)}, Node ${process.version}`;
if (options.json) console.log(JSON.stringify({ size, machine, results }));
else console.log(`\n${machine}`);
