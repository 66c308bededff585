import { NOT_A_FLOAT, NOT_AN_INTEGER, refuse } from "./errors.ts";

const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;

/** @returns the value, or null when the text is not what Redis' `string2ll` takes: no sign but a minus, no leading zero, 64 bits */
export function parseInt64(text: string): bigint | null {
  if (!/^(?:0|-?[1-9]\d{0,18})$/.test(text)) return null;
  const value = BigInt(text);
  return fitsInt64(value) ? value : null;
}

export function fitsInt64(value: bigint): boolean {
  return value >= INT64_MIN && value <= INT64_MAX;
}

/** A 64-bit integer argument. @throws RedisReplyError with `text` */
export function integerArgument(argument: string, text = NOT_AN_INTEGER): bigint {
  const value = parseInt64(argument);
  if (value === null) throw refuse(text);
  return value;
}

/** An integer argument that counts or addresses something; beyond 2^53 nothing is left to count and it is cut there. */
export function countArgument(argument: string, text = NOT_AN_INTEGER): number {
  const value = Number(integerArgument(argument, text));
  return Math.max(-Number.MAX_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, value));
}

/** A finite decimal number, an exponent included, whether or not a double can hold it. */
export function isDecimal(text: string): boolean {
  return /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/.test(text);
}

/** A double as `strtod` reads it, without hexadecimal. @returns null for anything else, NaN included */
export function parseDouble(text: string): number | null {
  const infinity = /^([+-]?)inf(?:inity)?$/i.exec(text);
  if (infinity) return infinity[1] === "-" ? -Infinity : Infinity;
  if (!isDecimal(text)) return null;
  const value = Number(text);
  // Redis refuses what over- or underflows (ERANGE), but an explicit infinity is a score.
  const underflow = value === 0 && /[1-9]/.test(text.split(/[eE]/)[0] ?? "");
  return Number.isFinite(value) && !underflow ? value : null;
}

/** @throws RedisReplyError with `text` */
export function doubleArgument(argument: string, text = NOT_A_FLOAT): number {
  const value = parseDouble(argument);
  if (value === null) throw refuse(text);
  return value;
}

/** A score as Redis 7.2 and later print it: integers in full while they fit 62 bits, else the shortest digits that read back the same. */
export function formatScore(score: number): string {
  if (score === Infinity) return "inf";
  if (score === -Infinity) return "-inf";
  if (Object.is(score, -0)) return "-0";
  if (Number.isInteger(score)) return Math.abs(score) <= 2 ** 62 ? String(BigInt(score)) : score.toExponential();
  const exponential = score.toExponential();
  const [digits = "", exponent = "0"] = exponential.split("e");
  const fraction = digits.replace(/[-.]/g, "").length - 1;
  const decimal = Number(exponent) - fraction > -7 || Math.abs(Number(exponent)) < 4;
  return decimal ? String(score) : exponential;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** UTF-8: Redis compares, matches and counts bytes. */
export function bytesOf(text: string): Uint8Array {
  return encoder.encode(text);
}

/** Bytes that are no UTF-8 become U+FFFD: the REST protocol carries text. */
export function textOf(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}
