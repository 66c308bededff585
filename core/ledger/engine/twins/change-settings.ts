import type { Reply } from "../command.ts";
import type { Keyspace } from "../keyspace.ts";
import { ScriptCalls } from "./script-calls.ts";

/** Native twin of the script `change-settings`: the same keys, arguments, replies and writes. */
export function changeSettings(space: Keyspace, keys: readonly string[], argv: readonly string[]): Reply {
  return space.sql.transaction(() => {
    const redis = new ScriptCalls(space);
    const [settings = "", hidden = "", solo = ""] = keys;
    const [login = "", before = "", nonce = "", threshold = "", hide = "", alone = ""] = argv;
    const last = redis.hget(settings, "nonce") ?? "0";
    if (last !== before) return [redis.billed, 0, last];
    redis.setMember(hidden, login, hide === "1");
    if (alone !== "") redis.setMember(solo, login, alone === "1");
    if (threshold === "") redis.hdel(settings, ["payoutthreshold"]);
    const own: readonly [string, string][] = threshold === "" ? [] : [["payoutthreshold", threshold]];
    redis.hset(settings, [["nonce", nonce], ...own]);
    return [redis.billed, 1, nonce];
  });
}
