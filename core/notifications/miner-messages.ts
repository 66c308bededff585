import { isoTime } from "../api/csv.ts";
import type { SqlPort } from "../sql-port.ts";
import { duration } from "../units.ts";
import type { SentPayment } from "./ledger-news.ts";
import { SEVERAL, type RigNews } from "./login-watch.ts";
import { messageOf, type Untold } from "./messages.ts";
import type { NotificationsConfig } from "./notifications-config.ts";
import { type Outgoing, type Target, targetName } from "./outgoing.ts";
import type { LoginLook } from "./rig-watch.ts";
import { type MinerTarget, type MinerTopic, targetProblem } from "./targets.ts";

/** Rigs that are named in one message. */
const MOST_NAMED = 20;
/** A mail that asks whether mails are wanted goes to one address once in so long, whoever names it. */
const ASK_AGAIN_MS = 86_400_000;

/** Puts what miners want to hear into the queue. Every method but {@link MinerMessages.confirm} is called in the transaction of its caller. */
export class MinerMessages {
  readonly #config: NotificationsConfig;
  readonly #outgoing: Outgoing;
  readonly #sql: SqlPort;

  constructor(config: NotificationsConfig, outgoing: Outgoing, sql: SqlPort) {
    this.#config = config;
    this.#outgoing = outgoing;
    this.#sql = sql;
    sql.exec(
      "CREATE TABLE IF NOT EXISTS mail (login TEXT NOT NULL, address TEXT NOT NULL, asked_ms INTEGER NOT NULL, confirmed_ms INTEGER, PRIMARY KEY (login, address))",
    );
  }

