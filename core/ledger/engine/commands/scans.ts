import type { SqlValue } from "../../../sql-port.ts";
import type { Call, Reply } from "../command.ts";
import { INVALID_CURSOR, refuse, SYNTAX } from "../errors.ts";
import { globMatcher } from "../glob.ts";
import type { KeyType } from "../keyspace.ts";
import { bytesOf, countArgument, formatScore, textOf } from "../values.ts";

/** How many elements a call looks at when COUNT does not say. */
const DEFAULT_COUNT = 10;

interface ScanRequest {
  readonly after: string | null;
  readonly matches: (name: string) => boolean;
  readonly count: number;
}

/**
 * The cursor is the last name seen, its bytes written as a decimal number behind a leading 1. So it needs no memory, survives a restart,
 * and whatever is added or removed meanwhile, an element that was there all the time is returned exactly once. Clients hand it back as text.
 */
function cursorOf(name: string): string {
  const hex = Array.from(bytesOf(name), (byte) => byte.toString(16).padStart(2, "0")).join("");
  return BigInt(`0x1${hex}`).toString();
}

function nameOf(cursor: string): string | null {
  if (!/^\d{1,100000}$/.test(cursor)) throw refuse(INVALID_CURSOR);
  if (/^0+$/.test(cursor)) return null;
  const hex = BigInt(cursor).toString(16);
  const digits = hex.slice(hex.length % 2 === 1 ? 1 : 0);
  const bytes = new Uint8Array(digits.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16);
  return textOf(bytes);
}

function scanRequest(cursor: string, options: readonly string[]): ScanRequest {
  const after = nameOf(cursor);
  let matches = globMatcher("*");
  let count = DEFAULT_COUNT;
  for (let i = 0; i < options.length; i += 2) {
    const option = (options[i] ?? "").toUpperCase();
    const value = options[i + 1];
    if (value === undefined) throw refuse(SYNTAX);
    if (option === "MATCH") matches = globMatcher(value);
    else if (option === "COUNT") {
      count = countArgument(value);
      if (count < 1) throw refuse(SYNTAX);
    } else throw refuse(SYNTAX);
  }
  return { after, matches, count };
}

function answer(names: readonly string[], count: number, elements: readonly string[]): Reply {
  const last = names.at(-1);
  return [names.length < count || last === undefined ? "0" : cursorOf(last), elements];
}

export function scan({ space, args: [cursor = "", ...options] }: Call): Reply {
  const request = scanRequest(cursor, options);
  const names = space.keys(request.after, request.count).map(({ key }) => key);
  return answer(names, request.count, names.filter(request.matches));
}

/** How a reply shows an entry of each kind of collection. */
const ELEMENTS: Readonly<Record<Exclude<KeyType, "string" | "list">, (name: string, value: SqlValue) => string[]>> = {
  hash: (name, value) => [name, String(value)],
  set: (name) => [name],
  zset: (name, value) => [name, formatScore(Number(value))],
};

/** HSCAN, SSCAN and ZSCAN. */
export function scanEntries(kind: keyof typeof ELEMENTS) {
  return ({ space, args: [key = "", cursor = "", ...options] }: Call): Reply => {
    const request = scanRequest(cursor, options);
    const row = space.typed(key, kind);
    const entries = row ? space.page(row.id, request.after, request.count) : [];
    return answer(
      entries.map(({ name }) => name),
      request.count,
      entries.flatMap(({ name, value }) => (request.matches(name) ? ELEMENTS[kind](name, value) : [])),
    );
  };
}
