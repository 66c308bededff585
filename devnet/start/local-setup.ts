import { randomBytes } from "node:crypto";
import { createServer } from "node:net";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { FATE_HEIGHTS } from "../../core/work/block-search.ts";
import { chainByName, type ChainSpec } from "@edgepool/ethash-wasm/chain-spec";
import { startBridge, type Bridge } from "../../bridge/src/bridge.ts";
import { blocksIn, LedgerReader, type LedgerTotals } from "./ledger-totals.ts";
import { notifyToken } from "./notify-token.ts";
import { SIMULATED_CHAIN_FILE } from "./state-chain.ts";
import { healthOf, type Health } from "./pool-health.ts";
import { noteRunning } from "./running-tokens.ts";
import { inUrl, localHost, reachableHosts } from "./reachable-hosts.ts";
import { COINBASE, COINBASE_KEY, everydayContents } from "../node/transactions.ts";
import { startLocalUpstash } from "../gateway/upstash-gateway.ts";
import { startMiner, type Miner } from "../miner/miner.ts";
import { startNode, type DevNode } from "../node/node.ts";
import { startPool, type PoolProcess } from "../pool-host/pool-process.ts";
import type { StartOptions } from "./start-options.ts";
import { startToldReceiver, type ToldReceiver } from "./told-receiver.ts";
import type { Addresses, Moment } from "./start-summary.ts";

type SecretName = "NOTIFY_TOKEN" | "REDIS_TOKEN" | "METRICS_TOKEN" | "ADMIN_TOKEN" | "NOTIFICATION_KEY";

const COIN = "eth";
/** A part that takes longer to say how it is counts as one that does not answer. */
const READ_TIMEOUT_MS = 2_000;
const SETTLE_STEP_MS = 200;
const WORK_STEP_MS = 500;

/** A port that is needed is taken, or an address not this machine's. The message says which, for what, and the flag that chooses another. */
export class PortInUseError extends Error {
  override readonly name = "PortInUseError";
}

/** There is no redis-server on this machine, or it does not start. */
export class NoRedisError extends Error {
  override readonly name = "NoRedisError";
}

/** Node, pool, bridge and miner of one `npm start`. Parts are started one by one, so that progress can be shown. */
export class LocalSetup {
  readonly #options: StartOptions;
  readonly #chain: ChainSpec;
  readonly #secrets: Readonly<Record<SecretName, string>>;
  readonly #startedAtMs = Date.now();
  /** Shows what the parts say that a person should see. */
  readonly #report: (text: string) => void;
  #node: DevNode | null = null;
  #pool: PoolProcess | null = null;
  #bridge: Bridge | null = null;
  #miner: Miner | null = null;
  #ledger: LedgerReader | null = null;
  #redis: Awaited<ReturnType<typeof startLocalUpstash>> | null = null;
  #told: ToldReceiver | null = null;
  readonly #noted: { forget: () => void }[] = [];
  #minerCache = 0;
  #blocks = 0;

