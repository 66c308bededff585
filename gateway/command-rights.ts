import type { RawReply, RedisConnection } from "./redis-connection.ts";
import { isList } from "./reply-text.ts";

/** Who may run a command: with either token, with the one that writes, or with none. */
type Right = "read" | "write" | "nobody";

/** Rights by command. */
export interface CommandRights {
  of(command: readonly string[]): Right;
}

/** Asked by doctors and audits, although Redis counts them among those of an administrator; nothing is changed by them. */
const HARMLESS = new Set(["PING", "ECHO", "TIME", "INFO", "DBSIZE"]);
/** The books at once, for whoever has a token: nobody needs that. */
const NOBODY = new Set(["FLUSHALL", "FLUSHDB", "KEYS"]);
/** Redis flags these neither as reading nor as an administrator's. */
const READABLE_SETTINGS = new Set(["MAXMEMORY-POLICY", "APPENDONLY", "SAVE"]);

/** Rights as the server itself flags its commands (`COMMAND`), so that those of later versions are judged too. */
export async function commandRights(redis: RedisConnection): Promise<CommandRights> {
  const [reply = null] = await redis.pipeline([["COMMAND"]]);
  const flags = new Map<string, ReadonlySet<string>>();
  for (const entry of isList(reply) ? reply : []) {
    if (!isList(entry)) continue;
    const [name, , list] = entry;
    flags.set(textOf(name).toUpperCase(), new Set(list !== undefined && isList(list) ? list.map(textOf) : []));
  }
  if (flags.size === 0) throw new Error("Redis does not answer COMMAND: which commands write is not known");
  return {
    of([name = "", subcommand = "", setting = ""]) {
      const upper = name.toUpperCase();
      if (NOBODY.has(upper)) return "nobody";
      if (HARMLESS.has(upper)) return "read";
      if (upper === "CONFIG")
        return subcommand.toUpperCase() === "GET" && READABLE_SETTINGS.has(setting.toUpperCase()) ? "read" : "nobody";
      // Scripts are loaded with the token that may run them.
      if (upper === "SCRIPT") return "write";
      const own = flags.get(upper);
      // Redis says itself that it has no such command.
      if (own === undefined) return "write";
      if (own.has("admin") || own.has("pubsub") || own.has("blocking")) return "nobody";
      return own.has("readonly") ? "read" : "write";
    },
  };
}

const textOf = (value: RawReply | undefined): string => (Buffer.isBuffer(value) ? value.toString("utf8") : "");
