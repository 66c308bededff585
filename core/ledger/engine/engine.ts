import { RedisReplyError } from "../contract/redis-port.ts";
import type { SqlPort } from "../../sql-port.ts";
import { type Access, checkAccess } from "./access.ts";
import type { Command, Reply } from "./command.ts";
import { COMMANDS } from "./commands.ts";
import { EXEC_ABORT, refuse, wrongArity } from "./errors.ts";
import { Keyspace } from "./keyspace.ts";

/** How often keys that expired and that nobody asks for are removed, and how many at once. */
const PURGE_INTERVAL_MS = 60_000;
const PURGE_LIMIT = 100;

export interface EngineOptions {
  readonly sql: SqlPort;
  /** Unix time in ms. */
  readonly nowMs: () => number;
}

/**
 * Redis over SQLite: commands in, replies out. One at a time; a command that fails leaves nothing behind.
 * @example
 * new EmbeddedEngine({ sql, nowMs: () => Date.now() }).execute(["HINCRBY", "eth:stats", "roundShares", "5"]); // 5
 */
export class EmbeddedEngine {
  readonly #options: EngineOptions;
  readonly #space: Keyspace;
  #purgedMs = 0;

  constructor(options: EngineOptions) {
    this.#options = options;
    this.#space = new Keyspace(options.sql);
  }

  /** @param command name and arguments @throws RedisReplyError with Redis' text */
  execute(command: readonly string[], access: Access = "all"): Reply {
    const found = lookUp(command, access);
    this.#tick();
    return this.#run(found, command);
  }

  /** MULTI … EXEC: nothing runs when a command is unknown, not allowed or misses arguments; one that fails while running fails alone. */
  multi(commands: readonly (readonly string[])[], access: Access = "all"): (Reply | RedisReplyError)[] {
    let found: Command[];
    try {
      found = commands.map((command) => lookUp(command, access));
    } catch (error) {
      throw error instanceof RedisReplyError ? refuse(EXEC_ABORT) : error;
    }
    this.#tick();
    return commands.map((command, i) => {
      try {
        return this.#run(found[i] ?? lookUp(command, access), command);
      } catch (error) {
        if (error instanceof RedisReplyError) return error;
        throw error;
      }
    });
  }

  /** Reads the clock once for whatever runs now. */
  #tick(): void {
    this.#space.nowMs = this.#options.nowMs();
    if (this.#space.nowMs - this.#purgedMs < PURGE_INTERVAL_MS) return;
    this.#purgedMs = this.#space.nowMs;
    this.#space.purgeExpired(PURGE_LIMIT);
  }

  #run(command: Command, [name = "", ...args]: readonly string[]): Reply {
    const call = { space: this.#space, name: name.toLowerCase(), args };
    return command.writes ? this.#options.sql.transaction(() => command.run(call)) : command.run(call);
  }
}

function lookUp(command: readonly string[], access: Access): Command {
  const [name = "", ...args] = command;
  const found = COMMANDS.get(name.toLowerCase());
  checkAccess(access, name.toLowerCase(), found?.writes ?? false);
  if (!found) {
    const beginning = args.map((arg) => `'${arg.slice(0, 128)}' `).join("");
    throw refuse(`ERR unknown command '${name.slice(0, 128)}', with args beginning with: ${beginning.slice(0, 128)}`);
  }
  const wrong = found.arity > 0 ? command.length !== found.arity : command.length < -found.arity;
  if (wrong) throw wrongArity(name.toLowerCase());
  return found;
}
