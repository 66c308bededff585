import type { Call, Reply } from "../command.ts";
import type { Keyspace } from "../keyspace.ts";
import { countArgument } from "../values.ts";

/** Elements are named by their place, so that the order of names is the list's; the first of a list leaves as much room before it as behind. */
const MIDDLE = 10n ** 15n;
const nameAt = (place: bigint): string => place.toString().padStart(16, "0");

/** RPUSH, for the twins as well. @returns the list's length */
export function pushLast(space: Keyspace, key: string, values: readonly string[]): number {
  const row = space.open(key, "list");
  const last = edge(space, row.id, "MAX");
  values.forEach((value, at) => space.put(row.id, nameAt((last ?? MIDDLE - 1n) + 1n + BigInt(at)), value));
  return space.count(row.id);
}

/** Before the first element, in the order given; for the twins. */
export function putFirst(space: Keyspace, key: string, values: readonly string[]): void {
  const row = space.open(key, "list");
  const first = (edge(space, row.id, "MIN") ?? MIDDLE) - BigInt(values.length);
  values.forEach((value, at) => space.put(row.id, nameAt(first + BigInt(at)), value));
}

/** LTRIM from an element on, for the twins. */
export function dropFirst(space: Keyspace, key: string, count: number): void {
  const row = space.typed(key, "list");
  if (!row || count === 0) return;
  space.sql.exec(
    "DELETE FROM entries WHERE id = ? AND name IN (SELECT name FROM entries WHERE id = ? ORDER BY name LIMIT ?)",
    row.id,
    row.id,
    count,
  );
  space.dropIfEmpty(row);
}

/** The whole list, for the twins. */
export function listOf(space: Keyspace, key: string): string[] {
  const row = space.typed(key, "list");
  return row ? space.entries(row.id).map(({ value }) => String(value)) : [];
}

function edge(space: Keyspace, id: number, which: "MIN" | "MAX"): bigint | null {
  const name = space.sql.exec(`SELECT ${which}(name) AS name FROM entries WHERE id = ?`, id)[0]?.["name"] ?? null;
  return name === null ? null : BigInt(String(name));
}

export function rpush({ space, args: [key = "", ...values] }: Call): Reply {
  return pushLast(space, key, values);
}

export function lrange({ space, args: [key = "", start = "", stop = ""] }: Call): Reply {
  const [from, to] = [countArgument(start), countArgument(stop)];
  const row = space.typed(key, "list");
  if (!row) return [];
  const length = space.count(row.id);
  const first = Math.max(0, from < 0 ? length + from : from);
  const last = Math.min(length - 1, to < 0 ? length + to : to);
  if (first > last) return [];
  return space.sql
    .exec("SELECT value FROM entries WHERE id = ? ORDER BY name LIMIT ? OFFSET ?", row.id, last - first + 1, first)
    .map(({ value }) => String(value));
}
