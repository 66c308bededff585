import { AlarmBell } from "../core/alarm-bell.ts";
import type { Client } from "../core/policy/client.ts";
import type { ClientGuard, GuardOverview } from "../core/policy/client-guard.ts";
import { ClientGuards } from "../core/policy/client-guards.ts";
import type { Admission, Conduct, GuardVerdict, Opening } from "../core/policy/guard.ts";
import { type ListedBan, StandingStore } from "../core/policy/standing-store.ts";
import type { Env } from "./env.ts";
import { PoolObject } from "./pool-object.ts";
import { accessLists } from "./platform/access-lists.ts";
import { loadConfig } from "./platform/config.ts";
import { partLog } from "./platform/part-log.ts";
import { sqlPort } from "./platform/sql-storage.ts";
import type { IpGuardRpc } from "./rpc.ts";
import { ofLogin } from "./platform/at-home.ts";

/**
 * What the clients of one of the guards have done (`guardNameOf(client)`), and where their connections are. What is decided is decided in
 * `core/policy`.
 */
export class IpGuard extends PoolObject implements IpGuardRpc {
  #bell: AlarmBell;
  #guards: ClientGuards | null = null;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    const set = (atMs: number) => void ctx.storage.setAlarm(atMs);
    this.#bell = new AlarmBell(set);
    // The one that an instance before this one has set.
    void ctx.blockConcurrencyWhile(async () => {
      this.#bell = new AlarmBell(set, (await ctx.storage.getAlarm()) ?? undefined);
    });
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

  async close(client: Client, reason: string): Promise<void> {
    await this.#of(client).close(reason);
  }

  async bans(): Promise<ListedBan[]> {
    return this.#all.bans();
  }

  async overview(client: Client): Promise<GuardOverview> {
    return this.#of(client).overview();
  }

  override async alarm(): Promise<void> {
    this.#bell.rang();
    if (await this.#all.wake()) return;
    // No row is left, or they are those of a version that had an object for every client. Whoever comes meanwhile waits.
    await this.ctx.blockConcurrencyWhile(async () => {
      // A report that was under way may have written one since.
      if (!this.#all.isEmpty()) return;
      await this.ctx.storage.deleteAll();
      this.#all.deleted();
    });
  }

  #of(client: Client): ClientGuard {
    return this.#all.of(client);
  }

  get #all(): ClientGuards {
    this.#guards ??= this.#created();
    return this.#guards;
  }

  #created(): ClientGuards {
    const { env, ctx } = this;
    const session = (login: string) => ofLogin(env, env.MINER_SESSION, login);
    const log = partLog(env, "guard");
    const store = new StandingStore(sqlPort(ctx.storage), (key) =>
      log.error("a row of another version counts for nothing", { key }),
    );
    return new ClientGuards({
      policy: loadConfig(env).policy,
      store,
      nowMs: () => Date.now(),
      log,
      lists: () => accessLists(env, Date.now()),
      async disconnect(login, of, reason) {
        await session(login).disconnectIp(of, reason);
      },
      connections: (login, of) => session(login).connectionsFrom(of),
      wakeAt: (atMs) => this.#bell.ringAt(atMs),
      background: (task) => ctx.waitUntil(task),
    });
  }
}
