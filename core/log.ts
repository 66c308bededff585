/** From the most talkative to the gravest. */
export type LogLevel = "debug" | "info" | "warn" | "error";

/** What a line says besides its message. `undefined` is left out; an Error is logged by name and message, never with its stack. */
export type LogFields = Readonly<Record<string, string | number | bigint | boolean | null | undefined | Error>>;

/** Takes one line, JSON without a line break. `level` lets it choose a stream (`console.warn`, stderr). */
export type LogSink = (line: string, level: LogLevel) => void;

/** Structured logs: one JSON object a line. Cheap when the level is off: nothing is formatted. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** Whether a line of this level would be written: ask before gathering costly fields. */
  enabled(level: LogLevel): boolean;
  /** The same log with these fields on every line. */
  with(fields: LogFields): Logger;
}

const SEVERITY: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 };

/** Member names whose values never reach a log, whatever put them there. */
const SECRET_NAME = /token|secret|password|authorization|api[-_]?key/i;

function printable(name: string, value: LogFields[string]): string | number | boolean | null {
  if (value === undefined || value === null) return null;
  if (SECRET_NAME.test(name)) return "[redacted]";
  if (value instanceof Error) return `${value.name}: ${value.message}`;
  return typeof value === "bigint" ? value.toString() : value;
}

function format(level: LogLevel, message: string, nowMs: number, fields: LogFields): string {
  const line: Record<string, string | number | boolean | null> = {
    // oxlint-disable-next-line no-restricted-globals -- a Date as a calendar of a given moment, not as a clock
    time: new Date(nowMs).toISOString(),
    level,
    message,
  };
  for (const [name, value] of Object.entries(fields)) {
    // The line's own members win: a field can never forge the level or the time.
    if (value !== undefined && !(name in line)) line[name] = printable(name, value);
  }
  return JSON.stringify(line);
}

/**
 * Makes a log that writes lines of `level` and graver to `sink`.
 * @param options.now Unix time in ms.
 */
export function createLogger(options: {
  readonly level: LogLevel;
  readonly sink: LogSink;
  readonly now: () => number;
  readonly fields?: LogFields;
}): Logger {
  const { level: least, sink, now, fields: common = {} } = options;
  const enabled = (level: LogLevel) => SEVERITY[level] >= SEVERITY[least];
  const write = (level: LogLevel) => (message: string, fields?: LogFields) => {
    if (enabled(level)) sink(format(level, message, now(), { ...common, ...fields }), level);
  };
  return {
    debug: write("debug"),
    info: write("info"),
    warn: write("warn"),
    error: write("error"),
    enabled,
    with: (fields) => createLogger({ ...options, fields: { ...common, ...fields } }),
  };
}

/** Something thrown, as a log takes it. */
export function thrown(error: unknown): Error | string {
  return error instanceof Error ? error : String(error);
}
