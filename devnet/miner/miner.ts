import { availableParallelism } from "node:os";
import { customChain, type ChainSpec } from "@edgepool/ethash-wasm/chain-spec";
import { EthProxyDialect } from "./eth-proxy-dialect.ts";
import { EthereumStratumDialect } from "./ethereum-stratum-dialect.ts";
import { LineConnection } from "./line-connection.ts";
import type { MinerDialect, MinerJob, PoolMessage, ShareAnswer } from "./miner-dialect.ts";
import { NonceSearch } from "./miner-search.ts";

/** Settings of a CPU miner. */
export interface MinerOptions {
  readonly host: string;
  readonly port: number;
  /** `0x` address. */
  readonly login: string;
  readonly worker?: string;
  readonly password?: string;
  /** Search threads, each with a light cache of its own; default: one less than the machine's processors. */
  readonly threads?: number;
  /** How long a thread rests after every 32 hashes: one that never does takes a whole processor. Default 0. */
  readonly restMs?: number;
  readonly chain?: ChainSpec;
  readonly dialect?: "eth-proxy" | "ethereum-stratum";
  /** The pool is given up, and connected to again, when it leaves a login or a submit unanswered this long. ethminer waits 2 s. */
  readonly responseTimeoutMs?: number;
  /** First wait before a reconnect; doubled at each failure up to half a minute. */
  readonly reconnectMs?: number;
  readonly hashrateEveryMs?: number;
  readonly onEvent?: (event: MinerEvent) => void;
}

/** What a miner tells whoever runs it. */
export type MinerEvent =
  | { readonly kind: "connected" }
  | { readonly kind: "loggedIn" }
  | { readonly kind: "disconnected"; readonly reason: string; readonly retryInMs: number }
  | { readonly kind: "job"; readonly header: string }
  | { readonly kind: "cache"; readonly epoch: number; readonly progress: number }
  | {
      readonly kind: "share";
      readonly outcome: ShareOutcome;
      readonly nonce: string;
      readonly header: string;
      readonly reason: string;
    }
  | { readonly kind: "failure"; readonly reason: string };

/** `wasted`: found while there was no connection, or not answered before it broke. */
type ShareOutcome = Exclude<ShareAnswer, "refused"> | "wasted";

/** Counts since the start. */
interface MinerStats extends Readonly<Record<ShareOutcome, number>> {
  readonly connected: boolean;
  readonly connections: number;
  readonly jobs: number;
  readonly hashes: number;
  /** Hashes a second over the last ten seconds. */
  readonly hashrate: number;
}

/** A running miner. */
export interface Miner {
  /** The counts as they are now. */
  readonly stats: MinerStats;
  /** Closes the connection and ends every thread. */
  close(): Promise<void>;
}

/** GPU miners number their submits from here, one id a device. */
const FIRST_SUBMIT_ID = 40;
const LONGEST_WAIT_MS = 30_000;
const CONNECT_TIMEOUT_MS = 5_000;
/** New work is at every miner by then. */
const NEW_WORK_MS = 2_000;

/** Starts mining; connects again by itself until it is closed. */
export function startMiner(options: MinerOptions): Miner {
  return new CpuMiner(options);
}

interface PendingShare {
  readonly job: MinerJob;
  readonly nonce: string;
  readonly timer: NodeJS.Timeout;
}

interface Refusal {
  readonly job: MinerJob;
  readonly nonce: string;
  readonly reason: string;
}

