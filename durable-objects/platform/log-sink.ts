import type { LogSink } from "../../core/log.ts";

/** Workers Logs: one event a line, filed under the level of the console method. */
export const consoleSink: LogSink = (line, level) => console[level](line);
