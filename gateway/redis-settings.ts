import type { RedisConnection } from "./redis-connection.ts";
import { isList } from "./reply-text.ts";

/** A setting that is no danger and may cost something. */
export interface SettingNotice {
  readonly setting: string;
  readonly text: string;
}

/** What keeps the books over a crash, a power cut and a full memory, and what is allowed. */
const NEEDED: readonly (readonly [setting: string, allowed: readonly string[], why: string])[] = [
  ["appendonly", ["yes"], "without the append-only file a crash loses everything since the last snapshot"],
  [
    "appendfsync",
    ["always", "everysec"],
    "with `no` a power cut loses half a minute of acknowledged shares and payments",
  ],
  [
    "maxmemory-policy",
    ["noeviction"],
    "any other policy deletes keys when the memory is full: balances, rounds, payments",
  ],
];

/**
 * Reads the settings of a server that is to keep books.
 * @throws Error that names each setting in the way, what was found and what is allowed
 */
export async function checkSettings(redis: RedisConnection): Promise<SettingNotice[]> {
  const found = new Map<string, string>();
  for (const name of [...NEEDED.map(([setting]) => setting), "save"]) {
    const [reply = null] = await redis.pipeline([["CONFIG", "GET", name]]);
    const value = isList(reply) ? reply[1] : undefined;
    if (Buffer.isBuffer(value)) found.set(name, value.toString("utf8"));
  }
  const wrong = NEEDED.filter(([setting, allowed]) => !allowed.includes(found.get(setting) ?? ""));
  if (wrong.length > 0)
    throw new Error(
      `this Redis is not fit to keep books\n${wrong
        .map(
          ([setting, allowed, why]) =>
            `${setting}: found ${found.get(setting) ?? "nothing"}, allowed: ${allowed.join(", ")} (${why})`,
        )
        .join("\n")}`,
    );
  const notices: SettingNotice[] = [];
  if (found.get("appendfsync") === "everysec")
    notices.push({
      setting: "appendfsync",
      text: "everysec: a power cut loses up to a second of what was acknowledged; `always` loses nothing and is fast enough on an SSD",
    });
  if (found.get("save") === "")
    notices.push({
      setting: "save",
      text: "no snapshots: a damaged append-only file has nothing beside it. `save 3600 1` makes one an hour",
    });
  return notices;
}
