import { AccessListCache } from "../../core/policy/access-lists.ts";
import type { Env } from "../env.ts";
import { loadConfig } from "./config.ts";
import { partLog } from "./part-log.ts";
import { ledgerClient } from "./ledger-client.ts";

/** One for all objects of an isolate. It holds data only: an object may not use another one's connections. */
const cache = new AccessListCache();

/** The operator's lists, no older than the refresh interval while Redis answers. */
export async function accessLists(env: Env, nowMs: number): Promise<AccessListCache> {
  const config = loadConfig(env);
  const { coin, policy, work } = config;
  const settings = { coin, refreshIntervalMs: policy.refreshIntervalMs, solo: work.soloUpstreams.length > 0 };
  const error = await cache.refresh(() => ledgerClient(env, config), settings, nowMs);
  if (error) partLog(env, "lists").warn("the access lists could not be read, the last good ones stay", { error });
  return cache;
}
