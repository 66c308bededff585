import { PausableLedger } from "../core/admin/pause.ts";
import { Ethash } from "@edgepool/ethash-wasm";
import kernel from "@edgepool/ethash-wasm/kernel.wasm";
import type { WorkHealth } from "../core/health/judge.ts";
import { thrown, type Logger } from "../core/log.ts";
import type { WorkSnapshot } from "../core/work/job.ts";
import { createRelay, createRoot, type RootPorts, type TemplatePorts } from "../core/work/template-parts.ts";
import type { TemplateRelay } from "../core/work/template-relay.ts";
import type { TemplateRoot } from "../core/work/template-root.ts";
import { MOST_RELAYS, relayName, ROOT_NAME, SOLO_NAME } from "../core/work/template-tree.ts";
import type { Env } from "./env.ts";
import { PoolObject } from "./pool-object.ts";
import { loadConfig } from "./platform/config.ts";
import { ledgerClient } from "./platform/ledger-client.ts";
import { nodeClients } from "./platform/node-clients.ts";
import { pauseFlag } from "./platform/pause-flag.ts";
import { partLog } from "./platform/part-log.ts";
import { markStarted } from "./platform/started.ts";
import { dialSession } from "./platform/work-line.ts";
import { pushTo, verifierShards } from "./platform/peers.ts";
import { lastingClock } from "./platform/system-clock.ts";
import { createTemplateStore } from "./platform/template-store.ts";
import type { BlockTemplateRpc } from "./rpc.ts";
import { atHome, idsAtHome } from "./platform/at-home.ts";

/** The work of the pool, or one branch of its fan-out tree: see `core/work/template-root.ts` and `template-relay.ts`. */
export class BlockTemplate extends PoolObject implements BlockTemplateRpc {
  readonly #root: TemplateRoot | null;
  readonly #relay: TemplateRelay | null;
  readonly #ledger: PausableLedger;
  readonly #log: Logger;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    const name = nameOf(ctx.id, env);
    const isRoot = name === ROOT_NAME || name === SOLO_NAME;
    this.#log = partLog(env, name === ROOT_NAME ? "template" : name);
    if (isRoot) ctx.waitUntil(markStarted(env, this.#log));
    const ports = portsOf(name, ctx.storage, env, this.#log);
    const paused = pauseFlag(ctx.storage);
    this.#ledger = new PausableLedger(ledgerClient(env, loadConfig(env)), paused);
    this.#root = isRoot ? rootOf(env, ports, { paused, redis: this.#ledger, solo: name === SOLO_NAME }) : null;
    this.#relay = isRoot ? null : relayOf(name, env, ports);
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

  async closeRound(height: number): Promise<void> {
    await this.#root?.closeRound(height);
  }

  async pause(paused: boolean): Promise<void> {
    this.#root?.pause(paused);
    // The state of the nodes may be on its way to the ledger.
    await this.#ledger.pause(paused);
  }

  async pushWork(work: WorkSnapshot): Promise<number> {
    return this.#relay?.pushWork(work) ?? 0;
  }

  async delivered(withinMs: number): Promise<void> {
    await this.#relay?.delivered(withinMs);
  }

  async health(): Promise<WorkHealth> {
    return await this.#part.health();
  }

  override async alarm(): Promise<void> {
    try {
      await this.#part.tick();
    } catch (error) {
      // A throw would make the runtime retry this round, after the next one that it has already called for.
      this.#log.error("a round of the poll loop failed", { error: thrown(error) });
    }
  }

  get #part(): TemplateRoot | TemplateRelay {
    const part = this.#root ?? this.#relay;
    if (part === null) throw new Error("neither root nor relay");
    return part;
  }
}

const NOT_THE_ROOT = { ok: false, reason: "work is pushed to the root, not to a relay" };

/** An object does not reliably know the name that its id was made from, but it can compare. */
function nameOf(id: DurableObjectId, env: Env): string {
  const idOf = idsAtHome(env, env.BLOCK_TEMPLATE);
  const isIts = (name: string): boolean => idOf(name).equals(id);
  for (const root of [ROOT_NAME, SOLO_NAME]) if (isIts(root)) return root;
  for (let index = 0; index < MOST_RELAYS; index += 1) if (isIts(relayName(index))) return relayName(index);
  throw new Error(`this object is neither ${ROOT_NAME} nor ${SOLO_NAME} nor one of the relays`);
}

function portsOf(name: string, storage: DurableObjectStorage, env: Env, log: Logger): TemplatePorts {
  return {
    store: createTemplateStore(storage, loadConfig(env).work.terms, log),
    alarm: {
      // Unconfirmed: a poll or a push that follows must not wait until it is durable. An alarm that a crash loses, cron sets again.
      set: (atMs) => void storage.setAlarm(atMs, { allowUnconfirmed: true }),
      get: () => storage.getAlarm(),
    },
    log,
    clock: lastingClock(),
    send: (target, work) => pushTo(env, target, work, name),
  };
}

function rootOf(env: Env, ports: TemplatePorts, own: Pick<RootPorts, "paused" | "redis" | "solo">): TemplateRoot {
  const config = loadConfig(env);
  const keccak = Ethash.instantiate(kernel);
  return createRoot(config, {
    ...ports,
    ...own,
    nodes: nodeClients(own.solo ? config.work.soloUpstreams : config.work.upstreams),
    keccak256: (data) => keccak.keccak256(data),
    relays: {
      guard: (name) => atHome(env, env.BLOCK_TEMPLATE, name).guard(),
      delivered: (name, withinMs) => atHome(env, env.BLOCK_TEMPLATE, name).delivered(withinMs),
    },
    onHeight(height) {
      // The chain is one: the root of the common work tells its height.
      if (own.solo) return;
      const shards = verifierShards(env, config.verifier.shards);
      // A verifier that does not hear it loses only its head start.
      void Promise.allSettled(shards.map((shard) => shard.prepare(height)));
    },
  });
}

function relayOf(name: string, env: Env, ports: TemplatePorts): TemplateRelay {
  const root = atHome(env, env.BLOCK_TEMPLATE, ROOT_NAME);
  return createRelay(name, loadConfig(env), {
    ...ports,
    dial: (login, events) => dialSession(env, login, name, events),
    submitAll: (verifier, shares, straggleMs) =>
      atHome(env, env.SHARE_VERIFIER, verifier).submitAll(shares, straggleMs),
    root: {
      subscribe: (relay) => root.subscribe(relay),
      unsubscribe: (relay) => root.unsubscribe(relay),
      snapshot: () => root.snapshot(),
    },
  });
}
