/**
 * INCRBYFLOAT and HINCRBYFLOAT add in 80-bit extended precision (x86's long double: 64 bits of mantissa) and print with 17 decimals, so
 * 0.1 + 0.2 is 0.3 there. Doubles would give 0.30000000000000004; this does what Redis does, with integers.
 */

/** mantissa * 2^exponent */
interface Extended {
  readonly mantissa: bigint;
  readonly exponent: number;
}

const MANTISSA_BITS = 64;
const DECIMALS = 17n;

/** Beyond this a value is of no use to a ledger and its exact digits would only cost time. */
const MAX_EXPONENT = 4932;

/** @param text a finite decimal, exponent allowed @returns null when it is not one or is out of range */
function parse(text: string): Extended | null {
  const parts = /^([+-]?)(\d*)\.?(\d*)(?:[eE]([+-]?\d+))?$/.exec(text);
  if (!parts || (parts[2] === "" && parts[3] === "")) return null;
  const [, sign, whole = "", fraction = "", power = "0"] = parts;
  const ten = Number(power) - fraction.length;
  if (Math.abs(ten) > MAX_EXPONENT) return null;
  const digits = BigInt(whole + fraction) * (sign === "-" ? -1n : 1n);
  return ten >= 0 ? round(digits * 10n ** BigInt(ten), 1n) : round(digits, 10n ** BigInt(-ten));
}

/** The nearest extended value to numerator / denominator, ties to even. */
function round(numerator: bigint, denominator: bigint): Extended {
  const negative = numerator < 0n;
  const size = negative ? -numerator : numerator;
  if (size === 0n) return { mantissa: 0n, exponent: 0 };
  // One shift that leaves at least 64 bits before the point, then one division.
  let exponent = bitLength(size) - bitLength(denominator) - MANTISSA_BITS;
  let scaled = scale(size, denominator, exponent);
  if (bitLength(scaled.quotient) > MANTISSA_BITS) scaled = scale(size, denominator, (exponent += 1));
  const twice = scaled.remainder * 2n;
  const up = twice > scaled.divisor || (twice === scaled.divisor && scaled.quotient % 2n === 1n);
  const mantissa = scaled.quotient + (up ? 1n : 0n);
  return { mantissa: negative ? -mantissa : mantissa, exponent };
}

function scale(size: bigint, denominator: bigint, exponent: number) {
  const dividend = exponent < 0 ? size << BigInt(-exponent) : size;
  const divisor = exponent < 0 ? denominator : denominator << BigInt(exponent);
  return { quotient: dividend / divisor, remainder: dividend % divisor, divisor };
}

function bitLength(value: bigint): number {
  return value.toString(2).length;
}

function add(a: Extended, b: Extended): Extended {
  const exponent = Math.min(a.exponent, b.exponent);
  const sum = (a.mantissa << BigInt(a.exponent - exponent)) + (b.mantissa << BigInt(b.exponent - exponent));
  return exponent < 0 ? round(sum, 1n << BigInt(-exponent)) : round(sum << BigInt(exponent), 1n);
}

/** `%.17Lf` with trailing zeros cut. */
function format(value: Extended): string {
  const negative = value.mantissa < 0n;
  const size = (negative ? -value.mantissa : value.mantissa) * 10n ** DECIMALS;
  let digits: bigint;
  if (value.exponent >= 0) digits = size << BigInt(value.exponent);
  else {
    const shift = BigInt(-value.exponent);
    digits = size >> shift;
    const twice = (size - (digits << shift)) * 2n;
    const one = 1n << shift;
    if (twice > one || (twice === one && digits % 2n === 1n)) digits += 1n;
  }
  const text = digits.toString().padStart(Number(DECIMALS) + 1, "0");
  const whole = text.slice(0, -Number(DECIMALS));
  const fraction = text.slice(-Number(DECIMALS)).replace(/0+$/, "");
  const result = fraction === "" ? whole : `${whole}.${fraction}`;
  return negative && result !== "0" ? `-${result}` : result;
}

/** What is no finite number: `infinite` is the sum with an infinity, `invalid` a text that is no number. */
export type DecimalSum = { readonly sum: string } | "infinite" | "invalid";

/** Adds two decimals as Redis does. */
export function addDecimals(a: string, b: string): DecimalSum {
  const [left, right] = [a, b].map((text) => (isInfinite(text) ? "infinite" : parse(text)));
  if (!left || !right) return "invalid";
  return left === "infinite" || right === "infinite" ? "infinite" : { sum: format(add(left, right)) };
}

/** Redis takes infinities as numbers, and then refuses to add with them. */
export function isInfinite(text: string): boolean {
  return /^[+-]?inf(?:inity)?$/i.test(text);
}
