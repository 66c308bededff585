import { refuse } from "./errors.ts";

/** What a caller may do: the pool itself everything; who comes over `/redis` what its token is for, and no script within a script. */
export type Access = "all" | "readWrite" | "read" | "script";

/** One word empties the books, and an outbox that is replayed then fills them with half a round: nobody sends that from outside. */
const NEVER_FROM_OUTSIDE: ReadonlySet<string> = new Set(["flushall", "flushdb"]);
/** What the scripts do is not known beforehand; Redis asks for EVAL_RO where nothing may be written. */
const SCRIPTS: ReadonlySet<string> = new Set(["eval", "evalsha"]);

/**
 * @param name lower case
 * @param writes whether the command changes keys
 * @throws RedisReplyError in Redis' words for a user that lacks the permission
 */
export function checkAccess(access: Access, name: string, writes: boolean): void {
  if (access === "all") return;
  if (access === "script" && SCRIPTS.has(name)) throw refuse("ERR This Redis command is not allowed from script");
  const allowed = !NEVER_FROM_OUTSIDE.has(name) && (access !== "read" || (!writes && !SCRIPTS.has(name)));
  if (!allowed) throw refuse(`NOPERM User ${USER[access]} has no permissions to run the '${name}' command`);
}

const USER = { readWrite: "default", script: "default", read: "readonly" } as const;
