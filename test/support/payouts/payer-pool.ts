import type { RedisPort } from "../../../core/ledger/contract/redis-port.ts";
import { createLogger } from "../../../core/log.ts";
import { Payer } from "../../../core/payouts/payer/payer.ts";
import type { PayerDeps, PayerSettings } from "../../../core/payouts/payer/payer-deps.ts";
import { keySigner, type PaymentSigner } from "../../../core/payouts/payer/signer.ts";
import { accountOf } from "../../../core/payouts/payer/transaction.ts";
import type { SqlPort } from "../../../core/sql-port.ts";
import { nodeSql } from "../../../scripts/ledger/node-sql.ts";
import { SimChain, SimNode } from "./sim-chain.ts";

export const KEY = "42".repeat(32);
export const ACCOUNT = accountOf(KEY) ?? "";
const START_MS = 1_790_000_000_000;

const SETTINGS: PayerSettings = {
  account: ACCOUNT,
  chainId: 61n,
  genesis: null,
  intervalMs: 60_000,
  threshold: 500_000_000n,
  requirePeers: 1,
  gas: 21_000n,
  contractGas: 100_000n,
  autoGas: true,
  gasPriceWei: 1_000_000_000n,
  maxGasPriceWei: 100_000_000_000n,
  gasFrom: "pool",
  concurrentTx: 10,
  maxPayment: null,
  maxRun: null,
  maxDay: null,
  confirmations: 5,
  finalDepth: 30,
  replaceAfterMs: 600_000,
  pauseAt: [],
  dryRun: false,
};

/** The process ended here: whatever comes after it in this life does not happen. */
class Killed extends Error {
  override readonly name = "Killed";
}

let lastId = 0;

interface PoolOptions {
  readonly settings?: Partial<PayerSettings>;
  readonly nodes?: number;
  readonly signer?: PaymentSigner;
  readonly chain?: SimChain;
}

/** A payer over a simulated chain, with a process that can be killed at any of its steps and comes back with what was durable. */
export class PayerPool {
  readonly redis: RedisPort;
  readonly chain: SimChain;
  readonly nodes: SimNode[];
  readonly sql: SqlPort;
  readonly logged: string[] = [];
  settings: PayerSettings;
  signer: PaymentSigner;
  retired = false;
  stopped: string | null = null;
  nowMs = START_MS;
  /** Steps that the process has left to live. */
  life = Infinity;
  killAfter = false;
  steps = 0;
  #generation = 0;
  payer: Payer;

  constructor(redis: RedisPort, options: PoolOptions = {}) {
    this.redis = redis;
    this.chain = options.chain ?? new SimChain();
    this.nodes = Array.from({ length: options.nodes ?? 2 }, (_, at) => new SimNode(`n${at}`, this.chain));
    this.settings = { ...SETTINGS, ...options.settings };
    this.signer = options.signer ?? keySigner(KEY, ACCOUNT);
    this.sql = nodeSql();
    this.payer = this.boot();
  }

  /** A new instance of the object; the one before is stale and its writes fail. */
  boot(): Payer {
    this.#generation += 1;
    const mine = this.#generation;
    this.life = Infinity;
    this.payer = new Payer(this.#deps(mine));
    return this.payer;
  }

  /** One run; a process that dies in it is there again afterwards. @returns whether it died */
  async run(): Promise<boolean> {
    await this.payer.run().catch((error: unknown) => {
      if (!(error instanceof Killed)) throw error;
    });
    if (this.life > 0) return false;
    this.boot();
    return true;
  }

  /** Runs and blocks until nothing is under way and everybody has been paid. */
  async settle(rounds = 200): Promise<void> {
    for (let round = 0; round < rounds; round += 1) {
      this.nowMs += 15_000;
      await this.run();
      this.chain.mine(2);
      const { payments } = this.payer.store.open();
      if (payments.every(({ stage }) => stage === "settled") && this.payer.store.run() === null && round > 8) return;
    }
  }

  async credit(login: string, shannon: bigint): Promise<void> {
    await this.redis.command(["HINCRBY", `eth:miners:${login}`, "balance", String(shannon)]);
    await this.redis.command(["HINCRBY", "eth:finances", "balance", String(shannon)]);
  }

  async amount(login: string, field: "balance" | "pending" | "paid"): Promise<bigint> {
    return BigInt(String((await this.redis.command(["HGET", `eth:miners:${login}`, field])) ?? 0));
  }

  /** One step of the process: it may be its last, before or after what it does. */
  async #step<T>(mine: number, work: () => T | Promise<T>): Promise<T> {
    this.#enter(mine);
    const result = await work();
    this.#leave(mine);
    return result;
  }

  #enter(mine: number): void {
    if (mine !== this.#generation) throw new Killed("stale");
    this.steps += 1;
    if (this.life <= 0) throw new Killed("dead");
    this.life -= 1;
    if (this.life <= 0 && !this.killAfter) throw new Killed("killed before");
  }

  #leave(mine: number): void {
    if (mine !== this.#generation || this.life <= 0) throw new Killed("killed after");
  }

  #deps(mine: number): PayerDeps {
    const { redis, sql } = this;
    return {
      sql: {
        exec: (statement, ...parameters) => {
          const writes = !statement.startsWith("SELECT");
          if (writes) this.#enter(mine);
          const rows = sql.exec(statement, ...parameters);
          if (writes) this.#leave(mine);
          return rows;
        },
        transaction: (work) => {
          this.#enter(mine);
          const result = sql.transaction(work);
          this.#leave(mine);
          return result;
        },
        durable: () => sql.durable(),
      },
      redis: {
        command: (command) => this.#step(mine, () => redis.command(command)),
        pipeline: (commands) => this.#step(mine, () => redis.pipeline(commands)),
      },
      coin: "eth",
      nodes: this.nodes.map(({ name, rpc }) => ({
        name,
        rpc: {
          call: (call) =>
            call.method === "eth_sendRawTransaction" ? this.#step(mine, () => rpc.call(call)) : rpc.call(call),
          batch: (calls) => rpc.batch(calls),
        },
      })),
      signer: { problem: this.signer.problem, sign: (transfer) => this.#step(mine, () => this.signer.sign(transfer)) },
      settings: this.settings,
      retired: this.retired,
      stopped: async () => this.stopped,
      nowMs: () => this.nowMs,
      randomId: () => `${(lastId += 1)}`.padStart(16, "0"),
      log: createLogger({ level: "debug", sink: (line) => this.logged.push(line), now: () => this.nowMs }),
    };
  }
}
