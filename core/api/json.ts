/** Text that `JSON.stringify` writes as it stands (ES2026; in V8 since 2023, not yet in TypeScript's libraries). */
declare global {
  interface JSON {
    rawJSON(text: string): object;
  }
}

/**
 * JSON as the reference writes it: integers of any size in full. Its numbers are 64-bit, and round shares and difficulties
 * pass 2^53 on a large chain; a `bigint` here is written digit by digit, so that a client that reads 64 bits loses nothing.
 */
export function encodeJson(value: object): string {
  return JSON.stringify(value, (_name, member: unknown) =>
    typeof member === "bigint" ? JSON.rawJSON(member.toString()) : member,
  );
}

const INT64_MAX = 2n ** 63n - 1n;
const INT64_MIN = -(2n ** 63n);

/** The integer that a decimal string of the ledger stands for, or null: `number` where that is exact, else `bigint`. 64 bits, signed. */
export function parseInteger(text: string | undefined): number | bigint | null {
  if (text === undefined || !/^[+-]?\d{1,19}$/.test(text)) return null;
  const number = Number(text);
  if (Number.isSafeInteger(number)) return number;
  const exact = BigInt(text.startsWith("+") ? text.slice(1) : text);
  return exact >= INT64_MIN && exact <= INT64_MAX ? exact : null;
}

/** An object for names that others chose: without a prototype, a worker called `__proto__` is a member like any other. */
export function emptyRecord<T>(): Record<string, T> {
  return Object.assign<Record<string, T>, object>(Object.create(null), {});
}

/** What `JSON.parse` makes of a value that {@link encodeJson} wrote: large integers are rounded. */
export type Parsed<T> = T extends bigint
  ? number
  : T extends object
    ? { readonly [Member in keyof T]: Parsed<T[Member]> }
    : T;
