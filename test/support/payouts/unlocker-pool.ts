import type { RedisPort } from "../../../core/ledger/contract/redis-port.ts";
import { createLogger } from "../../../core/log.ts";
import { PayoutBooks } from "../../../core/payouts/payout-books.ts";
import { rewardRulesOf } from "../../../core/payouts/reward-schedule.ts";
import { BlockUnlocker } from "../../../core/payouts/unlocker.ts";
import type { UnlockerSettings } from "../../../core/payouts/unlocker-deps.ts";
import type { UnlockerEvent } from "../../../core/payouts/unlocker-events.ts";
import { EMPTY_STATE, type UnlockerState } from "../../../core/payouts/unlocker-state.ts";
import { POOL, TestNode, testBlock, type TestBlock } from "./test-chain.ts";

export const loginAt = (n: number): string => `0x${n.toString(16).padStart(40, "0")}`;
const START_MS = 1_790_000_000_000;
export const FEE_LOGIN = loginAt(0xfee);

export interface PoolOptions {
  readonly settings?: Partial<UnlockerSettings>;
  readonly nodes?: readonly TestNode[];
  readonly partLogins?: number;
  readonly onEvent?: (event: UnlockerEvent) => void;
}

/** An unlocker over a ledger and scripted nodes, and the little of the pool that it needs: found blocks. */
export class UnlockerPool {
  readonly nodes: readonly TestNode[];
  readonly node: TestNode;
  readonly settings: UnlockerSettings;
  nowMs = START_MS;
  state: UnlockerState = EMPTY_STATE;
  readonly logged: string[] = [];
  #redis: RedisPort;
  readonly #options: PoolOptions;

  constructor(redis: RedisPort, options: PoolOptions = {}) {
    this.#redis = redis;
    this.#options = options;
    this.nodes = options.nodes ?? [new TestNode()];
    const [first] = this.nodes;
    if (first === undefined) throw new Error("no node");
    this.node = first;
    this.settings = {
      accounts: [POOL],
      immatureDepth: 20,
      depth: 120,
      finalDepth: 10_000,
      requirePeers: 1,
      orphanedRounds: "merge",
      pplnsWindow: null,
      terms: { scheme: "prop", poolFee: "1.0", poolFeeAddress: FEE_LOGIN, donateTo: null, keepTxFees: false },
      ...options.settings,
    };
  }

  get redis(): RedisPort {
    return this.#redis;
  }

  /** A candidate as record-block leaves it, with its closed round; the block itself is in no chain yet. */
  async find(height: number, shares: Record<string, bigint>, over: Partial<TestBlock> = {}): Promise<TestBlock> {
    const block = testBlock(height, { miner: POOL, ...over });
    const total = Object.values(shares).reduce((sum, share) => sum + share, 0n);
    const ts = Math.floor(this.nowMs / 1000);
    const member = `${block.nonce}:0x${"b".repeat(64)}:${block.mixHash}:${ts}:${block.difficulty}:${total}`;
    await this.#redis.command(["ZADD", "eth:blocks:candidates", height, member]);
    const round = Object.entries(shares).map(([login, share]): [string, string] => [login, String(share)]);
    for (let i = 0; i < round.length; i += 500)
      await this.#redis.command([
        "HSET",
        `eth:shares:round${height}:${block.nonce}`,
        ...round.slice(i, i + 500).flat(),
      ]);
    return block;
  }

  /** One run of the unlocker, or as many as have something to do. */
  async run(redis: RedisPort = this.#redis): Promise<void> {
    for (let round = 0; round < 100; round += 1) {
      const { state, more } = await this.unlocker(redis).run(this.state);
      this.state = state;
      if (!more) return;
    }
    throw new Error("the unlocker finds no end");
  }

  unlocker(redis: RedisPort = this.#redis): BlockUnlocker {
    const log = createLogger({ level: "debug", sink: (line) => this.logged.push(line), now: () => this.nowMs });
    const rules = rewardRulesOf("classic");
    if (rules === undefined) throw new Error("no rules");
    return new BlockUnlocker({
      books: new PayoutBooks(redis, "eth", this.#options.partLogins),
      nodes: this.nodes.map(({ chain }) => chain),
      rules,
      settings: this.settings,
      nowMs: () => this.nowMs,
      log,
      ...(this.#options.onEvent ? { onEvent: this.#options.onEvent } : {}),
    });
  }

  growTo(height: number): void {
    for (const node of this.nodes) node.growTo(height);
  }

  put(block: TestBlock): void {
    for (const node of this.nodes) node.put(block);
  }

  async hash(key: string): Promise<Record<string, string>> {
    const reply = await this.#redis.command(["HGETALL", key]);
    const flat = Array.isArray(reply) ? reply.map(String) : [];
    return Object.fromEntries(
      Array.from({ length: flat.length / 2 }, (_, i) => [flat[2 * i] ?? "", flat[2 * i + 1] ?? ""]),
    );
  }

  async list(name: string): Promise<string[]> {
    const reply = await this.#redis.command(["ZRANGE", `eth:blocks:${name}`, 0, -1]);
    return Array.isArray(reply) ? reply.map(String) : [];
  }

  async amount(login: string, field: "balance" | "immature"): Promise<bigint> {
    return BigInt(String((await this.#redis.command(["HGET", `eth:miners:${login}`, field])) ?? 0));
  }

  waits(): string[] {
    return Object.values(this.state.waiting).map(({ reason }) => reason);
  }
}
