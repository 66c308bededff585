import { DurableObject } from "cloudflare:workers";
import { AlarmBell } from "../core/alarm-bell.ts";
import { thrown } from "../core/log.ts";
import type { Client } from "../core/policy/client.ts";
import { ClientGuard, type GuardOverview } from "../core/policy/client-guard.ts";
import type { Admission, Conduct, GuardVerdict, Opening } from "../core/policy/guard.ts";
import { StandingStore } from "../core/policy/standing-store.ts";
import type { Env } from "./env.ts";
import { accessLists } from "./platform/access-lists.ts";
import { loadConfig } from "./platform/config.ts";
import { partLog } from "./platform/part-log.ts";
import { sqlPort } from "./platform/sql-storage.ts";
import type { IpGuardRpc } from "./rpc.ts";

/** What one client has done (`idFromName(client)`), and where its connections are. What is decided is decided in `core/policy`. */
export class IpGuard extends DurableObject<Env> implements IpGuardRpc {
  readonly #bell: AlarmBell;
  #guard: ClientGuard | null = null;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#bell = new AlarmBell((atMs) => void ctx.storage.setAlarm(atMs));
  }

  async admit(client: Client, login: string | null, opening: Opening): Promise<Admission> {
    return await this.#of(client).admit(login, opening);
  }

  async report(client: Client, login: string | null, conduct: Conduct): Promise<GuardVerdict> {
    return await this.#of(client).report(login, conduct);
  }

  async left(client: Client, login: string | null, remaining: number, conduct: Conduct): Promise<void> {
    await this.#of(client).left(login, remaining, conduct);
  }

  async ban(client: Client, login: string | null, untilMs: number, reason: string): Promise<string | null> {
    return await this.#of(client).ban(login, untilMs, reason);
  }

  async lift(client: Client, login: string | null): Promise<void> {
    await this.#of(client).lift(login);
  }

  async overview(client: Client): Promise<GuardOverview> {
    return this.#of(client).overview();
  }

  override async alarm(): Promise<void> {
    this.#bell.rang();
    const client = this.#guard?.client ?? this.#store().client()?.client;
    const guard = client === undefined ? null : this.#of(client);
    if (guard !== null && (await guard.wakeAndForget())) return;
    // Nothing is left to remember. Whoever comes meanwhile waits, and finds a guard that knows nothing.
    await this.ctx.blockConcurrencyWhile(async () => {
      this.#guard = null;
      await this.ctx.storage.deleteAll();
    });
  }

  #of(client: Client): ClientGuard {
    if (this.#guard) return this.#guard;
    const { env, ctx } = this;
    const session = (login: string) => env.MINER_SESSION.getByName(login);
    const log = partLog(env, "guard");
    const guard = new ClientGuard(client, {
      policy: loadConfig(env).policy,
      store: this.#store(),
      nowMs: () => Date.now(),
      log,
      lists: () => accessLists(env, Date.now()),
      async disconnect(login, of, reason) {
        await session(login).disconnectIp(of, reason);
      },
      connections: (login, of) => session(login).connectionsFrom(of),
      notice: (notice) => env.POOL_ADMIN.getByName("main").notice(notice),
      wakeAt: (atMs) => this.#bell.ringAt(atMs),
      background: (task) => ctx.waitUntil(task),
    });
    this.#guard = guard;
    // What an instance before this one has begun is ended, and the alarm is set anew: the bell does not know the old one.
    ctx.waitUntil(
      guard.wake().catch((error: unknown) => log.warn("waking up failed", { client, error: thrown(error) })),
    );
    return guard;
  }

  #store(): StandingStore {
    const log = partLog(this.env, "guard");
    return new StandingStore(sqlPort(this.ctx.storage), (key) =>
      log.error("a row of another version counts for nothing", { key }),
    );
  }
}
