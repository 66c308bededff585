import { ledgerKeys } from "../ledger/contract/keys.ts";
import type { RedisPort } from "../ledger/contract/redis-port.ts";
import { type Logger, thrown } from "../log.ts";
import { type Client, clientOf } from "../policy/client.ts";
import { parseLogin } from "../policy/login.ts";
import type { ListedBan } from "../policy/standing-store.ts";
import type { SqlPort } from "../sql-port.ts";
import { type AuditEntry, AuditLog, writtenDown } from "./audit-log.ts";

/** What the operator may change. Every one carries why, for the log. */
export type AdminCommand =
  | {
      readonly kind: "ban";
      readonly client: Client;
      /** Null: the whole client. */
      readonly login: string | null;
      readonly forMs: number;
      readonly note: string;
    }
  | { readonly kind: "lift"; readonly client: Client; readonly login: string | null; readonly note: string }
  | {
      readonly kind: "list";
      readonly list: "blacklist" | "whitelist";
      readonly action: "add" | "remove";
      /** A login or an address. */
      readonly who: string;
      readonly note: string;
    }
  | {
      readonly kind: "pause";
      readonly paused: boolean;
      /** Null: the whole pool. */
      readonly login: string | null;
      readonly note: string;
    };

/** How a command ended, for the operator. */
export interface AdminOutcome {
  readonly ok: boolean;
  readonly message: string;
}

/** A part of the pool that hands work out or writes. */
export interface PoolPart {
  readonly name: string;
  /** Resolves when nothing that it sent before is under way any more. */
  pause(paused: boolean): Promise<void>;
}

export interface PoolAdminPorts {
  readonly sql: SqlPort;
  readonly nowMs: () => number;
  readonly log: Logger;
  readonly redis: RedisPort;
  readonly coin: string;
  parts(): Promise<readonly PoolPart[]>;
  /** @returns why not; null when it is done */
  ban(client: Client, login: string | null, untilMs: number, reason: string): Promise<string | null>;
  lift(client: Client, login: string | null): Promise<void>;
  /** Bans in force, of every guard. */
  bans(): Promise<readonly (readonly ListedBan[])[]>;
  /** Closes every connection of a login. */
  closeAll(login: string, reason: string): Promise<void>;
  /** Closes every connection of a client, but for those of whitelisted logins. */
  closeClient(client: Client, reason: string): Promise<void>;
  pauseLogin(login: string, paused: boolean): Promise<void>;
}

/** What is paused, as the operator sees it. */
export interface PauseState {
  readonly paused: boolean;
  /** Parts that have not confirmed it yet; they are told again every minute. */
  readonly waitingFor: readonly string[];
  readonly logins: readonly string[];
}

/** What the operator does to the pool, and the log of it. */
export class PoolAdmin {
  readonly #ports: PoolAdminPorts;
  readonly #audit: AuditLog;

  constructor(ports: PoolAdminPorts) {
    this.#ports = ports;
    const { sql, nowMs } = ports;
    this.#audit = new AuditLog(sql, nowMs);
    // Of a version to which the guards told every ban.
    sql.exec("DROP TABLE IF EXISTS ban");
    sql.exec("CREATE TABLE IF NOT EXISTS pause (key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID");
  }

