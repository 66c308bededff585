import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { chainByName, type ChainSpec } from "ethash-wasm/chain-spec";
import { startBridge, type Bridge } from "../../bridge/src/bridge.ts";
import { blocksIn, LedgerReader } from "./ledger-totals.ts";
import { COINBASE, everydayContents } from "../node/transactions.ts";
import { startMiner, type Miner } from "../miner/miner.ts";
import { startNode, type DevNode } from "../node/node.ts";
import { startPool, type PoolProcess } from "../pool-host/pool-process.ts";
import type { StartOptions } from "./start-options.ts";
import type { Addresses, Moment } from "./start-summary.ts";

const COIN = "eth";
const HEALTH_TIMEOUT_MS = 2_000;
const SETTLE_MS = 5_000;
const SETTLE_STEP_MS = 200;

/** A port that is needed is taken. The message says which, for what, and the flag that chooses another. */
export class PortInUseError extends Error {
  override readonly name = "PortInUseError";
}

/** Node, pool, bridge and miner of one `npm start`. Parts are started one by one, so that progress can be shown. */
export class LocalSetup {
  readonly #options: StartOptions;
  readonly #chain: ChainSpec;
  readonly #secrets = { NOTIFY_TOKEN: token(), REDIS_TOKEN: token(), METRICS_TOKEN: token() };
  readonly #startedAtMs = Date.now();
  /** Shows what the parts say that a person should see. */
  readonly #report: (text: string) => void;
  #node: DevNode | null = null;
  #pool: PoolProcess | null = null;
  #bridge: Bridge | null = null;
  #miner: Miner | null = null;
  #ledger: LedgerReader | null = null;
  #minerCache = 0;
  #blocks = 0;

  constructor(options: StartOptions, report: (text: string) => void) {
    const chain = chainByName(options.chain);
    if (!chain) throw new Error(`unknown chain ${options.chain}`);
    this.#options = options;
    this.#chain = chain;
    this.#report = report;
  }

  /** @throws PortInUseError naming the first port that is taken */
  async checkPorts(): Promise<void> {
    const { host, port, stratumPort, nodePort, geth } = this.#options;
    await assertFree(host, port, "the pool", "--port");
    await assertFree(host, stratumPort, "TCP stratum", "--stratum-port");
    if (geth === null) await assertFree("127.0.0.1", nodePort, "the simulated node", "--node-port");
  }

