import { beginningOf, movedFrom } from "../../core/home.ts";
import { thrown, type Logger } from "../../core/log.ts";
import type { Env } from "../env.ts";
import { loadConfig } from "./config.ts";

const KEY = "started";

/**
 * Whether a miner or the operator has ever asked for something. Cron reads it where it can be read without making an object: whoever
 * makes one decides where it lives, and cron runs anywhere.
 * @returns true as well where the mark cannot be read, or has no binding: a pool that runs must not be left alone
 */
export async function isStarted({ POOL_MARKS: marks }: Env, log: Logger): Promise<boolean> {
  if (marks === undefined) return true;
  try {
    return (await marks.get(KEY)) !== null;
  } catch (error) {
    log.warn("whether the pool was started cannot be read: taken as true", { error: thrown(error) });
    return true;
  }
}

/** By an object that only requests make, whenever it comes to life; written where it is not there. The next life tries again. */
export async function markStarted(env: Env, log: Logger): Promise<void> {
  const { POOL_MARKS: marks } = env;
  try {
    if (marks !== undefined && (await marks.get(KEY)) === null) await marks.put(KEY, beginningOf(loadConfig(env).home));
  } catch (error) {
    log.warn("that the pool was started cannot be written: cron does not look after it yet", { error: thrown(error) });
  }
}

/** Whether `home` leads to other objects than those that the pool began with; null where it does not, or that cannot be read now. */
export async function movedHome(env: Env): Promise<string | null> {
  const beginning = await env.POOL_MARKS?.get(KEY).catch(() => null);
  return typeof beginning === "string" ? movedFrom(beginning, loadConfig(env).home) : null;
}
