import { DurableObject } from "cloudflare:workers";
import { Ethash } from "ethash-wasm";
import kernel from "ethash-wasm/kernel.wasm";
import type { WorkHealth } from "../core/health/judge.ts";
import { CHAINS } from "../core/chain-spec.ts";
import { ledgerKeys } from "../core/ledger/contract/keys.ts";
import { createLogger, type Logger } from "../core/log.ts";
import type { PoolConfig } from "../core/pool-config.ts";
import { FanOut } from "../core/work/fan-out.ts";
import type { WorkSnapshot } from "../core/work/job.ts";
import { NodeStateWriter } from "../core/work/node-state.ts";
import { createSeedCheck } from "../core/work/seed-check.ts";
import { TemplateRelay } from "../core/work/template-relay.ts";
import { TemplateRoot, type AlarmPort, type TemplateStore } from "../core/work/template-root.ts";
import { MOST_RELAYS, relayName, ROOT_NAME } from "../core/work/template-tree.ts";
import { UpstreamHealth } from "../core/work/upstream-health.ts";
import type { Env } from "./env.ts";
import { loadConfig } from "./platform/config.ts";
import { ledgerClient } from "./platform/ledger-client.ts";
import { consoleSink } from "./platform/log-sink.ts";
import { nodeClients } from "./platform/node-clients.ts";
import type { BlockTemplateRpc } from "./rpc.ts";
import { pushTo, verifierShards } from "./platform/peers.ts";
import { createTemplateStore } from "./platform/template-store.ts";

/** Deliveries under way at once; an RPC takes well under a millisecond of this object's time. */
const FAN_OUT_CONCURRENCY = 128;
const SLOW_AFTER_MS = 500;
/** What a node said this many checks ago is not compared with. */
const FORGET_HEIGHT_AFTER_CHECKS = 6;

const wait = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms));

/** The work of the pool, or with `jobRelays` one branch of its fan-out tree: see `core/work/template-root.ts` and `template-relay.ts`. */
export class BlockTemplate extends DurableObject<Env> implements BlockTemplateRpc {
  readonly #root: TemplateRoot | null;
  readonly #relay: TemplateRelay | null;
  readonly #log: Logger;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    const config = loadConfig(env);
    const store = createTemplateStore(ctx.storage);
    const fanOut = new FanOut({
      send: (target, work) => pushTo(env, target, work),
      onGone: (target) => store.removeSubscriber(target),
      wait,
      concurrency: FAN_OUT_CONCURRENCY,
      slowAfterMs: SLOW_AFTER_MS,
    });
    const alarm: AlarmPort = {
      // Unconfirmed: a poll or a push that follows must not wait until it is durable. An alarm that a crash loses, cron sets again.
      set: (atMs) => void ctx.storage.setAlarm(atMs, { allowUnconfirmed: true }),
      get: () => ctx.storage.getAlarm(),
    };
    const relay = relayNameOf(ctx.id, env);
    this.#log = createLogger({
      level: config.log.level,
      sink: consoleSink,
      now: Date.now,
      fields: { part: relay ?? "template" },
    });
    this.#root = relay === null ? createRoot(config, env, { store, fanOut, alarm, log: this.#log }) : null;
    this.#relay = relay === null ? null : createRelay(relay, config, env, { store, fanOut, alarm });
  }

  async subscribe(login: string): Promise<WorkSnapshot | null> {
    return await this.#part.subscribe(login);
  }

  async unsubscribe(login: string): Promise<void> {
    await this.#part.unsubscribe(login);
  }

  async snapshot(): Promise<WorkSnapshot | null> {
    return await this.#part.snapshot();
  }

  async notify(body: string, upstream: string | null = null): Promise<{ ok: boolean; reason: string }> {
    return this.#root?.notify(body, upstream) ?? NOT_THE_ROOT;
  }

  async guard(): Promise<void> {
    await this.#part.guard();
  }

  async refresh(): Promise<void> {
    await this.#root?.refresh();
  }

  async pushWork(work: WorkSnapshot): Promise<number> {
    return this.#relay?.pushWork(work) ?? 0;
  }

  async health(): Promise<WorkHealth> {
    return this.#part.health;
  }

  override async alarm(): Promise<void> {
    try {
      await this.#part.tick();
    } catch (error) {
      // A throw would make the runtime retry this round, after the next one that it has already called for.
      this.#log.error("a round of the poll loop failed", { error: error instanceof Error ? error : String(error) });
    }
  }

  get #part(): TemplateRoot | TemplateRelay {
    const part = this.#root ?? this.#relay;
    if (part === null) throw new Error("neither root nor relay");
    return part;
  }
}

const NOT_THE_ROOT = { ok: false, reason: "work is pushed to the root, not to a relay" };

interface Platform {
  readonly store: TemplateStore;
  readonly fanOut: FanOut;
  readonly alarm: AlarmPort;
}

/** Null for the root. An object does not reliably know the name that its id was made from, but it can compare. */
function relayNameOf(id: DurableObjectId, env: Env): string | null {
  const ids = env.BLOCK_TEMPLATE;
  if (ids.idFromName(ROOT_NAME).equals(id)) return null;
  for (let index = 0; index < MOST_RELAYS; index += 1) {
    if (ids.idFromName(relayName(index)).equals(id)) return relayName(index);
  }
  throw new Error(`this object is neither ${ROOT_NAME} nor one of the relays`);
}

function createRoot(config: PoolConfig, env: Env, platform: Platform & { readonly log: Logger }): TemplateRoot {
  const { work, chain, verifier } = config;
  const keccak = Ethash.instantiate(kernel);
  return new TemplateRoot({
    ...platform,
    health: new UpstreamHealth(
      work.upstreams.map(({ name }) => name),
      {
        maxFails: work.maxFails,
        enabled: work.healthCheck,
        forgetHeightAfterMs: FORGET_HEIGHT_AFTER_CHECKS * work.upstreamCheckIntervalMs,
      },
    ),
    nodes: nodeClients(config),
    seedCheck: createSeedCheck(chain, CHAINS, (data) => keccak.keccak256(data)),
    nodeState: new NodeStateWriter({
      redis: ledgerClient(env, config),
      nodesKey: ledgerKeys(config.coin).nodes,
      intervalMs: work.stateUpdateIntervalMs,
    }),
    nowMs: Date.now,
    wait,
    onHeight(height) {
      const shards = verifierShards(env, verifier.shards);
      // A verifier that does not hear it loses only its head start.
      void Promise.allSettled(shards.map((shard) => shard.prepare(height)));
    },
    poolName: config.name,
    refreshIntervalMs: work.blockRefreshIntervalMs,
    checkIntervalMs: work.upstreamCheckIntervalMs,
    maxAgeMs: work.maxAgeMs,
  });
}

function createRelay(name: string, config: PoolConfig, env: Env, platform: Platform): TemplateRelay {
  const root = env.BLOCK_TEMPLATE.getByName(ROOT_NAME);
  return new TemplateRelay({
    ...platform,
    name,
    root: {
      subscribe: (relay) => root.subscribe(relay),
      unsubscribe: (relay) => root.unsubscribe(relay),
      snapshot: () => root.snapshot(),
    },
    nowMs: Date.now,
    maxAgeMs: config.work.maxAgeMs,
  });
}
