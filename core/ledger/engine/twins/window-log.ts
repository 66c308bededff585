import type { ShareGroup } from "../../../payouts/schemes.ts";
import type { Keyspace } from "../keyspace.ts";
import { isNatural } from "./script-calls.ts";

/** Logins of one group where many begin the log: as the scripts have it. */
const GROUP_LOGINS = 1_000;

/** The prelude's `groups`: texts of `login:difficulty,...`. @param work difficulty by login; what is none is left out */
export function windowGroups(work: readonly (readonly [login: string, difficulty: string])[]): string[] {
  const worked = work
    .filter(([, difficulty]) => isNatural(difficulty) && difficulty !== "0")
    .map((pair) => pair.join(":"))
    .toSorted((a, b) => (a < b ? -1 : 1));
  const texts: string[] = [];
  for (let from = 0; from < worked.length; from += GROUP_LOGINS)
    texts.push(worked.slice(from, from + GROUP_LOGINS).join(","));
  return texts;
}

/** A group's difficulty by login. */
export function readGroup(text: string): ShareGroup {
  if (!text.includes(",")) return new Map([[text.slice(0, 42), BigInt(text.slice(43))]]);
  const group = new Map<string, bigint>();
  for (const [, login = "", difficulty = ""] of text.matchAll(/(0x[0-9a-fA-F]+):(\d+)/g))
    group.set(login, BigInt(difficulty));
  return group;
}

/** Difficulty of all of a group. */
export function groupTotal(text: string): bigint {
  if (!text.includes(",")) return BigInt(text.slice(43));
  let total = 0n;
  for (const [, difficulty = ""] of text.matchAll(/:(\d+)/g)) total += BigInt(difficulty);
  return total;
}

/** The open round, as the log of the window begins with it. */
export function seedOf(space: Keyspace, roundKey: string): string[] {
  const row = space.typed(roundKey, "hash");
  return row ? windowGroups(space.entries(row.id).map(({ name, value }) => [name, String(value)])) : [];
}
