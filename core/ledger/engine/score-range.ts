import { MIN_MAX_NOT_FLOAT, MIN_MAX_NOT_STRING, refuse } from "./errors.ts";
import { isDecimal, parseDouble } from "./numbers.ts";
import type { SqlValue } from "./sql-port.ts";

/** A part of a WHERE clause and its parameters. */
export interface Condition {
  readonly sql: string;
  readonly parameters: readonly SqlValue[];
}

interface Bound<T> {
  readonly value: T;
  readonly exclusive: boolean;
}

function scoreBound(text: string): Bound<number> {
  const exclusive = text.startsWith("(");
  const value = boundValue(exclusive ? text.slice(1) : text);
  if (value === null) throw refuse(MIN_MAX_NOT_FLOAT);
  return { value, exclusive };
}

/** Here Redis takes what C's strtod makes of it: nothing at all is 0, space may lead, what overflows is infinite. */
function boundValue(text: string): number | null {
  if (text === "") return 0;
  const digits = text.replace(/^[ \t-\r]+/, "");
  const value = parseDouble(digits);
  if (value !== null) return value;
  return isDecimal(digits) ? Number(digits) : null;
}

/** `min max` of the BYSCORE commands: numbers, `-inf`, `+inf`, `(` for exclusive. */
export function scoreCondition(min: string, max: string): Condition {
  const low = scoreBound(min);
  const high = scoreBound(max);
  return {
    sql: `value ${low.exclusive ? ">" : ">="} ? AND value ${high.exclusive ? "<" : "<="} ?`,
    parameters: [low.value, high.value],
  };
}

function lexBound(text: string): Bound<string> | "-" | "+" {
  if (text === "-" || text === "+") return text;
  if (text.startsWith("[")) return { value: text.slice(1), exclusive: false };
  if (text.startsWith("(")) return { value: text.slice(1), exclusive: true };
  throw refuse(MIN_MAX_NOT_STRING);
}

/** `min max` of the BYLEX commands: `-`, `+`, `[a`, `(a`; compared by bytes. */
export function lexCondition(min: string, max: string): Condition {
  const low = lexBound(min);
  const high = lexBound(max);
  if (low === "+" || high === "-") return { sql: "0", parameters: [] };
  const parts: string[] = ["1"];
  const parameters: string[] = [];
  if (low !== "-") {
    parts.push(`name ${low.exclusive ? ">" : ">="} ?`);
    parameters.push(low.value);
  }
  if (high !== "+") {
    parts.push(`name ${high.exclusive ? "<" : "<="} ?`);
    parameters.push(high.value);
  }
  return { sql: parts.join(" AND "), parameters };
}

/** `start stop` of a list of `size`: inclusive, negative ones count from the end. @returns offset and length, or null for nothing */
export function indexRange(start: number, stop: number, size: number): { offset: number; length: number } | null {
  const first = Math.max(0, start < 0 ? size + start : start);
  const last = Math.min(size - 1, stop < 0 ? size + stop : stop);
  return first > last ? null : { offset: first, length: last - first + 1 };
}
