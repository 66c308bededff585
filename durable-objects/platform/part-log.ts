import { createLogger, type Logger, type LogSink } from "../../core/log.ts";
import type { Env } from "../env.ts";
import { loadConfig } from "./config.ts";

/** Workers Logs: one event a line, filed under the level of the console method. */
const workersLogs: LogSink = (line, level) => console[level](line);

/** Of each environment, by part: requests ask for them, and there are a dozen. */
const logs = new WeakMap<object, Map<string, Logger>>();

/** The log of one part of the pool, at the configured level. */
export function partLog(env: Env, part: string): Logger {
  const known = logs.get(env) ?? new Map<string, Logger>();
  logs.set(env, known);
  const log =
    known.get(part) ??
    createLogger({ level: loadConfig(env).log.level, sink: workersLogs, now: Date.now, fields: { part } });
  known.set(part, log);
  return log;
}