  /** Starts the simulated node; nothing to do with a real one. */
  async startNode(): Promise<string> {
    const { geth, nodePort, blockDifficulty, blockTimeMs, port, state } = this.#options;
    if (geth !== null) return `uses ${geth}`;
    this.#node = await startNode({
      port: nodePort,
      spec: this.#chain,
      difficulty: BigInt(blockDifficulty),
      blockTimeMs: blockTimeMs === 0 ? null : blockTimeMs,
      chainFile: join(state, "simulated-chain.jsonl"),
      contents: everydayContents,
      fate: fateOf,
      notify: port === 0 ? [] : [`http://127.0.0.1:${port}/notify/${this.#secrets.NOTIFY_TOKEN}`],
      onEvent: (event) => {
        // An uncle counts too: the node took it, so the pool keeps a candidate for it.
        if (event.kind === "block") this.#blocks++;
      },
    });
    // A real node has its cache long before our first block; this one would make that block wait for it.
    const { pow, current } = this.#node.chain;
    await pow.prepare(current.height);
    return this.#node.url;
  }

  /** Starts workerd with the pool in it, and the ledger's reader. */
  async startPool(): Promise<string> {
    const { host, port, state, chain, difficulty, upstashUrl, upstashToken } = this.#options;
    const upstash =
      upstashUrl !== null && upstashToken !== null
        ? { UPSTASH_REDIS_REST_URL: upstashUrl, UPSTASH_REDIS_REST_TOKEN: upstashToken }
        : null;
    this.#pool = await startPool({
      host,
      port,
      stateDir: state,
      vars: {
        name: "local",
        coin: COIN,
        chain,
        difficulty,
        upstream: [{ name: "local", url: this.#nodeUrl(), timeout: "5s" }],
        ...(this.#node && { unlocker: UNLOCKER }),
      },
      secrets: { ...this.#secrets, ...upstash },
      onLog: (log) => this.#report(`pool: ${log.message}`),
    });
    this.#ledger = new LedgerReader(
      upstashUrl !== null && upstashToken !== null
        ? { url: upstashUrl, token: upstashToken }
        : { url: `${this.#pool.url}/redis`, token: this.#secrets.REDIS_TOKEN },
      COIN,
    );
    return this.#pool.url;
  }

  async startBridge(): Promise<string> {
    const { host, stratumPort } = this.#options;
    const pool = this.#running().url.replace(/^http/, "ws");
    // The pool is on this machine: no TLS needed for the few bytes between two processes.
    this.#bridge = await startBridge({
      pools: [pool],
      stratum: [{ host, port: stratumPort }],
      allowInsecure: true,
      proxy: null,
    });
    return this.addresses().stratum;
  }

  /** Starts the built-in miner; it builds its light cache in the background. */
  startMiner(onProgress: (progress: number) => void): void {
    const { login, threads } = this.#options;
    this.#miner = startMiner({
      host: "127.0.0.1",
      port: this.#stratumPort(),
      login,
      worker: "laptop",
      threads,
      chain: this.#chain,
      onEvent: (event) => {
        if (event.kind === "cache") onProgress((this.#minerCache = event.progress));
        if (event.kind === "failure") this.#report(`miner: ${event.reason}`);
        if (event.kind === "disconnected") this.#report(`miner: disconnected (${event.reason}), tries again`);
      },
    });
  }

  addresses(): Addresses {
    const { host } = this.#options;
    const { port } = new URL(this.#running().url);
    const shown = host === "0.0.0.0" ? "127.0.0.1" : host;
    return {
      dashboard: `http://${shown}:${port}/`,
      stratum: `stratum1+tcp://${shown}:${this.#stratumPort()}`,
      websocket: `ws://${shown}:${port}/stratum/0x…/rig1`,
      getwork: `http://${shown}:${port}/0x…/rig1`,
      node: this.#nodeUrl(),
    };
  }

  /** Reads every part as it is now. A part that does not answer shows as such; nothing throws. */
  async moment(): Promise<Moment> {
    const [health, ledger] = await Promise.all([
      this.#health(),
      this.#ledger?.totals().catch(() => null) ?? Promise.resolve(null),
    ]);
    const stats = this.#miner?.stats;
    return {
      elapsedMs: Date.now() - this.#startedAtMs,
      height: health?.height ?? null,
      networkDifficulty: health?.networkDifficulty ?? null,
      shares: stats ? { accepted: stats.accepted, stale: stats.stale, invalid: stats.invalid + stats.rejected } : null,
      hashrate: stats?.hashrate ?? 0,
      minerCache: this.#minerCache,
      blocks: this.#node ? this.#blocks : null,
      ledger,
      connections: this.#bridge?.stats().miners.length ?? 0,
    };
  }

  /** Ends the built-in miner and waits, a few seconds at most, until every block that the node took stands in the ledger. */
  async settle(before: Moment): Promise<Moment> {
    await this.#miner?.close();
    const expected = (before.ledger ? blocksIn(before.ledger) : 0) + this.#blocks;
    for (const deadlineMs = Date.now() + SETTLE_MS; ; await sleep(SETTLE_STEP_MS)) {
      const moment = await this.moment();
      const settled = moment.ledger !== null && blocksIn(moment.ledger) >= expected;
      if (settled || Date.now() >= deadlineMs) return moment;
    }
  }

  /** Stops what runs, the miner first, so that its last shares are still answered. Idempotent. */
  async stop(): Promise<void> {
    await this.#miner?.close();
    await this.#bridge?.close();
    await this.#pool?.close();
    await this.#node?.close();
    this.#miner = this.#bridge = this.#pool = this.#node = null;
  }

  async #health(): Promise<{ height: number | null; networkDifficulty: string | null } | null> {
    try {
      const reply = await fetch(`${this.#running().url}/health`, { signal: AbortSignal.timeout(HEALTH_TIMEOUT_MS) });
      const body: unknown = await reply.json();
      return workOf(body);
    } catch {
      return null;
    }
  }

  #running(): PoolProcess {
    if (this.#pool === null) throw new Error("the pool has not been started");
    return this.#pool;
  }

  #nodeUrl(): string {
    return this.#options.geth ?? this.#node?.url ?? "";
  }

  #stratumPort(): number {
    return this.#bridge?.ports.stratum[0] ?? this.#options.stratumPort;
  }
}

/** Short depths and a short interval, so that a block's whole life passes in minutes. What `npm start` mines has no value. */
const UNLOCKER = { enabled: true, accounts: [COINBASE], immatureDepth: 8, depth: 16, interval: "5s" };

/** Of ten blocks two become uncles and one is lost, so that one sees what becomes of those. */
function fateOf(nth: number): "stays" | "uncle" | "lost" {
  const at = nth % 10;
  return at === 3 || at === 8 ? "uncle" : at === 5 ? "lost" : "stays";
}

const token = (): string => randomBytes(24).toString("hex");

function member(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
}

function workOf(body: unknown): { height: number | null; networkDifficulty: string | null } {
  const work = member(body, "work");
  const height = member(work, "height");
  const difficulty = member(work, "networkDifficulty");
  return {
    height: typeof height === "number" ? height : null,
    networkDifficulty: typeof difficulty === "string" ? difficulty : null,
  };
}

async function assertFree(host: string, port: number, what: string, flag: string): Promise<void> {
  if (port === 0) return;
  await new Promise<void>((resolve, reject) => {
    const probe = createServer();
    probe.once("error", (error: NodeJS.ErrnoException) => {
      const reason = error.code === "EADDRINUSE" ? "is in use" : `cannot be used (${error.message})`;
      reject(new PortInUseError(`port ${port} for ${what} ${reason}; choose another with ${flag}`));
    });
    probe.listen(port, host, () => probe.close(() => resolve()));
  });
}
