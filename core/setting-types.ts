import * as v from "valibot";
import { durationText, parseDurationMs } from "./units.ts";

/** No wait of the pool is longer; beyond 24 days timers would run over and fire at once. */
const LONGEST = "168h";

/**
 * Allowed-value texts are part of the error that an operator reads, so they are written where the rule is.
 * @param from the shortest, @param to the longest that is allowed
 */
export const duration = (fallback: string, from: string, to: string = LONGEST) => {
  const [minMs = 0, maxMs = 0] = [parseDurationMs(from), parseDurationMs(to)];
  const allowed = `a duration from ${durationText(minMs)} to ${durationText(maxMs)}, such as "500ms", "10s" or "3h"`;
  return v.optional(
    v.pipe(
      v.string(allowed),
      v.rawTransform(({ dataset, addIssue, NEVER }) => {
        const ms = parseDurationMs(dataset.value);
        if (ms !== undefined && ms >= minMs && ms <= maxMs) return Math.round(ms);
        addIssue({ message: allowed });
        return NEVER;
      }),
    ),
    fallback,
  );
};

export const decimal = (min: number, max: number) => {
  const allowed = `a whole number from ${min} to ${max}`;
  return v.pipe(
    v.union([v.number(), v.pipe(v.string(), v.regex(/^\d+$/, allowed))], allowed),
    v.transform(Number),
    v.integer(allowed),
    v.minValue(min, allowed),
    v.maxValue(max, allowed),
  );
};
export const count = (fallback: number, min: number, max: number) => v.optional(decimal(min, max), fallback);

const DIFFICULTY = "a difficulty in hashes: a whole number from 1 to 2^63 - 1";
export const difficultyValue = v.pipe(
  v.union(
    [v.pipe(v.number(), v.safeInteger(DIFFICULTY)), v.pipe(v.string(), v.regex(/^\d+$/, DIFFICULTY))],
    DIFFICULTY,
  ),
  v.transform((value) => BigInt(value)),
  // Redis adds difficulties up in signed 64-bit integers.
  v.check((difficulty) => difficulty >= 1n && difficulty < 1n << 63n, DIFFICULTY),
);

export const weiValue = (allowed: string) =>
  v.pipe(
    v.union([v.pipe(v.number(), v.safeInteger(allowed)), v.pipe(v.string(), v.regex(/^\d{1,30}$/, allowed))], allowed),
    v.transform((value) => BigInt(value)),
  );

const FLAG = "true or false";
export const flag = (fallback: boolean) =>
  v.optional(
    v.pipe(
      v.union([v.boolean(), v.picklist(["true", "false"])], FLAG),
      v.transform((value) => value === true || value === "true"),
    ),
    fallback,
  );

export const word = (allowed: string, pattern: RegExp) => v.pipe(v.string(allowed), v.regex(pattern, allowed));

/** A shorter one can be guessed; one with a space or a line break is no bearer token, and more likely a slip of the shell. */
const TOKEN = "at least 16 characters without spaces, ASCII only; delete the secret to switch off what it is for";
export const secret = v.optional(v.nullable(word(TOKEN, /^[\x21-\x7e]{16,}$/)), null);
const TEXT = "text that is not empty";
export const secretText = v.pipe(v.string(TEXT), v.minLength(1, TEXT));

const HTTP_URL = "an http:// or https:// URL";
export const httpUrl = v.pipe(
  v.string(HTTP_URL),
  v.check((text) => /^https?:\/\//.test(text) && URL.canParse(text), HTTP_URL),
);

const SHANNON = "an amount in Shannon (10^9 Wei) above 0, at most 18 digits";
const shannonValue = v.pipe(
  weiValue(SHANNON),
  v.check((amount) => amount > 0n && amount < 10n ** 18n, SHANNON),
);
/** Null: no bound. */
export const shannon = <Fallback extends string | null>(fallback: Fallback) =>
  v.optional(v.nullable(shannonValue), fallback);