  /** What a look at a login's rigs has found. */
  rigs({ login, targets, news }: LoginLook, nowMs: number): void {
    if (targets === null) return;
    this.forgetOthers(login, targets);
    const { offline, back, hashrate } = news;
    if (back.length > 0)
      for (const [incident, rigs] of Map.groupBy(back, (rig) => rig.incident))
        this.#rigMessage(
          login,
          targets,
          rigs,
          incident.includes(SEVERAL) ? `${incident}:${nowMs}` : incident,
          "closed",
          nowMs,
        );
    const [first] = offline;
    if (first !== undefined) this.#rigMessage(login, targets, offline, first.incident, "opened", nowMs);
    if (hashrate === null) return;
    const { phase, sinceMs, percent } = hashrate;
    this.#tell(login, targets, "hashrate", {
      kind: "hashrate_fallen",
      phase,
      incident: `hashrate:${login}@${sinceMs}`,
      atMs: nowMs,
      data: { login, percent, duration: duration((nowMs - sinceMs) / 1000) },
    });
  }

  #rigMessage(
    login: string,
    targets: readonly MinerTarget[],
    rigs: readonly RigNews[],
    incident: string,
    phase: "opened" | "closed",
    nowMs: number,
  ): void {
    const names = rigs.map(({ worker }) => worker);
    const more = names.length > MOST_NAMED ? ` and ${names.length - MOST_NAMED} more` : "";
    const sinceMs = Math.min(...rigs.map((rig) => rig.sinceMs));
    this.#tell(login, targets, "offline", {
      kind: "rig_offline",
      phase,
      incident: `rigs:${login}@${incident}`,
      atMs: nowMs,
      data: {
        login,
        rigs: `${names.slice(0, MOST_NAMED).join(", ")}${more}`,
        count: names.length,
        since: isoTime(Math.floor(sinceMs / 1000)),
      },
    });
  }

  payment(payment: SentPayment, targets: readonly MinerTarget[], nowMs: number): void {
    const { login, tx, amountShannon } = payment;
    const amount = `${coinsOf(amountShannon)} coins`;
    this.#tell(login, targets, "payments", {
      kind: "payment_sent",
      phase: "told",
      incident: paymentKey(payment),
      atMs: nowMs,
      data: { login, tx, amount, amountShannon },
    });
  }

  /** A miner has signed targets: a mail address is asked first whether it wants mails; the others hear a test where that was asked for. @param host of the pool, for the link */
  signed(login: string, targets: readonly MinerTarget[], host: string, test: boolean, nowMs: number): void {
    this.forgetOthers(login, targets);
    for (const target of targets) {
      if (target.kind === "email" && !this.#isConfirmed(login, target.to)) this.#ask(login, target, host, nowMs);
      else if (test)
        this.#add(login, target, {
          kind: "test",
          phase: "told",
          incident: `test:${login}@${nowMs}`,
          atMs: nowMs,
          data: { login },
        });
    }
  }

  /** Somebody has opened the link of a mail and said yes. @returns false where the link is none of ours */
  confirm(login: string, code: string, nowMs: number): boolean {
    const rows = this.#sql.exec("SELECT address FROM mail WHERE login = ?", login);
    const address = rows.map((row) => String(row["address"])).find((to) => this.#code(login, to) === code);
    if (address === undefined) return false;
    this.#sql.exec(
      "UPDATE mail SET confirmed_ms = COALESCE(confirmed_ms, ?) WHERE login = ? AND address = ?",
      nowMs,
      login,
      address,
    );
    return true;
  }

  /** What waits for targets that the miner has taken back goes nowhere. */
  forgetOthers(login: string, targets: readonly MinerTarget[]): void {
    const names = new Set(targets.map((target) => nameOf(login, target)));
    for (const name of this.#outgoing.namesOf(login)) if (!names.has(name)) this.#outgoing.forget(name);
    const mails = new Set(targets.filter(({ kind }) => kind === "email").map(({ to }) => to));
    for (const { address } of this.#sql.exec(
      "SELECT address FROM mail WHERE login = ? AND confirmed_ms IS NOT NULL",
      login,
    ))
      if (!mails.has(String(address)))
        this.#sql.exec("UPDATE mail SET confirmed_ms = NULL WHERE login = ? AND address = ?", login, address ?? null);
  }

  #ask(login: string, target: MinerTarget, host: string, nowMs: number): void {
    const code = this.#code(login, target.to);
    const [row] = this.#sql.exec("SELECT MAX(asked_ms) AS asked FROM mail WHERE address = ?", target.to);
    if (code === null || nowMs - Number(row?.["asked"] ?? 0) < ASK_AGAIN_MS) return;
    this.#sql.exec(
      "INSERT INTO mail (login, address, asked_ms) VALUES (?, ?, ?) ON CONFLICT (login, address) DO UPDATE SET asked_ms = excluded.asked_ms",
      login,
      target.to,
      nowMs,
    );
    this.#add(login, target, {
      kind: "confirm",
      phase: "told",
      incident: `confirm:${login}@${nowMs}`,
      atMs: nowMs,
      data: { login, link: `https://${host}/api/accounts/${login}/mail/${code}` },
    });
  }

  #code(login: string, to: string): string | null {
    return this.#config.confirmation?.(login, to) ?? null;
  }

  #isConfirmed(login: string, to: string): boolean {
    return (
      this.#sql.exec("SELECT 1 FROM mail WHERE login = ? AND address = ? AND confirmed_ms IS NOT NULL", login, to)
        .length > 0
    );
  }

  #tell(login: string, targets: readonly MinerTarget[], topic: MinerTopic, message: Untold): void {
    for (const target of targets)
      if (target.topics.includes(topic) && (target.kind !== "email" || this.#isConfirmed(login, target.to)))
        this.#add(login, target, message);
  }

  #add(login: string, target: MinerTarget, message: Untold): void {
    const { templates, senders, minerPerHour, local } = this.#config;
    // The ledger may be written by others, and the rules may have become stricter.
    if (targetProblem(target.kind, target.to, local) !== null) return;
    const { kind, to, quiet } = target;
    const queued: Target = { name: nameOf(login, target), kind, to, login, quiet, perHour: minerPerHour };
    this.#outgoing.add(queued, messageOf(templates, senders.pool, message));
  }
}

/** Of which there is one. */
export const paymentKey = ({ tx, login }: SentPayment): string => `payment:${tx}:${login}`;

const nameOf = (login: string, { kind, to }: MinerTarget): string => targetName(login, `${kind} ${to}`);

/** Shannon as coins, with all digits. */
function coinsOf(shannon: string): string {
  const digits = shannon.padStart(10, "0");
  return `${digits.slice(0, -9)}.${digits.slice(-9)}`;
}
