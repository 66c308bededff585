import { RedisReplyError } from "../contract/redis-port.ts";
import type { SqlPort } from "../../sql-port.ts";
import type { Access } from "./access.ts";
import type { Command, Reply } from "./command.ts";
import { findCommand } from "./commands.ts";
import { EXEC_ABORT, refuse } from "./errors.ts";
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
    const found = findCommand(command, access);
    this.#tick();
    return this.#run(found, command);
  }

  /** MULTI … EXEC: nothing runs when a command is unknown, not allowed or misses arguments; one that fails while running fails alone. */
  multi(commands: readonly (readonly string[])[], access: Access = "all"): (Reply | RedisReplyError)[] {
    let found: Command[];
    try {
      found = commands.map((command) => findCommand(command, access));
    } catch (error) {
      throw error instanceof RedisReplyError ? refuse(EXEC_ABORT) : error;
    }
    this.#tick();
    return commands.map((command, i) => {
      this.#space.settled();
      try {
        return this.#run(found[i] ?? findCommand(command, access), command);
      } catch (error) {
        if (error instanceof RedisReplyError) return error;
        throw error;
      }
    });
  }

  /** Reads the clock once for whatever runs now. */
  #tick(): void {
    this.#space.nowMs = this.#options.nowMs();
    this.#space.settled();
    if (this.#space.nowMs - this.#purgedMs < PURGE_INTERVAL_MS) return;
    this.#purgedMs = this.#space.nowMs;
    this.#space.purgeExpired(PURGE_LIMIT);
  }

  #run(command: Command, [name = "", ...args]: readonly string[]): Reply {
    const run = (inner: readonly string[]): Reply => this.#run(findCommand(inner, "script"), inner);
    const call = { space: this.#space, name: name.toLowerCase(), args, run };
    return command.writes ? this.#space.sql.transaction(() => command.run(call)) : command.run(call);
  }
}
