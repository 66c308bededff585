import { PausableLedger } from "../core/admin/pause.ts";
import type { RedisPort } from "../core/ledger/contract/redis-port.ts";
import { createChainNode } from "../core/payouts/chain-node.ts";
import { PayoutBooks } from "../core/payouts/payout-books.ts";
import { BlockUnlocker } from "../core/payouts/unlocker.ts";
import { UnlockerLoop } from "../core/payouts/unlocker-loop.ts";
import type { UnlockerStatus } from "../core/payouts/unlocker-status.ts";
import { createNodeRpc } from "../core/work/node-rpc.ts";
import type { Env } from "./env.ts";
import { PoolObject } from "./pool-object.ts";
import { loadConfig } from "./platform/config.ts";
import { httpPost } from "./platform/http-post.ts";
import { ledgerClient } from "./platform/ledger-client.ts";
import { pauseFlag } from "./platform/pause-flag.ts";
import { partLog } from "./platform/part-log.ts";
import type { UnlockerRpc } from "./rpc.ts";

/** Takes found blocks from candidate to balance: see `core/payouts/unlocker.ts`. One object, `idFromName("main")`. */
export class Unlocker extends PoolObject implements UnlockerRpc {
  /** Null while it is switched off. */
  readonly #loop: UnlockerLoop | null;
  readonly #ledger: PausableLedger;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#ledger = new PausableLedger(ledgerClient(env, loadConfig(env)), pauseFlag(ctx.storage));
    this.#loop = loopOf(ctx.storage, env, this.#ledger);
  }

  async guard(): Promise<void> {
    await this.#loop?.guard();
  }

  async run(): Promise<void> {
    await this.#loop?.run();
  }

  async pause(paused: boolean): Promise<void> {
    await this.#ledger.pause(paused);
  }

  async status(): Promise<UnlockerStatus | null> {
    return this.#loop?.status() ?? null;
  }

  override async alarm(): Promise<void> {
    await this.#loop?.tick();
  }
}

function loopOf(storage: DurableObjectStorage, env: Env, ledger: RedisPort): UnlockerLoop | null {
  const config = loadConfig(env);
  if (config.unlocker === null) return null;
  const { intervalMs, rules, settings } = config.unlocker;
  const log = partLog(env, "unlocker");
  const nodes = [...config.work.upstreams, ...config.work.soloUpstreams].map((upstream) =>
    createChainNode(upstream.name, createNodeRpc(upstream, httpPost)),
  );
  const books = new PayoutBooks(ledger, config.coin);
  return new UnlockerLoop({
    unlocker: new BlockUnlocker({ books, nodes, rules, settings, nowMs: Date.now, log }),
    store: {
      read: () => storage.kv.get("state"),
      write: (state) => storage.kv.put("state", state),
    },
    alarm: { get: () => storage.getAlarm(), set: (atMs) => storage.setAlarm(atMs) },
    intervalMs,
    nowMs: Date.now,
    log,
  });
}
