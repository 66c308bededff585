import type { AuditEntry } from "../core/admin/audit-log.ts";
import {
  type AdminCommand,
  type AdminOutcome,
  type PauseState,
  PoolAdmin as Admin,
  type PoolPart,
} from "../core/admin/pool-admin.ts";
import type { Client } from "../core/policy/client.ts";
import { guardNames, guardNamesFor } from "../core/policy/client-guards.ts";
import type { ListedBan } from "../core/policy/standing-store.ts";
import { ROOT_NAME, rootNames } from "../core/work/template-tree.ts";
import type { Env } from "./env.ts";
import { PoolObject } from "./pool-object.ts";
import { loadConfig } from "./platform/config.ts";
import { ledgerClient } from "./platform/ledger-client.ts";
import { partLog } from "./platform/part-log.ts";
import { markStarted } from "./platform/started.ts";
import { verifierShard } from "./platform/peers.ts";
import { sqlPort } from "./platform/sql-storage.ts";
import type { PoolAdminRpc } from "./rpc.ts";
import { atHome, ofLogin } from "./platform/at-home.ts";

/** What the operator does to the pool: see `core/admin/pool-admin.ts`. One object, `idFromName("main")`. */
export class PoolAdmin extends PoolObject implements PoolAdminRpc {
  readonly #admin: Admin;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    const config = loadConfig(env);
    const log = partLog(env, "admin");
    ctx.waitUntil(markStarted(env, log));
    const guards = (client: Client) => guardNamesFor(client).map((guard) => atHome(env, env.IP_GUARD, guard));
    this.#admin = new Admin({
      sql: sqlPort(ctx.storage),
      nowMs: () => Date.now(),
      log,
      redis: ledgerClient(env, config),
      coin: config.coin,
      parts: () => partsOf(env),
      async ban(client, login, untilMs, reason) {
        const said = await Promise.all(guards(client).map((guard) => guard.ban(client, login, untilMs, reason)));
        return said.find((problem) => problem !== null) ?? null;
      },
      async lift(client, login) {
        await Promise.all(guards(client).map((guard) => guard.lift(client, login)));
      },
      bans: () => Promise.all(guardNames().map((guard) => atHome(env, env.IP_GUARD, guard).bans())),
      async closeAll(login, reason) {
        await ofLogin(env, env.MINER_SESSION, login).closeAll(reason);
      },
      async closeClient(client, reason) {
        await Promise.all(guards(client).map((guard) => guard.close(client, reason)));
      },
      pauseLogin: (login, paused) => ofLogin(env, env.MINER_SESSION, login).pause(paused),
    });
  }

  async run(command: AdminCommand): Promise<AdminOutcome> {
    return await this.#admin.run(command);
  }

  async begin(command: string, details: object): Promise<number> {
    return this.#admin.begin(command, details);
  }

  async end(id: number, outcome: string): Promise<void> {
    this.#admin.end(id, outcome);
  }

  async bans(): Promise<ListedBan[]> {
    return await this.#admin.bans();
  }

  async audit(before: number | null): Promise<AuditEntry[]> {
    return this.#admin.audit(before);
  }

  async pauseState(): Promise<PauseState> {
    return this.#admin.pauseState();
  }

  async guard(): Promise<void> {
    await this.#admin.guard();
  }
}

/** Whoever hands work out comes first: nothing new is begun while the others end what they have. */
async function partsOf(env: Env): Promise<PoolPart[]> {
  const former = await atHome(env, env.POOL_API, "main").formerShards();
  const { payer, verifier, work } = loadConfig(env);
  const configured = Array.from({ length: verifier.shards }, (_, shard) => shard);
  return [
    ...rootNames(work).map((name) => ({
      name: name === ROOT_NAME ? "template" : `template ${name}`,
      pause: (paused: boolean) => atHome(env, env.BLOCK_TEMPLATE, name).pause(paused),
    })),
    ...[...configured, ...former].map((shard) => ({
      name: `shard ${shard}`,
      pause: (paused: boolean) => verifierShard(env, shard).pause(paused),
    })),
    { name: "unlocker", pause: (paused) => atHome(env, env.UNLOCKER, "main").pause(paused) },
    ...(payer === null
      ? []
      : [
          {
            name: "payer",
            pause: (paused: boolean) => atHome(env, env.PAYER, payer.settings.account).pause(paused),
          },
        ]),
  ];
}
