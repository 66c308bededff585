import type { HealthReport } from "../health/judge.ts";
import { isUnreachable, type RedisPort, RedisReplyError } from "../ledger/contract/redis-port.ts";
import { thrown, type Logger } from "../log.ts";
import { blockId, minedHeight, type PoolBlock } from "../payouts/block-members.ts";
import type { SqlPort } from "../sql-port.ts";
import { duration } from "../units.ts";
import type { HttpPort } from "./http-forms.ts";
import { type Finding, Incidents, type Turn } from "./incidents.ts";
import { type LedgerNews, NotifierBooks, type SentPayment } from "./ledger-news.ts";
import type { Presences } from "./login-watch.ts";
import { type Message, messageOf, type OperatorKind, type Untold } from "./messages.ts";
import { MinerMessages, paymentKey } from "./miner-messages.ts";
import { type NotificationsHealth, TARGET_MS } from "./notifications-health.ts";
import type { NotificationsConfig, OperatorTarget } from "./notifications-config.ts";
import { Outgoing } from "./outgoing.ts";
import { nextFlow, readFlow, type PoolFlow } from "./pool-flow.ts";
import { finding, poolFindings, type FindingTerms } from "./pool-findings.ts";
import { RigWatch } from "./rig-watch.ts";
import { shownTarget } from "./targets.ts";

export interface NotifierDeps {
  readonly sql: SqlPort;
  readonly redis: RedisPort;
  readonly coin: string;
  readonly config: NotificationsConfig;
  readonly unlockerIntervalMs: FindingTerms["unlockerIntervalMs"];
  readonly health: () => Promise<HealthReport>;
  readonly presences: (login: string) => Promise<Presences | null>;
  readonly http: HttpPort;
  readonly nowMs: () => number;
  readonly random: () => number;
  readonly randomId: () => string;
  readonly log: Logger;
}

/** What is told of the notifier to its operator. */
export interface NotifierStatus {
  /** Messages that wait. */
  readonly waiting: number;
  readonly open: readonly string[];
  readonly targets: readonly { readonly name: string; readonly to: string; readonly failing: string | null }[];
  /** Logins whose rigs are watched. */
  readonly watched: number;
}

/** Looks at the pool are so far apart. */
const LOOK_MS = 60_000;
/** Cron and alarms come a little early or late. */
const EARLY_MS = 5_000;
/** A block or a payment is known to have been told for so long; older ones are no news. */
const REMEMBERED_MS = 60 * 86_400_000;
const NEWS_MS = 45 * 86_400_000;
/** A payment may be written so long after the time that it bears. */
const LATE_PAYMENT_S = 3_600;
/** Watching rigs more often than this would keep the object awake for nothing. */
const SOONEST_MS = 2_000;

/**
 * Tells operators and miners what they want to know. What there is to tell comes out of what is stored anyway (the health report, the ledger), so
 * that nothing is lost with a process: each look writes what it found, and what it has told, in one step into the queue.
 */
export class Notifier {
  readonly #deps: NotifierDeps;
  readonly #outgoing: Outgoing;
  readonly #incidents: Incidents;
  readonly #books: NotifierBooks;
  readonly #rigs: RigWatch;
  readonly #miners: MinerMessages;

  constructor(deps: NotifierDeps) {
    this.#deps = deps;
    const { sql, config, redis, coin, log } = deps;
    sql.exec("CREATE TABLE IF NOT EXISTS fact (name TEXT PRIMARY KEY, value TEXT NOT NULL)");
    sql.exec("CREATE TABLE IF NOT EXISTS told (key TEXT PRIMARY KEY, at_ms INTEGER NOT NULL)");
    this.#outgoing = new Outgoing({ ...deps, senders: config.senders });
    this.#incidents = new Incidents(sql);
    this.#books = new NotifierBooks(redis, coin);
    this.#rigs = new RigWatch({ ...deps, books: this.#books, fallenPercent: config.fallenPercent, log });
    this.#miners = new MinerMessages(config, this.#outgoing, sql);
  }