  constructor(options: StartOptions, report: (text: string) => void) {
    const chain = chainByName(options.chain);
    if (!chain) throw new Error(`unknown chain ${options.chain}`);
    this.#options = options;
    this.#chain = chain;
    this.#report = report;
    this.#secrets = {
      NOTIFY_TOKEN: options.notifyToken ?? notifyToken(options.state),
      REDIS_TOKEN: token(),
      METRICS_TOKEN: token(),
      ADMIN_TOKEN: token(),
      NOTIFICATION_KEY: token(),
    };
  }

  /** @throws PortInUseError naming the first port that is taken */
  async checkPorts(): Promise<void> {
    const { host, port, stratumPort, nodePort, geth } = this.#options;
    const wanted = [
      { host, port, what: "the pool", flag: "--port" },
      { host, port: stratumPort, what: "TCP stratum", flag: "--stratum-port" },
      ...(geth === null
        ? [{ host: "127.0.0.1", port: nodePort, what: "the simulated node", flag: "--node-port" }]
        : []),
    ];
    const given = new Map<number, string>();
    for (const listener of wanted) {
      const other = given.get(listener.port);
      if (other !== undefined && listener.port !== 0)
        throw new PortInUseError(
          `port ${listener.port} is for ${other} and for ${listener.what}; choose another with ${listener.flag}`,
        );
      given.set(listener.port, listener.what);
      await assertFree(listener);
    }
  }

  /** Starts the simulated node. */
  async startNode(): Promise<string> {
    const { nodePort, blockDifficulty, blockTimeMs, host, port, state } = this.#options;
    this.#node = await startNode({
      port: nodePort,
      spec: this.#chain,
      difficulty: BigInt(blockDifficulty),
      blockTimeMs: blockTimeMs === 0 ? null : blockTimeMs,
      chainFile: join(state, SIMULATED_CHAIN_FILE),
      contents: everydayContents,
      fate: fateOf,
      notify: port === 0 ? [] : [`http://${inUrl(localHost(host))}:${port}/notify/${this.#secrets.NOTIFY_TOKEN}`],
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

  /** Starts a redis-server for the books, which keeps them in the state folder. @throws NoRedisError */
  async startRedis(): Promise<string> {
    const folder = join(this.#options.state, "redis");
    this.#redis = await startLocalUpstash({ token: token() }, folder).catch((error: unknown) => {
      const reason = error instanceof Error ? error.message : String(error);
      throw new NoRedisError(`${reason}; install redis-server, or leave --with-redis out`);
    });
    return `redis-cli -s ${this.#redis.redis.socketPath}`;
  }

  /** Starts workerd with the pool in it, and the ledger's reader. */
  async startPool(): Promise<string> {
    const { host, port, state, chain, difficulty, notify } = this.#options;
    if (notify === true) this.#told = await startToldReceiver(this.#report);
    const target = this.#told?.url ?? (typeof notify === "string" ? notify : null);
    const upstash = this.#upstash();
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
        notifications: {
          miners: true,
          targets: target === null ? [] : [{ name: "start", kind: "webhook", to: target }],
        },
        ...(this.#node && { unlocker: UNLOCKER, payouts: PAYOUTS }),
      },
      secrets: {
        ...this.#secrets,
        ...(this.#node && { PAYOUT_PRIVATE_KEY: COINBASE_KEY }),
        ...(upstash && { UPSTASH_REDIS_REST_URL: upstash.url, UPSTASH_REDIS_REST_TOKEN: upstash.token }),
      },
      onLog: ({ message }) => isOfWorkerd(message) || this.#report(`pool: ${message}`),
    });
    const here = `http://${inUrl(localHost(host))}:${this.#pool.port}`;
    const embedded = { url: `${here}/redis`, token: this.#secrets.REDIS_TOKEN };
    this.#ledger = new LedgerReader(upstash ?? embedded, COIN);
    this.#note(here, this.#secrets.REDIS_TOKEN);
    if (this.#redis !== null) this.#note(this.#redis.gateway.url, this.#redis.gateway.token);
    if (target !== null) await this.#tellFirst(this.#pool);
    return this.#pool.url;
  }

  /**
   * Sends the target a test, so that one sees at once whether it is reached. Blocks that are there at the notifier's first look are no news to it,
   * so the look is made now and not at the next full minute.
   */
  async #tellFirst(pool: PoolProcess): Promise<void> {
    try {
      const reply = await fetch(`${pool.url}/admin/notifications/test`, {
        method: "POST",
        headers: { authorization: `Bearer ${this.#secrets.ADMIN_TOKEN}` },
        body: JSON.stringify({ target: null, note: "npm start -- --notify" }),
      });
      if (!reply.ok) this.#report(`notifications: ${await reply.text()}`);
      await pool.scheduled();
    } catch (error) {
      this.#report(`notifications: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  /** Where the books are when not in the pool itself. */
  #upstash(): { readonly url: string; readonly token: string } | null {
    // A copy: the client takes what it is given apart, and the gateway's URL is a getter.
    if (this.#redis !== null) return { url: this.#redis.gateway.url, token: this.#redis.gateway.token };
    const { upstashUrl: url, upstashToken: given } = this.#options;
    return url !== null && given !== null ? { url, token: given } : null;
  }

  #note(url: string, ledgerToken: string): void {
    try {
      this.#noted.push(noteRunning(url, { LEDGER_TOKEN: ledgerToken, ADMIN_TOKEN: this.#secrets.ADMIN_TOKEN }));
    } catch (error) {
      // A checkout that cannot be written runs a pool as well.
      const reason = error instanceof Error ? error.message : String(error);
      this.#report(`npm run ledger and npm run admin will not know this pool's tokens: ${reason}`);
    }
  }

  /**
   * Waits until the pool has work of its node.
   * @param waits told why there is none yet, each time that the reason is another
   * @returns null, or the last reason when `stop` came first
   */
  async waitForWork(stop: AbortSignal, waits: (reason: string) => void): Promise<string | null> {
    for (let told = ""; ; await sleep(WORK_STEP_MS, undefined, { signal: stop }).catch(() => undefined)) {
      const health = await this.#health(READ_TIMEOUT_MS);
      if (health?.height != null) return null;
      const reason = health?.noWork ?? "the pool does not answer";
      if (stop.aborted) return reason;
      if (reason !== told) waits((told = reason));
    }
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
    return this.addresses().stratum[0];
  }

  /** Starts the built-in miner; it builds its light cache in the background. */
  startMiner(onProgress: (progress: number) => void): void {
    const { host, login, threads } = this.#options;
    this.#miner = startMiner({
      host: localHost(host),
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
    const [first = "127.0.0.1", ...others] = reachableHosts(this.#options.host, networkInterfaces()).map(inUrl);
    const { port } = new URL(this.#running().url);
    const stratum = (at: string): string => `stratum1+tcp://${at}:${this.#stratumPort()}`;
    return {
      dashboard: `http://${first}:${port}/`,
      stratum: [stratum(first), ...others.map(stratum)],
      websocket: `ws://${first}:${port}/stratum/0x…/rig1`,
      getwork: `http://${first}:${port}/0x…/rig1`,
      node: this.#nodeUrl(),
      notify: this.#options.geth === null ? null : `http://${first}:${port}/notify/${this.#secrets.NOTIFY_TOKEN}`,
      ledger: this.#ledgerUrl(),
      redis: this.#redis === null ? null : `redis-cli -s ${this.#redis.redis.socketPath}`,
    };
  }

  /** Reads every part as it is now. A part that does not answer shows as such; nothing throws. */
  async moment(timeoutMs = READ_TIMEOUT_MS): Promise<Moment> {
    const [health, ledger] = await Promise.all([this.#health(timeoutMs), this.#totals(timeoutMs)]);
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

  /**
   * Ends the built-in miner and waits, so long at most, until every block that the node took stands in the ledger and nothing is on its way
   * there. The simulated chain goes on meanwhile, so that it says what became of second nonces for one header.
   */
  async settle(before: Moment, withinMs: number): Promise<Moment> {
    const deadlineMs = Date.now() + withinMs;
    await this.#miner?.close();
    for (let height = 0; height < FATE_HEIGHTS + 1; height++) this.#node?.advance();
    const expected = (before.ledger ? blocksIn(before.ledger) : 0) + this.#blocks;
    for (; ; await sleep(SETTLE_STEP_MS)) {
      const leftMs = Math.min(READ_TIMEOUT_MS, Math.max(SETTLE_STEP_MS, deadlineMs - Date.now()));
      const nothingWaits = (await this.#health(leftMs))?.waiting === 0;
      const moment = await this.moment(leftMs);
      const settled = nothingWaits && moment.ledger !== null && blocksIn(moment.ledger) >= expected;
      if (settled || Date.now() >= deadlineMs) return moment;
    }
  }

  /** Stops what runs, the miner first, so that its last shares are still answered. Idempotent. */
  async stop(): Promise<void> {
    await this.#miner?.close();
    await this.#bridge?.close();
    await this.#pool?.close();
    await this.#node?.close();
    await this.#redis?.close();
    await this.#told?.close();
    for (const { forget } of this.#noted.splice(0)) forget();
    this.#miner = this.#bridge = this.#pool = this.#node = this.#redis = null;
  }

  async #health(timeoutMs: number): Promise<Health | null> {
    try {
      const reply = await fetch(`${this.#running().url}/health`, { signal: AbortSignal.timeout(timeoutMs) });
      return healthOf(await reply.json());
    } catch {
      return null;
    }
  }

  /** The client knows no time limit: a ledger that accepts a connection and says nothing would be waited for without end. */
  async #totals(timeoutMs: number): Promise<LedgerTotals | null> {
    const late = new AbortController();
    const timeout = sleep(timeoutMs, null, { signal: late.signal }).catch(() => null);
    const totals = this.#ledger?.totals().catch(() => null) ?? null;
    return Promise.race([totals, timeout]).finally(() => late.abort());
  }

  #running(): PoolProcess {
    if (this.#pool === null) throw new Error("the pool has not been started");
    return this.#pool;
  }

  /** Where the command line finds the books; null for those of an Upstash, whose token is the operator's. */
  #ledgerUrl(): string | null {
    if (this.#redis !== null) return this.#redis.gateway.url;
    return this.#options.upstashUrl === null ? `http://127.0.0.1:${this.#running().port}/redis` : null;
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

/** The simulated node's own account pays what is above a tenth of a coin, as soon as it is there. */
const PAYOUTS = {
  enabled: true,
  address: COINBASE,
  interval: "10s",
  threshold: 100_000_000,
  requirePeers: 1,
  confirmations: 4,
  finalDepth: 40,
};

/** Of ten blocks two become uncles and one is lost, so that one sees what becomes of those. */
function fateOf(nth: number): "stays" | "uncle" | "lost" {
  const at = nth % 10;
  return at === 3 || at === 8 ? "uncle" : at === 5 ? "lost" : "stays";
}

/** What workerd says of itself to those who build it. */
const isOfWorkerd = (line: string): boolean => line.startsWith("NOSENTRY ");

const token = (): string => randomBytes(24).toString("hex");

interface Listener {
  readonly host: string;
  readonly port: number;
  readonly what: string;
  /** Chooses another port. */
  readonly flag: string;
}

/** Also where any free port will do: the address may be none of this machine's. */
async function assertFree({ host, port, what, flag }: Listener): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const probe = createServer();
    probe.once("error", ({ code = "", message }: NodeJS.ErrnoException) => {
      const reason = code === "EADDRINUSE" ? "is in use" : `cannot be used (${message})`;
      const text = NO_ADDRESS.has(code)
        ? `${host} is no address of this machine (${message}); choose another with --host`
        : `port ${port} for ${what} ${reason}; choose another with ${flag}`;
      reject(new PortInUseError(text));
    });
    probe.listen(port, host, () => probe.close(() => resolve()));
  });
}

const NO_ADDRESS: ReadonlySet<string> = new Set(["EADDRNOTAVAIL", "ENOTFOUND", "EAI_AGAIN", "EINVAL"]);
