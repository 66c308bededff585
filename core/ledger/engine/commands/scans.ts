import { bytesOf, textOf } from "../bytes.ts";
import { read, type Call, type CommandTable, type Reply } from "../command.ts";
import { INVALID_CURSOR, refuse, SYNTAX } from "../errors.ts";
import { globMatcher } from "../glob.ts";
import { countArgument, formatScore } from "../numbers.ts";
import type { SqlValue } from "../sql-port.ts";

/** How many elements a call looks at when COUNT does not say. */
const DEFAULT_COUNT = 10;

interface ScanRequest {
  readonly after: string | null;
  readonly matches: (name: string) => boolean;
  readonly count: number;
  readonly type: string | null;
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

function scanRequest(cursor: string, options: readonly string[], typed: boolean): ScanRequest {
  const after = nameOf(cursor);
  let matches = globMatcher("*");
  let count = DEFAULT_COUNT;
  let type: string | null = null;
  for (let i = 0; i < options.length; i += 2) {
    const option = (options[i] ?? "").toUpperCase();
    const value = options[i + 1];
    if (value === undefined) throw refuse(SYNTAX);
    if (option === "MATCH") matches = globMatcher(value);
    else if (option === "COUNT") {
      count = countArgument(value);
      if (count < 1) throw refuse(SYNTAX);
    } else if (typed && option === "TYPE") type = value.toLowerCase();
    else throw refuse(SYNTAX);
  }
  return { after, matches, count, type };
}

function answer(names: readonly string[], count: number, elements: readonly string[]): Reply {
  const last = names.at(-1);
  return [names.length < count || last === undefined ? "0" : cursorOf(last), elements];
}

function scan({ space, args: [cursor = "", ...options] }: Call): Reply {
  const request = scanRequest(cursor, options, true);
  const rows = space.keys(request.after, request.count);
  const found = rows.filter(
    ({ key, type }) => request.matches(key) && (request.type === null || request.type === type),
  );
  return answer(
    rows.map(({ key }) => key),
    request.count,
    found.map(({ key }) => key),
  );
}

function scanEntries(type: "hash" | "set" | "zset", element: (name: string, value: SqlValue) => string[]) {
  return ({ space, args: [key = "", cursor = "", ...options] }: Call): Reply => {
    const request = scanRequest(cursor, options, false);
    const row = space.typed(key, type);
    const rows = row ? space.page(row.id, request.after, request.count) : [];
    return answer(
      rows.map(([name]) => String(name)),
      request.count,
      rows.flatMap(([name, value = null]) => (request.matches(String(name)) ? element(String(name), value) : [])),
    );
  };
}

export const SCAN_COMMANDS: CommandTable = {
  scan: read(-2, scan),
  hscan: read(
    -3,
    scanEntries("hash", (name, value) => [name, String(value)]),
  ),
  sscan: read(
    -3,
    scanEntries("set", (name) => [name]),
  ),
  zscan: read(
    -3,
    scanEntries("zset", (name, value) => [name, formatScore(Number(value))]),
  ),
};
