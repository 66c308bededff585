import { purgeStale } from "../core/api/purge.ts";
import type { PoolConfig } from "../core/pool-config.ts";
import { rootNames } from "../core/work/template-tree.ts";
import { loadConfig } from "../durable-objects/platform/config.ts";
import { ledgerClient } from "../durable-objects/platform/ledger-client.ts";
import { verifierShard, verifierShards } from "../durable-objects/platform/peers.ts";
import type { Env } from "../durable-objects/env.ts";
import { partLog } from "../durable-objects/platform/part-log.ts";
import { isStarted } from "../durable-objects/platform/started.ts";
import { atHome } from "../durable-objects/platform/at-home.ts";

/**
 * Every minute, once somebody has asked for the pool: whatever should be running is running afterwards. One part that fails keeps none of the others from its guard;
 * the failures are thrown together at the end, so that the cron's log shows them.
 */
export async function scheduled(controller: ScheduledController, env: Env): Promise<void> {
  const config = loadConfig(env);
  if (!(await isStarted(env, partLog(env, "cron")))) return;
  const { work, verifier } = config;
  const templates = rootNames(work);
  const guarded = [
    ...templates.map((name) => atHome(env, env.BLOCK_TEMPLATE, name)),
    ...verifierShards(env, verifier.shards),
    ...(config.unlocker === null ? [] : [atHome(env, env.UNLOCKER, "main")]),
    ...(config.notifications === null ? [] : [atHome(env, env.NOTIFIER, "main")]),
    ...(config.payer === null ? [] : [payerOf(env, config.payer.settings.account)]),
  ];
  const results = await Promise.allSettled([
    ...guarded.map(async (part) => await part.guard()),
    drainFormerShards(env),
    atHome(env, env.POOL_API, "main").tick(),
    purge(env, config, controller.scheduledTime),
    atHome(env, env.POOL_ADMIN, "main").guard(),
  ]);
  const failures = results.filter((result) => result.status === "rejected");
  if (failures.length > 0)
    throw new AggregateError(
      failures.map(({ reason }) => reason),
      "guards failed",
    );
}

const payerOf = (env: Env, account: string) => ({ guard: () => atHome(env, env.PAYER, account).guard(account) });

/** Nothing is written while the operator has paused the pool. */
async function purge(env: Env, config: PoolConfig, nowMs: number): Promise<void> {
  const { paused } = await atHome(env, env.POOL_ADMIN, "main").pauseState();
  if (!paused) await purgeStale(ledgerClient(env, config), config, nowMs);
}

/** What waits in shards that are no longer configured is written as well. */
async function drainFormerShards(env: Env): Promise<void> {
  const shards = await atHome(env, env.POOL_API, "main").formerShards();
  await Promise.all(shards.map(async (shard) => await verifierShard(env, shard).guard()));
}