  /** One run: looks where it is time to, and sends what is due. @returns in how many ms the next one is due */
  async run(): Promise<number> {
    const { nowMs, log } = this.#deps;
    try {
      if (nowMs() - (this.#flow()?.lookedMs ?? 0) >= LOOK_MS - EARLY_MS) await this.#look();
      const flow = this.#flow();
      if (flow !== null && this.#isWell()) await this.#watch(flow.wellSinceMs);
    } catch (error) {
      if (!isUnreachable(error) && !(error instanceof RedisReplyError)) throw error;
      log.warn("the ledger cannot be read for notifications", { error: thrown(error) });
      const flow = this.#flow();
      if (flow !== null) this.#setFact("flow", JSON.stringify({ ...flow, wellSinceMs: nowMs() }));
      this.#setFact("well", "0");
    }
    const nextMs = await this.#outgoing.deliver();
    const rigsMs = this.#isWell() ? this.#rigs.nextMs() : null;
    const due = Math.min(nextMs ?? Infinity, rigsMs ?? Infinity, nowMs() + LOOK_MS) - nowMs();
    return Math.max(SOONEST_MS, due);
  }

  /** A test for the operator's targets. @param name of one of them; null: all @returns how many */
  async test(name: string | null): Promise<number> {
    const atMs = this.#deps.nowMs();
    const targets = this.#deps.config.targets.filter((target) => name === null || target.name === `pool ${name}`);
    const message = { kind: "test", phase: "told", incident: `test@${atMs}`, atMs, data: {} } as const;
    this.#deps.sql.transaction(() => {
      for (const target of targets) this.#outgoing.add(target, this.#message(message));
    });
    await this.#outgoing.deliver();
    return targets.length;
  }

  /** A miner has signed its settings. @param host of the pool @param test every target of its is to be sent a test @throws as the ledger does */
  async signed(login: string, host: string, test: boolean): Promise<void> {
    const [targets = null] = await this.#books.targets([login]);
    if (targets === null) return;
    const { sql, nowMs } = this.#deps;
    sql.transaction(() => this.#miners.signed(login, targets, host, test, nowMs()));
  }

  /** @returns false where the link was not one of ours */
  confirm(login: string, code: string): boolean {
    return this.#miners.confirm(login, code, this.#deps.nowMs());
  }

  /** For `/health`, which everybody may read. */
  health(): NotificationsHealth {
    const troubled = this.#outgoing.troubled(0);
    const own = troubled.filter(({ shown }) => shown.login === null);
    return {
      waiting: this.#outgoing.count(),
      oldestMs: this.#outgoing.oldestMs(),
      failing: own.map(({ name, sinceMs }) => ({ name: shortName(name), sinceMs })),
      minersFailing: troubled.length - own.length,
      lookedMs: this.#flow()?.lookedMs ?? null,
    };
  }

  status(): NotifierStatus {
    const troubled = new Map(this.#outgoing.troubled(0).map(({ name, reason }) => [name, reason]));
    return {
      waiting: this.#outgoing.count(),
      open: this.#incidents.open(),
      targets: this.#deps.config.targets.map(({ name, kind, to }) => ({
        name: shortName(name),
        to: shownTarget(kind, to),
        failing: troubled.get(name) ?? null,
      })),
      watched: this.#rigs.count(),
    };
  }

