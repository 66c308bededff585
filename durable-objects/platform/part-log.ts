import { createLogger, type Logger } from "../../core/log.ts";
import type { Env } from "../env.ts";
import { loadConfig } from "./config.ts";
import { consoleSink } from "./log-sink.ts";

/** The log of one part of the pool, at the configured level. */
export function partLog(env: Env, part: string): Logger {
  return createLogger({ level: loadConfig(env).log.level, sink: consoleSink, now: Date.now, fields: { part } });
}

/** Something thrown, as a log takes it. */
export function thrown(error: unknown): Error | string {
  return error instanceof Error ? error : String(error);
}
