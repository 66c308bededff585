import { createLogger } from "../../../core/log.ts";
import type { ClientGuard } from "../../../core/policy/client-guard.ts";
import { ClientGuards, type ClientGuardsPorts } from "../../../core/policy/client-guards.ts";
import type { GuardPolicy } from "../../../core/policy/conduct.ts";
import { StandingStore } from "../../../core/policy/standing-store.ts";
import { nodeSql } from "../../../scripts/ledger/node-sql.ts";
import { settled } from "../../support/virtual-clock.ts";

export const CLIENT = "192.0.2.1";

/** A guard with its storage, and login objects that hold connections of its client. */
export class GuardRig {
  readonly sql = nodeSql();
  readonly open = new Map<string, number>();
  readonly closed: string[] = [];
  /** The same with whose connections those were. */
  readonly closedAt: string[] = [];
  readonly alarms: number[] = [];
  readonly logged: string[] = [];
  readonly whitelist = new Set<string>();
  readonly blacklist = new Set<string>();
  asked = 0;
  nowMs = 1_795_000_000_000;
  /** Closing connections waits for it. */
  closing: Promise<void> | null = null;
  /** Objects that do not answer. */
  readonly deaf = new Set<string>();
  policy: GuardPolicy = {
    resetIntervalMs: 3_600_000,
    banning: { enabled: true, timeoutMs: 1_800_000, invalidPercent: 30, checkThreshold: 30, malformedLimit: 5 },
    limits: { enabled: false, limit: 3, graceMs: 0, limitJump: 2 },
  };
  guards: ClientGuards;

  constructor(policy: Partial<GuardPolicy> = {}) {
    this.policy = { ...this.policy, ...policy };
    this.guards = new ClientGuards(this.#ports());
  }

  get guard(): ClientGuard {
    return this.guards.of(CLIENT);
  }

  /** The object is lost with its memory; the storage stays. */
  restart(): void {
    this.guards = new ClientGuards(this.#ports());
  }

  /** A connection comes and, once admitted, is held by the object of its login. @returns why not, empty when it is in */
  async connect(login: string): Promise<string> {
    const { allowed, reason } = await this.guard.admit(login, "connection");
    if (allowed) this.open.set(login, (this.open.get(login) ?? 0) + 1);
    return reason;
  }

  async disconnect(login: string): Promise<void> {
    const remaining = (this.open.get(login) ?? 0) - 1;
    this.open.set(login, remaining);
    await this.guard.left(login, remaining, {});
  }

  rows(): number {
    const count = (table: string) => Number(this.sql.exec(`SELECT count(*) AS n FROM ${table}`)[0]?.["n"]);
    return count("client_standing") + count("client_login");
  }

  async settle(): Promise<void> {
    for (let turn = 0; turn < 3; turn++) await settled();
  }

  #ports(): ClientGuardsPorts {
    return {
      policy: this.policy,
      store: new StandingStore(this.sql, (key) => this.logged.push(`unreadable ${key}`)),
      nowMs: () => this.nowMs,
      log: createLogger({ level: "info", sink: (line) => this.logged.push(line), now: () => this.nowMs }),
      lists: async () => ({
        isWhitelisted: (who) => this.whitelist.has(who),
        isBlacklisted: (who) => this.blacklist.has(who),
      }),
      disconnect: async (login, client) => {
        if (this.deaf.has(login)) throw new Error("no answer");
        await this.closing;
        this.open.delete(login);
        this.closed.push(login);
        this.closedAt.push(`${client} ${login}`);
      },
      connections: async (login) => {
        this.asked++;
        if (this.deaf.has(login)) throw new Error("no answer");
        return this.open.get(login) ?? 0;
      },
      wakeAt: (atMs) => void this.alarms.push(atMs),
      background: (task) => void task,
    };
  }
}