  /** Looks at the pool and at the ledger's lists. */
  async #look(): Promise<void> {
    const { sql, health, nowMs, log } = this.#deps;
    const before = this.#flow();
    const report = await health().catch((error: unknown) => {
      log.warn("the health report cannot be had", { error: thrown(error) });
      return null;
    });
    const atMs = nowMs();
    const { flow, well, silent } = nextFlow(before, report, atMs);
    sql.transaction(() => {
      this.#setFact("flow", JSON.stringify(flow));
      this.#setFact("well", well ? "1" : "0");
      this.#tellTurns(this.#incidents.observe(this.#findings(report, silent, atMs), atMs));
    });
    if (report?.ledger.state === "sick") return;
    const sinceS = Number(this.#fact("payments") ?? Math.floor(atMs / 1000));
    const news = await this.#books.news(sinceS - LATE_PAYMENT_S);
    const payments = news.payments.filter(
      (payment) => news.notified.has(payment.login) && !this.#wasTold(paymentKey(payment)),
    );
    const targets = payments.length === 0 ? [] : await this.#books.targets(payments.map(({ login }) => login));
    sql.transaction(() => {
      this.#tellBlocks(news.blocks, atMs);
      if (this.#deps.config.minerTerms !== null) this.#tellPayments(news, payments, targets, sinceS, atMs);
      for (const login of this.#rigs.follow(this.#deps.config.minerTerms !== null ? news.notified : new Set(), atMs))
        this.#miners.forgetOthers(login, []);
      sql.exec("DELETE FROM told WHERE at_ms < ?", atMs - REMEMBERED_MS);
    });
  }

  /** Looks at the rigs that are due. */
  async #watch(wellSinceMs: number): Promise<void> {
    const { sql, nowMs } = this.#deps;
    const atMs = nowMs();
    const looks = await this.#rigs.look(atMs, wellSinceMs);
    for (const look of looks)
      sql.transaction(() => {
        this.#rigs.keep(look);
        this.#miners.rigs(look, atMs);
      });
  }

  #findings(report: HealthReport | null, silent: boolean, nowMs: number): Finding[] {
    const { config, unlockerIntervalMs } = this.#deps;
    const found =
      report === null ? [] : poolFindings(report, { walletLow: config.walletLow, unlockerIntervalMs }, nowMs);
    if (report === null) found.push(about("pool", "pool", "Its parts do not answer."));
    if (silent)
      found.push(
        about("silence", "silence", "No share has come for a minute. Their owners are not told while that is so."),
      );
    for (const { name, reason, shown } of this.#outgoing.troubled(TARGET_MS))
      if (shown.login === null) found.push(about(`target:${shortName(name)}`, "target", reason));
    return found;
  }

  #tellTurns(turns: readonly Turn[]): void {
    const atMs = this.#deps.nowMs();
    for (const { kind, phase, incident, data, lastedMs } of turns)
      this.#tellOperator({
        kind,
        phase,
        incident,
        atMs,
        data: { ...data, duration: duration(lastedMs / 1000, true) },
      });
  }

  /** Blocks that were there when the notifier first looked are no news. */
  #tellBlocks(blocks: readonly PoolBlock[], nowMs: number): void {
    const isFirst = this.#fact("blocks") === null;
    if (isFirst) this.#setFact("blocks", String(nowMs));
    // The oldest first, as they were found.
    for (const block of blocks.toSorted((a, b) => Number(a.ts) - Number(b.ts))) {
      if (Number(block.ts) * 1000 < nowMs - NEWS_MS) continue;
      const id = blockId(block);
      const { nonce } = block;
      const data = { height: minedHeight(block), nonce, effort: effortOf(block) };
      const events: OperatorKind[] = ["block_found"];
      if (block.list === "matured" && block.orphan) events.push("block_orphan");
      for (const kind of events) {
        const key = `${kind}:${id}`;
        if (this.#wasTold(key)) continue;
        this.#setTold(key, nowMs);
        if (!isFirst) this.#tellOperator({ kind, phase: "told", incident: key, atMs: nowMs, data });
      }
    }
  }

  #tellPayments(
    { payments: all, more }: LedgerNews,
    payments: readonly SentPayment[],
    targets: readonly (Parameters<MinerMessages["payment"]>[1] | null)[],
    sinceS: number,
    nowMs: number,
  ): void {
    const isFirst = this.#fact("payments") === null;
    for (const [i, payment] of payments.entries()) {
      const own = targets[i] ?? null;
      // Where the ledger does not say whom to tell, a look within the hour may.
      if (own === null) continue;
      this.#setTold(paymentKey(payment), nowMs);
      if (!isFirst) this.#miners.payment(payment, own, nowMs);
    }
    // The next look begins an hour before the last one: one that was written late is found, and one that was told is known.
    const readS = more ? Math.max(sinceS, (all.at(-1)?.ts ?? sinceS) + LATE_PAYMENT_S) : Math.floor(nowMs / 1000);
    this.#setFact("payments", String(readS));
  }

  #tellOperator(message: Untold): void {
    for (const target of this.#deps.config.targets)
      if (wants(target, message)) this.#outgoing.add(target, this.#message(message));
  }

  #message(message: Untold): Message {
    const { templates, senders } = this.#deps.config;
    return messageOf(templates, senders.pool, message);
  }

  #flow(): PoolFlow | null {
    return readFlow(this.#fact("flow"));
  }

  #isWell(): boolean {
    return this.#fact("well") === "1";
  }

  #wasTold(key: string): boolean {
    return this.#deps.sql.exec("SELECT 1 FROM told WHERE key = ?", key).length > 0;
  }

  #setTold(key: string, nowMs: number): void {
    this.#deps.sql.exec("INSERT INTO told (key, at_ms) VALUES (?, ?)", key, nowMs);
  }

  #fact(name: string): string | null {
    const value = this.#deps.sql.exec("SELECT value FROM fact WHERE name = ?", name)[0]?.["value"] ?? null;
    return value === null ? null : String(value);
  }

  #setFact(name: string, value: string): void {
    this.#deps.sql.exec(
      "INSERT INTO fact (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
      name,
      value,
    );
  }
}

const shortName = (name: string): string => name.slice(name.indexOf(" ") + 1);

const about = (key: string, kind: OperatorKind, text: string): Finding => finding(key, kind, 60_000, text);

/** Nobody is told by a target that it does not work. */
function wants({ kinds, name }: OperatorTarget, { kind, data }: Untold): boolean {
  if (kind === "target" && data["name"] === shortName(name)) return false;
  return kinds === null || kinds.some((one) => one === kind);
}

/** Percent of the network's difficulty that the round took. */
function effortOf({ totalShares, difficulty }: PoolBlock): number {
  return Number(difficulty) > 0 ? Math.round((100 * Number(totalShares)) / Number(difficulty)) : 0;
}
