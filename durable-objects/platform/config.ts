import { parseConfig } from "../../core/parse-config.ts";
import type { PoolConfig } from "../../core/pool-config.ts";
import type { Env } from "../env.ts";

const parsed = new WeakMap<object, PoolConfig>();

/**
 * The pool's configuration, parsed once per environment object.
 * @throws ConfigError with every wrong variable; the Worker shows it on `/health`
 */
export function loadConfig(env: Env): PoolConfig {
  let config = parsed.get(env);
  if (!config) {
    config = parseConfig(env);
    parsed.set(env, config);
  }
  return config;
}
