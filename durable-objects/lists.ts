import { AccessListCache } from "../core/policy/access-lists.ts";
import type { Env } from "../worker/env.ts";
import { loadConfig } from "./config.ts";
import { ledgerClient } from "./ledger-client.ts";

const caches = new WeakMap<object, AccessListCache>();

/** The operator's lists, one cache for all objects of an isolate, no older than the refresh interval while Redis answers. */
export async function accessLists(env: Env, nowMs: number): Promise<AccessListCache> {
  let cache = caches.get(env);
  if (!cache) {
    const config = loadConfig(env);
    const { coin, policy } = config;
    cache = new AccessListCache(ledgerClient(env, config), coin, policy.refreshIntervalMs);
    caches.set(env, cache);
  }
  const error = await cache.refresh(nowMs);
  if (error) console.warn(`the access lists could not be read, the last good ones stay: ${error.message}`);
  return cache;
}
