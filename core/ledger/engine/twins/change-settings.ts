import type { Reply } from "../command.ts";
import type { Keyspace } from "../keyspace.ts";
import { ScriptCalls } from "./script-calls.ts";

/** Native twin of the script `change-settings`: the same keys, arguments, replies and writes. */
export function changeSettings(space: Keyspace, keys: readonly string[], argv: readonly string[]): Reply {
  return space.sql.transaction(() => {
    const redis = new ScriptCalls(space);
    const [settings = "", hidden = "", solo = "", notified = ""] = keys;
    const [login = "", before = "", nonce = "", threshold = "", hide = "", alone = "", targets = ""] = argv;
    const last = redis.hget(settings, "nonce") ?? "0";
    if (last !== before) return [redis.billed, 0, last];
    redis.setMember(hidden, login, hide === "1");
    if (alone !== "") redis.setMember(solo, login, alone === "1");
    if (targets !== "") redis.setMember(notified, login, targets !== "none");
    if (threshold === "") redis.hdel(settings, ["payoutthreshold"]);
    if (targets === "none") redis.hdel(settings, ["notifications"]);
    const own: [string, string][] = [];
    if (threshold !== "") own.push(["payoutthreshold", threshold]);
    if (targets !== "" && targets !== "none") own.push(["notifications", targets]);
    redis.hset(settings, [["nonce", nonce], ...own]);
    return [redis.billed, 1, nonce];
  });
}
