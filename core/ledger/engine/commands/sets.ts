import type { Call, Reply } from "../command.ts";

export function sadd({ space, args: [key = "", ...names] }: Call): Reply {
  const row = space.open(key, "set");
  let added = 0;
  for (const name of names) {
    if (space.entry(row.id, name) !== undefined) continue;
    space.put(row.id, name, null);
    added++;
  }
  return added;
}

export function srem({ space, args: [key = "", ...names] }: Call): Reply {
  return space.removeAll(space.typed(key, "set"), names);
}

export function smembers({ space, args: [key = ""] }: Call): Reply {
  const row = space.typed(key, "set");
  return row ? space.entries(row.id).map(({ name }) => name) : [];
}
