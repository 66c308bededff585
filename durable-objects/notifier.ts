import type { NotificationsHealth } from "../core/notifications/notifications-health.ts";
import { Notifier as PoolNotifier, type NotifierStatus } from "../core/notifications/notifier.ts";
import { RunLoop } from "../core/payouts/run-loop.ts";
import type { Env } from "./env.ts";
import { PoolObject } from "./pool-object.ts";
import { atHome, ofLogin } from "./platform/at-home.ts";
import { loadConfig } from "./platform/config.ts";
import { ledgerClient } from "./platform/ledger-client.ts";
import { notifyPost } from "./platform/notify-post.ts";
import { partLog } from "./platform/part-log.ts";
import { sqlPort } from "./platform/sql-storage.ts";
import type { NotifierRpc } from "./rpc.ts";

/** Cron and this alarm look at the pool once a minute; what is due sooner is asked for. */
const INTERVAL_MS = 60_000;

/** Tells operators and miners what they want to know: see `core/notifications/notifier.ts`. One object, `idFromName("main")`. */
export class Notifier extends PoolObject implements NotifierRpc {
  /** Null while nobody is to be told of anything. */
  readonly #parts: { readonly notifier: PoolNotifier; readonly loop: RunLoop } | null;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    const notifier = notifierOf(ctx.storage, env);
    const log = partLog(env, "notifier");
    const alarm = { get: () => ctx.storage.getAlarm(), set: (atMs: number) => ctx.storage.setAlarm(atMs) };
    this.#parts =
      notifier === null
        ? null
        : {
            notifier,
            loop: new RunLoop({
              name: "notifier",
              run: async () => await notifier.run(),
              alarm,
              intervalMs: INTERVAL_MS,
              nowMs: Date.now,
              log,
            }),
          };
  }

  async guard(): Promise<void> {
    await this.#parts?.loop.guard();
  }

  async run(): Promise<void> {
    await this.#parts?.loop.run();
  }

  async signed(login: string, pool: string, test: boolean): Promise<void> {
    const parts = this.#parts;
    if (parts === null) return;
    await parts.notifier.signed(login, pool, test);
    await this.ctx.storage.setAlarm(Date.now());
  }

  async confirm(login: string, code: string): Promise<boolean> {
    return this.#parts?.notifier.confirm(login, code) ?? false;
  }

  async test(name: string | null): Promise<number> {
    return (await this.#parts?.loop.exclusive(async () => await this.#parts?.notifier.test(name))) ?? 0;
  }

  async health(): Promise<NotificationsHealth | null> {
    return this.#parts?.notifier.health() ?? null;
  }

  async status(): Promise<NotifierStatus | null> {
    return this.#parts?.notifier.status() ?? null;
  }

  override async alarm(): Promise<void> {
    await this.#parts?.loop.tick();
  }
}

function notifierOf(storage: DurableObjectStorage, env: Env): PoolNotifier | null {
  const config = loadConfig(env);
  if (config.notifications === null) return null;
  return new PoolNotifier({
    sql: sqlPort(storage),
    redis: ledgerClient(env, config),
    coin: config.coin,
    config: config.notifications,
    unlockerIntervalMs: config.unlocker?.intervalMs ?? null,
    health: async () => await atHome(env, env.POOL_API, "main").health(),
    presences: async (login) => {
      const rigs = await ofLogin(env, env.MINER_SESSION, login)
        .presentRigs()
        .catch(() => null);
      if (rigs === null) return null;
      const { paused, polling, connections } = rigs;
      return {
        paused,
        polling,
        connections: new Map(connections.map(({ worker, difficulty }) => [worker, difficulty])),
      };
    },
    http: notifyPost,
    nowMs: Date.now,
    random: Math.random,
    randomId: () => crypto.randomUUID(),
    log: partLog(env, "notifier"),
  });
}
