import type { Reply } from "../command.ts";
import { dropFirst, listOf } from "../commands/lists.ts";
import type { Keyspace } from "../keyspace.ts";
import { groupTotal } from "./window-log.ts";

/** Native twin of the script `trim-window`: the same key, argument, reply and writes. */
export function trimWindow(space: Keyspace, [key = ""]: readonly string[], [keep = "0"]: readonly string[]): Reply {
  const log = listOf(space, key);
  let kept = 0n;
  let at = log.length;
  for (; at > 0 && kept < BigInt(keep); at -= 1) kept += groupTotal(log[at - 1] ?? "");
  space.sql.transaction(() => dropFirst(space, key, at));
  return [at > 0 ? 3 : 2, at, log.length - at];
}
