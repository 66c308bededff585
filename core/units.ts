/** Units of open-ethereum-pool's duration strings (Go's `time.ParseDuration`), in ms. */
const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/**
 * Reads a duration as open-ethereum-pool's configuration writes it: `"120ms"`, `"10s"`, `"1h30m"`, `"0"`.
 * @returns milliseconds, or undefined where the text is not a duration
 */
export function parseDurationMs(text: string): number | undefined {
  if (text === "0") return 0;
  if (!/^(?:\d+(?:\.\d+)?(?:ms|s|m|h))+$/.test(text)) return undefined;
  let totalMs = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)) {
    totalMs += Number(amount) * (UNIT_MS[unit ?? ""] ?? Number.NaN);
  }
  return totalMs;
}

/** What a timer waits at most: one that is set to more rings at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** What {@link parseTimerMs} takes, in words. */
export const TIMER_DURATION = "a duration such as 500ms, 15s or 2m, up to 596h";

/** As {@link parseDurationMs}, for what a timer is set to: undefined also where that is less than `leastMs`, or more than a timer can wait. */
export function parseTimerMs(text: string, leastMs: number): number | undefined {
  const ms = parseDurationMs(text);
  return ms === undefined || ms < leastMs || ms > LONGEST_TIMER_MS ? undefined : ms;
}

/** The same length of time as {@link parseDurationMs} reads it, in the largest unit that needs no fraction. */
export function durationText(ms: number): string {
  const fitting = Object.entries(UNIT_MS).filter(([, unitMs]) => ms > 0 && ms % unitMs === 0);
  const [unit, unitMs] = fitting.at(-1) ?? ["s", 1_000];
  return `${ms / unitMs}${unit}`;
}

const PREFIXES = ["", "k", "M", "G", "T", "P", "E"] as const;

/** Three significant digits and an SI prefix, such as `1.23 G`. */
function scaled(value: number): string {
  if (!Number.isFinite(value) || value < 0) return "0 ";
  // By what is shown: 999,600 is 1.00 M, and no 1000 k.
  const rounded = Number(value.toPrecision(3));
  const step = rounded < 1 ? 0 : Math.min(PREFIXES.length - 1, Math.floor(Math.log10(rounded) / 3));
  const shown = rounded / 1000 ** step;
  const whole = step === 0 && Number.isInteger(shown);
  const digits = whole || shown >= 100 ? 0 : shown >= 10 ? 1 : 2;
  return `${shown.toFixed(digits)} ${PREFIXES[step] ?? ""}`;
}

/** Hashes per second. */
export const hashrate = (value: number): string => `${scaled(value)}H/s`;

/** A difficulty, in hashes. */
export const hashes = (value: number): string => `${scaled(value)}H`;

/**
 * A length of time in its two largest units, such as `2 h 5 min`.
 * @param fine seconds beside minutes as well
 */
export function duration(seconds: number, fine = false): string {
  const units: readonly [number, string][] = [
    [86_400, "d"],
    [3600, "h"],
    [60, "min"],
    [1, "s"],
  ];
  const whole = Math.max(0, Math.round(seconds));
  const first = units.findIndex(([size]) => whole >= size);
  const [size, name] = units[first] ?? [1, "s"];
  const [lesser, lesserName] = units[first + 1] ?? [1, ""];
  const rest = Math.floor((whole % size) / lesser);
  const main = `${Math.floor(whole / size)} ${name}`;
  return first < 0
    ? "0 s"
    : rest > 0 && lesserName !== "" && (size > 60 || fine)
      ? `${main} ${rest} ${lesserName}`
      : main;
}
