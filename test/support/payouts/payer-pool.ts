import type { RedisCommand, RedisPort } from "../../../core/ledger/contract/redis-port.ts";
import { LEDGER_SCRIPTS } from "../../../core/ledger/contract/scripts/embedded.ts";
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
  /** What the process was about to do, or had done, when it was killed, and how often. */
  readonly killedAt = new Map<string, number>();
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

  /** A run of an instance that another one takes the place of in its midst: it goes on outside until it writes. */
  async runTwice(): Promise<void> {
    const stale = this.payer.run().catch((error: unknown) => {
      if (!(error instanceof Killed)) throw error;
    });
    for (let i = 0; i < 40; i += 1) await Promise.resolve();
    this.boot();
    await Promise.all([stale, this.run()]);
  }

  /** One step of the process outside: it may be its last, before or after what it does. */
  async #step<T>(mine: number, what: string, work: () => T | Promise<T>): Promise<T> {
    // An instance that was replaced does not know of it before it writes.
    if (mine !== this.#generation) return await work();
    this.#enter(mine, what);
    const result = await work();
    if (mine === this.#generation) this.#leave(mine, what);
    return result;
  }

  #enter(mine: number, what: string): void {
    if (mine !== this.#generation) throw new Killed("stale");
    this.steps += 1;
    if (this.life <= 0) throw new Killed("dead");
    this.life -= 1;
    if (this.life <= 0 && !this.killAfter) this.#kill("before", what);
  }

  #leave(mine: number, what: string): void {
    if (mine !== this.#generation) throw new Killed("stale");
    if (this.life <= 0) this.#kill("after", what);
  }

  #kill(when: string, what: string): never {
    const step = `${when} ${what}`;
    this.killedAt.set(step, (this.killedAt.get(step) ?? 0) + 1);
    throw new Killed(step);
  }

  #deps(mine: number): PayerDeps {
    const { redis, sql } = this;
    return {
      sql: {
        exec: (statement, ...parameters) => {
          const writes = !statement.startsWith("SELECT");
          const what = `${statement.split(" ", 1)[0]} ${/INTO (\w+)|UPDATE (\w+)|FROM (\w+)/.exec(statement)?.slice(1).find(Boolean) ?? ""}`;
          if (writes) this.#enter(mine, what);
          const rows = sql.exec(statement, ...parameters);
          if (writes) this.#leave(mine, what);
          return rows;
        },
        transaction: (work) => {
          this.#enter(mine, "a transaction");
          const result = sql.transaction(work);
          this.#leave(mine, "a transaction");
          return result;
        },
        durable: () => sql.durable(),
      },
      redis: {
        command: (command) => this.#step(mine, commandName(command), () => redis.command(command)),
        pipeline: (commands) => this.#step(mine, "a pipeline", () => redis.pipeline(commands)),
      },
      coin: "eth",
      nodes: this.nodes.map(({ name, rpc }) => ({
        name,
        rpc: {
          call: (call) =>
            call.method === "eth_sendRawTransaction"
              ? this.#step(mine, "sending", () => rpc.call(call))
              : rpc.call(call),
          batch: (calls) => rpc.batch(calls),
        },
      })),
      signer: {
        problem: this.signer.problem,
        sign: (transfer) => this.#step(mine, "signing", () => this.signer.sign(transfer)),
      },
      settings: this.settings,
      retired: this.retired,
      stopped: async () => this.stopped,
      nowMs: () => this.nowMs,
      randomId: () => `${(lastId += 1)}`.padStart(16, "0"),
      log: createLogger({ level: "debug", sink: (line) => this.logged.push(line), now: () => this.nowMs }),
    };
  }
}

/** A script by its name, any other command by its own. */
function commandName([name, sha]: RedisCommand): string {
  if (name !== "EVALSHA") return name;
  const script = Object.values(LEDGER_SCRIPTS).find((one) => one.sha1 === sha);
  return script?.name ?? "EVALSHA";
}