  /**
   * What is in force, what ends last first: each guard decides by itself, here the operator sees them together. What all of them
   * know, a ban of an address by hand, is there once.
   */
  async bans(): Promise<ListedBan[]> {
    const listed = (await this.#ports.bans()).flat().toSorted((one, other) => other.untilMs - one.untilMs);
    const seen = new Set<string>();
    return listed.filter(({ client, login }) => {
      const whom = `${client} ${login ?? ""}`;
      return !seen.has(whom) && seen.add(whom);
    });
  }

  audit(before: number | null): AuditEntry[] {
    return this.#audit.list(before);
  }

  /** Does what the operator asks, with a row in the log before it. */
  async run(command: AdminCommand): Promise<AdminOutcome> {
    const { kind, ...details } = command;
    this.#ports.log.info("operator's command", { command: kind, details: JSON.stringify(details) });
    return await writtenDown(
      this.#audit,
      kind,
      details,
      () => this.#do(command),
      ({ message }) => message,
    );
  }

  /** Writes down what another part of the pool is about to do for the operator. @returns the entry's id */
  begin(command: string, details: object): number {
    return this.#audit.begin(command, details);
  }

  /** Writes down how that ended. */
  end(id: number, outcome: string): void {
    this.#audit.end(id, outcome);
  }

  pauseState(): PauseState {
    return {
      paused: this.#read("pool") === "paused",
      waitingFor: (this.#read("waiting") ?? "").split(",").filter((name) => name !== ""),
      logins: this.#ports.sql
        .exec("SELECT key FROM pause WHERE key LIKE '0x%' ORDER BY key")
        .map(({ key }) => String(key)),
    };
  }

  /** Cron: parts that have not heard of a pause, or of its end, hear of it. */
  async guard(): Promise<void> {
    const { paused, waitingFor } = this.pauseState();
    if (paused || waitingFor.length > 0) await this.#tellParts(paused);
  }

  async #do(command: AdminCommand): Promise<AdminOutcome> {
    switch (command.kind) {
      case "ban": {
        const { client, login, forMs, note } = command;
        const problem = await this.#ports.ban(clientOf(client), login, this.#ports.nowMs() + forMs, note);
        return problem === null ? done("banned") : { ok: false, message: problem };
      }
      case "lift":
        await this.#ports.lift(clientOf(command.client), command.login);
        return done("lifted");
      case "list":
        return await this.#list(command);
      case "pause":
        return command.login === null
          ? await this.#pausePool(command.paused)
          : await this.#pauseLogin(command.login, command.paused);
    }
  }

  async #list({ list, action, who, note }: Extract<AdminCommand, { kind: "list" }>): Promise<AdminOutcome> {
    const { redis, coin } = this.#ports;
    const login = parseLogin(who)?.address ?? null;
    const member = login ?? clientOf(who);
    const key = ledgerKeys(coin)[list];
    const changed = await redis
      // Another program may have written it in another way.
      .command(action === "add" ? ["SADD", key, member] : ["SREM", key, member, who])
      .catch((error: unknown) => thrown(error));
    if (changed instanceof Error) return { ok: false, message: `not done: ${changed.message}` };
    if (list === "blacklist" && action === "add") await this.#close(login, member, note);
    return done(Number(changed) === 0 ? "it was so already" : "done; in force within policy.refreshInterval");
  }

  async #close(login: string | null, client: Client, reason: string): Promise<void> {
    if (login === null) await this.#ports.closeClient(client, reason);
    else await this.#ports.closeAll(login, reason);
  }

  async #pausePool(paused: boolean): Promise<AdminOutcome> {
    this.#write("pool", paused ? "paused" : null);
    const waitingFor = await this.#tellParts(paused);
    if (waitingFor.length === 0) {
      return done(paused ? "paused: nothing is written any more" : "work is handed out again");
    }
    return { ok: false, message: `written down; not confirmed yet by ${waitingFor.join(", ")}, which are told again` };
  }

  async #tellParts(paused: boolean): Promise<readonly string[]> {
    const parts = await this.#ports.parts();
    // Before they are asked: whoever comes after a crash knows that they may not have heard.
    this.#write("waiting", parts.map(({ name }) => name).join(","));
    const told = await Promise.all(
      parts.map(async (part) => {
        try {
          await part.pause(paused);
          return null;
        } catch (error) {
          this.#ports.log.warn("a part has not heard of the pause", { pausedPart: part.name, error: thrown(error) });
          return part.name;
        }
      }),
    );
    const waitingFor = told.filter((name) => name !== null);
    this.#write("waiting", waitingFor.length === 0 ? null : waitingFor.join(","));
    return waitingFor;
  }

  async #pauseLogin(login: string, paused: boolean): Promise<AdminOutcome> {
    if (paused) this.#write(login, "paused");
    await this.#ports.pauseLogin(login, paused);
    if (!paused) this.#write(login, null);
    return done(paused ? "paused" : "work is handed out again");
  }

  #read(key: string): string | null {
    const value = this.#ports.sql.exec("SELECT value FROM pause WHERE key = ?", key)[0]?.["value"];
    return typeof value === "string" ? value : null;
  }

  #write(key: string, value: string | null): void {
    if (value === null) this.#ports.sql.exec("DELETE FROM pause WHERE key = ?", key);
    else this.#ports.sql.exec("INSERT OR REPLACE INTO pause VALUES (?, ?)", key, value);
  }
}

function done(message: string): AdminOutcome {
  return { ok: true, message };
}
