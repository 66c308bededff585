import { setTimeout as sleep } from "node:timers/promises";
import { customChain } from "@edgepool/ethash-wasm/chain-spec";
import { Ethash } from "@edgepool/ethash-wasm";
import { loadKernel } from "@edgepool/ethash-wasm/node";
import { httpPost } from "../../../../durable-objects/platform/http-post.ts";
import type { ChainSpec } from "../../../../core/chain-spec.ts";
import type { RedisPort } from "../../../../core/ledger/contract/redis-port.ts";
import { createLogger } from "../../../../core/log.ts";
import { FanOut } from "../../../../core/work/fan-out.ts";
import type { WorkSnapshot } from "../../../../core/work/job.ts";
import { createNodeClient, type NodeClient } from "../../../../core/work/node-client.ts";
import { NodeStateWriter } from "../../../../core/work/node-state.ts";
import { createWorkCheck } from "../../../../core/work/work-check.ts";
import type { TemplateStore } from "../../../../core/work/template-ports.ts";
import { TemplateRoot } from "../../../../core/work/template-root.ts";
import { EMPTY_TEMPLATE, type TemplateState } from "../../../../core/work/template.ts";
import { MemoryRedis } from "../../../support/memory-redis.ts";
import { UpstreamHealth } from "../../../../core/work/upstream-health.ts";

export const keccak256 = (data: Uint8Array): Uint8Array => keccak.keccak256(data);
const keccak = Ethash.instantiate(loadKernel());

/** What an object's storage would keep, with its writes counted. */
export class MemoryStore implements TemplateStore {
  state: TemplateState = EMPTY_TEMPLATE;
  readonly names = new Set<string>();
  writes = 0;

  load(): TemplateState {
    return this.state;
  }
  save(state: TemplateState): void {
    this.writes += 1;
    this.state = state;
  }
  subscribers(): string[] {
    return [...this.names];
  }
  addSubscriber(name: string): void {
    this.writes += 1;
    this.names.add(name);
  }
  removeSubscriber(name: string): void {
    this.writes += 1;
    this.names.delete(name);
  }
  relayCount = 0;
  relays(): number {
    return this.relayCount;
  }
  saveRelays(count: number): void {
    this.relayCount = count;
  }
}

/** A node that the pool asks. */
export interface TestUpstream {
  readonly name: string;
  readonly url: string;
  /** Whether it leaves what it is asked unanswered now. */
  readonly hangs?: () => boolean;
}

export interface TestPoolOptions {
  readonly upstreams: readonly TestUpstream[];
  /** Instead of clients of the upstreams' URLs. */
  readonly nodes?: readonly NodeClient[];
  readonly store?: MemoryStore;
  readonly healthCheck?: boolean;
  /** How often, in ms, it is really looked whether all have answered that will. */
  readonly patience?: number;
  readonly redis?: RedisPort;
  readonly chain?: ChainSpec;
  readonly chainId?: number;
  readonly refreshMs?: number;
}

const REFRESH_MS = 1000;
const CHECK_MS = 5000;
export const RECOMMIT_MS = 13_000;
export const MAX_AGE_MS = 60_000;
/** How long a request may really take. Nobody waits for a node that hangs: see {@link TestPoolOptions.patience}. */
const TIMEOUT_MS = 60_000;

/** The root of the work as it runs in the object, with a clock that `round` moves from one alarm to the next. */
export class TestPool {
  nowMs = 1_700_000_000_000;
  alarmMs: number | null = null;
  readonly store: MemoryStore;
  readonly logs: { level: string; message: string; upstream?: string; reason?: string }[] = [];
  readonly pushes: WorkSnapshot[] = [];
  /** The sessions answer to a push when this is fulfilled. */
  heard: Promise<void> = Promise.resolve();
  /** That nobody has cleared. */
  readonly timers = new Set<NodeJS.Timeout>();
  readonly #underWay = new Set<TestUpstream>();
  readonly heights: number[] = [];
  readonly root: TemplateRoot;

  constructor(options: TestPoolOptions) {
    const { upstreams, nodes, patience = 20, healthCheck = true } = options;
    const { store = new MemoryStore(), redis = new MemoryRedis() } = options;
    const { chain = customChain({ name: "devnet" }), chainId = null } = options;
    this.store = store;
    let paused = false;
    this.root = new TemplateRoot({
      paused: { get: () => paused, set: (value) => void (paused = value) },
      store,
      terms: { poolDifficulty: 1_000n, classTable: 1 },
      alarm: { set: (atMs) => void (this.alarmMs = atMs), get: async () => this.alarmMs },
      fixedRelays: 0,
      relays: { guard: async () => undefined, delivered: async () => undefined },
      fanOut: new FanOut({
        send: async (_target, work) => {
          const connections = this.pushes.push(work);
          await this.heard;
          return connections;
        },
        onGone: (name) => store.removeSubscriber(name),
        wait: sleep,
        concurrency: 10,
        slowAfterMs: 100,
      }),
      health: new UpstreamHealth(
        upstreams.map(({ name }) => name),
        { maxFails: 3, enabled: healthCheck, forgetHeightAfterMs: 30_000 },
      ),
      nodes:
        nodes ??
        upstreams.map((upstream) =>
          createNodeClient({ ...upstream, timeoutMs: TIMEOUT_MS, secretHeaders: {} }, async (request) => {
            this.#underWay.add(upstream);
            return await httpPost(request).finally(() => this.#underWay.delete(upstream));
          }),
        ),
      check: createWorkCheck({ chain, chainId, devnet: false }, keccak256),
      nodeState: new NodeStateWriter({ redis, nodesKey: "eth:nodes", intervalMs: 3000 }),
      log: createLogger({
        level: "info",
        sink: (line) => void this.logs.push(JSON.parse(line)),
        now: () => this.nowMs,
      }),
      clock: {
        nowMs: () => this.nowMs,
        // The clock stands still within a round. Time has passed when all have answered that will, however long a busy machine takes for it.
        after: (ms, work) => {
          const timer = setInterval(
            () => {
              if ([...this.#underWay].some(({ hangs }) => hangs?.() !== true)) return;
              clearInterval(timer);
              work();
            },
            Math.min(ms, patience),
          );
          this.timers.add(timer);
          return () => {
            clearInterval(timer);
            this.timers.delete(timer);
          };
        },
      },
      onHeight: (height) => void this.heights.push(height),
      poolName: "pool",
      refreshIntervalMs: options.refreshMs ?? REFRESH_MS,
      recommitIntervalMs: RECOMMIT_MS,
      checkIntervalMs: CHECK_MS,
      maxAgeMs: MAX_AGE_MS,
    });
  }

  /** The alarm rings: the clock is there, and one round runs. */
  async round(): Promise<WorkSnapshot | null> {
    this.nowMs = this.alarmMs ?? this.nowMs + REFRESH_MS;
    this.alarmMs = null;
    await this.root.tick();
    return this.work;
  }

  async rounds(count: number): Promise<void> {
    for (let round = 0; round < count; round += 1) await this.round();
  }

  /** The last work that was pushed. */
  get work(): WorkSnapshot | null {
    return this.pushes.at(-1) ?? null;
  }

  /** Messages of the log, with the upstream that they are about. */
  get said(): string[] {
    return this.logs.map(({ message, upstream }) => (upstream ? `${upstream}: ${message}` : message));
  }
}