class CpuMiner implements Miner {
  readonly #options: MinerOptions;
  readonly #search: NonceSearch;
  readonly #counts: Record<ShareOutcome, number> = {
    accepted: 0,
    stale: 0,
    duplicate: 0,
    invalid: 0,
    rejected: 0,
    wasted: 0,
  };
  /** Submits in flight by id; an id is used again before it is answered, answers to one id come in order. */
  readonly #pending = new Map<number, PendingShare[]>();
  /** Refused without a reason, until it shows whether their job was the last. */
  readonly #refusals = new Map<Refusal, NodeJS.Timeout>();
  #connection: LineConnection | null = null;
  #dialect: MinerDialect;
  #job: MinerJob | null = null;
  #loggedIn = false;
  #connections = 0;
  #jobs = 0;
  #failures = 0;
  #closed = false;
  #retryTimer: NodeJS.Timeout | undefined;
  #loginTimer: NodeJS.Timeout | undefined;
  readonly #hashrateTimer: NodeJS.Timeout;

  constructor(options: MinerOptions) {
    this.#options = options;
    this.#dialect = this.#newDialect();
    const threads = options.threads ?? Math.max(1, availableParallelism() - 1);
    this.#search = new NonceSearch(options.chain ?? customChain({ name: "devnet" }), threads, options.restMs ?? 0, {
      onFound: (job, nonce, mixDigest, thread) => this.#found(job, nonce, mixDigest, thread),
      onCache: (epoch, progress) => this.#tell({ kind: "cache", epoch, progress }),
      onFailure: (error) => this.#tell({ kind: "failure", reason: error.message }),
    });
    this.#hashrateTimer = setInterval(() => this.#sendHashrate(), options.hashrateEveryMs ?? 60_000);
    this.#connect();
  }

  get stats(): MinerStats {
    return {
      ...this.#counts,
      connected: this.#loggedIn,
      connections: this.#connections,
      jobs: this.#jobs,
      hashes: this.#search.hashes,
      hashrate: this.#search.hashrate,
    };
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#retryTimer);
    clearInterval(this.#hashrateTimer);
    this.#connection?.close("the miner stops");
    await this.#search.close();
  }

  #newDialect(): MinerDialect {
    const { login, worker = "devnet", password = "x", dialect } = this.#options;
    const credentials = { login, worker, password };
    return dialect === "ethereum-stratum" ? new EthereumStratumDialect(credentials) : new EthProxyDialect(credentials);
  }

  #connect(): void {
    this.#dialect = this.#newDialect();
    const { host, port } = this.#options;
    this.#connection = new LineConnection(host, port, CONNECT_TIMEOUT_MS, {
      onOpen: () => this.#opened(),
      onLine: (line) => this.#heard(line),
      onClose: (reason) => this.#lost(reason),
    });
  }

  #opened(): void {
    this.#connections++;
    this.#tell({ kind: "connected" });
    for (const line of this.#dialect.opening()) this.#connection?.send(line);
    this.#loginTimer = this.#expectAnswer("login");
  }

  #expectAnswer(to: string): NodeJS.Timeout {
    const ms = this.#options.responseTimeoutMs ?? 10_000;
    return setTimeout(() => this.#connection?.close(`no answer to ${to} within ${ms} ms`), ms);
  }

  #lost(reason: string): void {
    clearTimeout(this.#loginTimer);
    this.#connection = null;
    this.#loggedIn = false;
    this.#job = null;
    this.#explainOld();
    this.#search.pause();
    for (const { job, nonce, timer } of [...this.#pending.values()].flat()) {
      clearTimeout(timer);
      this.#counted("wasted", job, nonce, "the connection broke before the answer");
    }
    this.#pending.clear();
    if (this.#closed) return;
    const first = this.#options.reconnectMs ?? 1_000;
    const retryInMs = Math.min(first * 2 ** this.#failures++, LONGEST_WAIT_MS);
    this.#retryTimer = setTimeout(() => this.#connect(), retryInMs);
    this.#tell({ kind: "disconnected", reason, retryInMs });
  }

  #heard(line: string): void {
    let message: PoolMessage;
    try {
      message = this.#dialect.receive(line);
    } catch {
      this.#connection?.close("the pool sent a line that is not JSON");
      return;
    }
    switch (message.kind) {
      case "nothing":
        return;
      case "send":
        for (const next of message.lines) this.#connection?.send(next);
        return;
      case "loggedIn":
        clearTimeout(this.#loginTimer);
        this.#loggedIn = true;
        this.#failures = 0;
        this.#tell({ kind: "loggedIn" });
        for (const next of message.send) this.#connection?.send(next);
        return;
      case "loginRefused":
        this.#connection?.close(`login refused: ${message.reason}`);
        return;
      case "job":
        this.#mine(message.job);
        return;
      case "answer":
        this.#answered(message);
    }
  }

  #mine(job: MinerJob): void {
    if (this.#job?.id === job.id && this.#job.target === job.target) return;
    this.#job = job;
    this.#jobs++;
    this.#explainOld();
    try {
      this.#search.mine(job);
      this.#tell({ kind: "job", header: job.header });
    } catch (error) {
      this.#search.pause();
      this.#tell({ kind: "failure", reason: error instanceof Error ? error.message : String(error) });
    }
  }

  #found(job: MinerJob, nonce: string, mixDigest: string, thread: number): void {
    if (!this.#loggedIn || this.#connection === null) return this.#counted("wasted", job, nonce, "not connected");
    const id = FIRST_SUBMIT_ID + thread;
    const queue = this.#pending.get(id) ?? [];
    queue.push({ job, nonce, timer: this.#expectAnswer("a submit") });
    this.#pending.set(id, queue);
    this.#connection.send(this.#dialect.submit({ job, nonce, mixDigest }, id));
  }

  #answered({ id, answer, reason }: Extract<PoolMessage, { kind: "answer" }>): void {
    const share = this.#pending.get(id)?.shift();
    if (share === undefined) return;
    clearTimeout(share.timer);
    if (answer !== "refused") return this.#counted(answer, share.job, share.nonce, reason);
    // A bare `false` does not say why. What the miner checked itself can only have come too late, unless the job stays the one: the
    // pool may have closed its round with a block whose new work is still on the way.
    const refusal = { job: share.job, nonce: share.nonce, reason };
    this.#refusals.set(
      refusal,
      setTimeout(() => this.#explain(refusal, "invalid"), NEW_WORK_MS),
    );
    this.#explainOld();
  }

  #explain(refusal: Refusal, outcome: ShareOutcome): void {
    clearTimeout(this.#refusals.get(refusal));
    this.#refusals.delete(refusal);
    this.#counted(outcome, refusal.job, refusal.nonce, refusal.reason);
  }

  #explainOld(): void {
    for (const refusal of this.#refusals.keys()) {
      if (refusal.job.id !== this.#job?.id) this.#explain(refusal, "stale");
    }
  }

  #counted(outcome: ShareOutcome, job: MinerJob, nonce: string, reason: string): void {
    this.#counts[outcome]++;
    this.#tell({ kind: "share", outcome, nonce: `0x${nonce}`, header: `0x${job.header}`, reason });
  }

  #sendHashrate(): void {
    const line = this.#loggedIn ? this.#dialect.hashrate(this.#search.hashrate) : null;
    if (line !== null) this.#connection?.send(line);
  }

  #tell(event: MinerEvent): void {
    if (!this.#closed) this.#options.onEvent?.(event);
  }
}
