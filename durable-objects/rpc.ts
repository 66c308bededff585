/**
 * The calls between the Durable Objects. Plain data only: what crosses here is structured-cloned, and during a deploy
 * both sides may run different versions, so fields are added, never renamed.
 */
import type { SettingsBody, SettingsOutcome } from "../core/accounts/account-settings.ts";
import type { SessionFigures } from "../core/api/account-history.ts";
import type { AccountRoute } from "../core/api/account-view.ts";
import type { DatedBody, PoolRoute } from "../core/api/pool-routes.ts";
import type { HealthReport, WorkHealth } from "../core/health/judge.ts";
import type { PartAbout } from "../core/health/pool-parts.ts";
import type { ShardHealth } from "../core/health/shard-health.ts";
import type { PoolFigures } from "../core/health/pool-metrics.ts";
import type { Range } from "../core/history/definitions.ts";
import type { NotificationsHealth } from "../core/notifications/notifications-health.ts";
import type { NotifierStatus } from "../core/notifications/notifier.ts";
import type { PayoutCommand, PayoutOutcome } from "../core/payouts/payer/payer-commands.ts";
import type { NonceAudit } from "../core/payouts/payer/audit-nonces.ts";
import type { PayoutProgress, WalletView } from "../core/payouts/payer/payer-view.ts";
import type { MendPage } from "../core/payouts/payer/mend-all.ts";
import type { PayerStatus, WaitingPayment } from "../core/payouts/payer/payer-status.ts";
import type { PlannedPayment } from "../core/payouts/payer/plan-preview.ts";
import type { UnlockerStatus } from "../core/payouts/unlocker-status.ts";
import type { Access } from "../core/ledger/engine/access.ts";
import type { OperatorView, Settlement } from "../core/ledger/write-path/unresolved-records.ts";
import type { JudgedShare, ShareSubmission } from "../core/shares/share.ts";
import type { VerdictReport } from "../core/shares/verdict-tally.ts";
import type { PresentRigs } from "../core/session/present-rigs.ts";
import type { LeasedBlock } from "../core/session/extranonce-lender.ts";
import type { DifficultyClass } from "../core/shares/difficulty-classes.ts";
import type { WorkSnapshot } from "../core/work/job.ts";
import type { Client } from "../core/policy/client.ts";
import type { Admission, Conduct, GuardVerdict, Opening } from "../core/policy/guard.ts";
import type { AuditEntry } from "../core/admin/audit-log.ts";
import type { AdminCommand, AdminOutcome, PauseState } from "../core/admin/pool-admin.ts";
import type { GuardOverview } from "../core/policy/client-guard.ts";
import type { ListedBan } from "../core/policy/standing-store.ts";

/** What every object of the pool answers, beside the calls of its class. */
export interface PartRpc {
  /** The one way in from other objects and scripts (`platform/at-home.ts`): a call of the class, with the version of the pool's calls that its caller speaks. */
  serve(version: number, method: string, parameters: readonly unknown[]): Promise<unknown>;
  about(): Promise<PartAbout>;
  /** Where it runs, by the airport's code; null where Cloudflare does not say. May take seconds. */
  dataCentre(): Promise<string | null>;
}

/** One object, `idFromName("main")`; relays of the same class are `relay-0` … . */
export interface BlockTemplateRpc {
  /** Registers a session (by login) for pushes and gives the work it should have now; null where there is none yet or it is too old. Idempotent. */
  subscribe(login: string): Promise<WorkSnapshot | null>;
  unsubscribe(login: string): Promise<void>;
  /** The work without subscribing. Keeps the loop running for a minute: HTTP getwork asks for it again and again. */
  snapshot(): Promise<WorkSnapshot | null>;
  /**
   * Body of a node's `--miner.notify` POST, as text, and the upstream's name where the notify URL carries it.
   * `ok: false` with a reason when it is not usable work.
   */
  notify(body: string, upstream?: string | null): Promise<{ ok: boolean; reason: string }>;
  /** For the root: miners hear `Work not ready`, nothing is written. Survives restarts. */
  pause(paused: boolean): Promise<void>;
  /** From the root to a relay. @returns how many logins there are behind it; 0 lets the root forget it. */
  pushWork(work: WorkSnapshot): Promise<number>;
  /** Of a relay: resolves when the work of now is on its way to all of its sessions, at the latest after about `withinMs`. */
  delivered(withinMs: number): Promise<void>;
  /** Cron: the poll loop runs afterwards if anyone mines. */
  guard(): Promise<void>;
  /** Polls at once: a block was found. */
  refresh(): Promise<void>;
  /** Tells every session that a block of the pool's at this height closes the round. */
  closeRound(height: number): Promise<void>;
  health(): Promise<WorkHealth>;
}

/** One object per login, `idFromName(login)`. Sockets arrive through `fetch`. */
export interface MinerSessionRpc {
  /**
   * New work for every connection of this login; through a WebSocket where a relay pushes.
   * @param from the template that pushes; left out by one of before there was a choice
   * @returns how many connections want pushes; 0 lets the template forget the session
   */
  pushWork(work: WorkSnapshot, from?: string): Promise<number>;
  /** A share that was accepted on its claim has been refuted, as somebody else has heard. @param client who sent it, where that is known @param login this one's address */
  refuted(worker: string, client?: Client, login?: string): Promise<void>;
  /** Closes every connection of a client. @returns how many. */
  disconnectIp(ip: Client, reason: string): Promise<number>;
  /** No job is given and no share is taken until it is called again. Survives restarts. */
  pause(paused: boolean): Promise<void>;
  closeAll(reason: string): Promise<void>;
  /** How many connections of a client are open. */
  connectionsFrom(ip: Client): Promise<number>;
  /** One HTTP getwork request of this login. @returns the JSON-RPC answer, always to be sent with status 200. */
  getwork(request: GetworkRequest): Promise<string>;
  /** JSON text: the login's series over a range, and its workers' verdicts over the last day. @param worker of one worker alone, over a day at most */
  history(range: Range, worker?: string): Promise<string>;
  /** For the account: the last day, and the hashrates that workers report. */
  figures(): Promise<SessionFigures>;
  /** For the notifier: which rigs have a connection now. */
  presentRigs(): Promise<PresentRigs>;
}

export interface GetworkRequest {
  /** Lower-case `0x` address. */
  readonly login: string;
  /** Worker in the URL, empty where it names none. */
  readonly worker: string;
  readonly ip: Client;
  /** Body of the POST. */
  readonly body: string;
}

/** Shards, `idFromName("shard-<n>")`, by hash of login. */
export interface ShareVerifierRpc {
  submit(share: ShareSubmission): Promise<JudgedShare>;
  /**
   * Several, of one login or from a relay of many. In their order; null for one whose verdict takes longer, and which is to be asked for again with
   * `retry`.
   * @param straggleMs once half of them are judged the others are waited for no longer than that; left out: as long as any
   */
  submitAll(shares: readonly ShareSubmission[], straggleMs?: number): Promise<(JudgedShare | null)[]>;
  /** From another verifier: a block of the pool's at this height is about to close its round. @param atMs Unix time in ms */
  closing(height: number, atMs: number): Promise<void>;
  /** Work at this height is being mined: have its light cache, or begin to build it. Returns at once. */
  prepare(height: number): Promise<void>;
  /** Cron: whatever waits in the outbox is being replayed afterwards. */
  guard(): Promise<void>;
  /** Takes no share and writes nothing; resolves when nothing is under way to the ledger. Survives restarts. */
  pause(paused: boolean): Promise<void>;
  health(): Promise<ShardHealth>;
  /** For statistics: what was judged since the last report. @param seen number of the last report that arrived, 0 for none */
  verdicts(seen: number): Promise<VerdictReport | null>;
  /** What waits for the operator, and what the operator has done, the latest first. */
  unresolved(): Promise<OperatorView>;
  /** Credits or drops unresolved records; all of it goes into a log that is never cut. @returns the ids that were settled */
  settle(ids: readonly number[], action: Settlement, note: string): Promise<number[]>;
  /** What the ledger acknowledged in the last minute is sent to it again. @returns how many records */
  reconcile(): Promise<number>;
}

/** To what state of its storage the embedded ledger goes back. */
export type RecoveryPoint = { readonly atMs: number } | { readonly bookmark: string };

/** Bookmarks of the state of that moment and of the one of now; or Cloudflare's words where it cannot be. */
export type RecoveryPlan =
  | { readonly ok: true; readonly bookmark: string; readonly now: string }
  | { readonly ok: false; readonly reason: string };

/** `undo`: bookmark of the state before it, for the way back. `instance`: of the object that has to end first. */
export type RecoveryOutcome =
  | { readonly ok: true; readonly undo: string; readonly instance: string }
  | { readonly ok: false; readonly reason: string };

/** The ledger without Upstash: one object, `idFromName("main")`, that answers the Upstash REST protocol. */
export interface EmbeddedRedisRpc {
  /** `path` is ``, `pipeline` or `multi-exec`; `body` the parsed JSON body. Same result shapes as Upstash REST. `base64`: strings encoded. `access`: `all` when left out. */
  rest(
    path: string,
    body: readonly unknown[],
    base64?: boolean,
    access?: Access,
  ): Promise<{ status: number; body: string }>;
  /** Changes nothing. @param point a moment of the last 30 days (Unix ms), or a bookmark of Cloudflare's */
  planRecovery(point: RecoveryPoint): Promise<RecoveryPlan>;
  /** Has the next start of the object, whenever that is, begin with a former state of its storage. */
  prepareRecovery(bookmark: string): Promise<RecoveryOutcome>;
  /** Ends the object, so that it begins anew: the call itself fails by that. */
  restart(): Promise<void>;
  /** Another one after each start of the object. */
  instance(): Promise<string>;
}

/** One object, `idFromName("main")`, that gives every live session nonces of its own. */
export interface ExtranonceAllocatorRpc {
  /** Blocks that are lent now. */
  count(): Promise<number>;
  /** Blocks of extranonces of a class that nobody else has. @returns as many as there are, up to `count` */
  lend(holder: string, wanted: DifficultyClass, count: number): Promise<LeasedBlock[]>;
  /** Keeps blocks for another lease. @returns those that belong to someone else by now */
  renew(holder: string, firsts: readonly number[]): Promise<number[]>;
  /** Gives back what a holder no longer needs; for a short while nobody else gets it, as its sessions may come back. */
  release(holder: string, firsts: readonly number[]): Promise<void>;
  /** Makes a block another holder's. @returns until when, Unix time in ms; null where it is not `from`'s */
  transfer(from: string, to: string, first: number): Promise<number | null>;
  /** The same for one that a session had in front of its login, as the caller knows. */
  takeOver(session: string, to: string, extranonce: number): Promise<number | null>;
  /** Whether a session that has not logged in again may have its extranonce back. */
  resume(session: string, extranonce: number, owner: string | null): Promise<boolean>;
  /** A session gets nothing back by its id any more. */
  forget(session: string): Promise<void>;
}

/** A few objects for all clients, `idFromName(guardNameOf(client))`; every call says whose it is. */
export interface IpGuardRpc {
  /** @param login null where it comes in band and has not come yet */
  admit(client: Client, login: string | null, opening: Opening): Promise<Admission>;
  /** @param login that the connection has logged in; null before */
  report(client: Client, login: string | null, conduct: Conduct): Promise<GuardVerdict>;
  /** A connection is gone. @param remaining how many of the client the login's object still has */
  left(client: Client, login: string | null, remaining: number, conduct: Conduct): Promise<void>;
  /** By the operator's hand. @param login null: the whole client @returns why not; null when it is done */
  ban(client: Client, login: string | null, untilMs: number, reason: string): Promise<string | null>;
  lift(client: Client, login: string | null): Promise<void>;
  /** Ends a client's connections without a ban, but for those of whitelisted logins. */
  close(client: Client, reason: string): Promise<void>;
  /** In force, of all its clients. */
  bans(): Promise<ListedBan[]>;
  /** For operators and tests. */
  overview(client: Client): Promise<GuardOverview>;
}

/** One object, `idFromName("main")`: what the API and the dashboard show of the pool. */
export interface PoolApiRpc {
  /** A route: the last figures while the ledger cannot be read, null where it never could. */
  body(route: PoolRoute): Promise<DatedBody | null>;
  /** Who was credited what for a block; null for one that the lists do not show. Rejects while the ledger cannot be asked. */
  credits(height: number, hash: string): Promise<DatedBody | null>;
  /** `/api/payments/open`; null where the pool pays nobody itself, or nothing is known. */
  payouts(): Promise<DatedBody | null>;
  /** JSON text: the pool's series over a range. */
  history(range: Range): Promise<string>;
  /** For `/metrics`. */
  totals(): Promise<PoolFigures>;
  /** Asks every part and judges; at most every few seconds, however often it is called. */
  health(): Promise<HealthReport>;
  /** Numbers of the verifiers that are no longer configured and may still hold something. */
  formerShards(): Promise<number[]>;
  /** Cron: writes this minute into the history, if anyone mines. */
  tick(): Promise<void>;
}

/** One object a login, `idFromName(login)`: the account as the API shows it. */
export interface AccountApiRpc {
  /** `/api/accounts/<login>` and what is below it; null for a login that the ledger does not know. Rejects while the ledger cannot be asked and nothing is known. */
  body(login: string, route?: AccountRoute): Promise<DatedBody | null>;
  /** Rejects while the ledger cannot be asked. @param pool host that was asked */
  settings(login: string, pool: string): Promise<SettingsBody>;
  /** @param body of the POST @param pool as above */
  changeSettings(login: string, body: string, pool: string): Promise<SettingsOutcome>;
}

/** One object, `idFromName("main")`: takes found blocks from candidate to balance. */
export interface UnlockerRpc {
  /** Writes nothing; resolves when nothing is under way to the ledger. Survives restarts. */
  pause(paused: boolean): Promise<void>;
  /** Cron: the loop runs afterwards, where it is switched on. */
  guard(): Promise<void>;
  /** Runs at once and answers when the run is over. */
  run(): Promise<void>;
  /** Null while it is switched off. */
  status(): Promise<UnlockerStatus | null>;
}

/** One object an account, `idFromName(account)`, a lower-case address; every call says which. */
export interface PayerRpc {
  /** Writes nothing to the ledger; resolves when nothing is under way to it. Survives restarts. */
  pause(paused: boolean): Promise<void>;
  /** Cron: the loop runs afterwards, where payments are switched on. */
  guard(account: string): Promise<void>;
  /** Runs at once and answers when the run is over. */
  run(account: string): Promise<void>;
  status(account: string): Promise<PayerStatus>;
  /** What is paid and when more is, of one login or of all; null while payments are switched off. */
  progress(account: string, login: string | null): Promise<PayoutProgress | null>;
  /** What the operator sees; null while payments are switched off. Rejects while the ledger cannot be asked. */
  wallet(account: string): Promise<WalletView | null>;
  /** The account's nonces against the chain, or why that cannot be told. @param from first nonce; null: the newest ones */
  auditNonces(account: string, from: number | null): Promise<NonceAudit | string>;
  /** What a run that began now would pay, and who waits. */
  plan(account: string): Promise<PlannedPayment[]>;
  /** All that waits and why, as the last run left it. */
  waiting(account: string): Promise<WaitingPayment[]>;
  /** A page of what the ledger has forgotten and the chain proves, or why it cannot be told. @param after the last login before it @param writes it is written again */
  mendPage(account: string, after: string | null, writes: boolean): Promise<MendPage | string>;
  /** One payment with its transactions, JSON text; null where there is none. */
  show(account: string, id: number): Promise<string | null>;
  command(account: string, command: PayoutCommand): Promise<PayoutOutcome>;
}

/** One object, `idFromName("main")`: tells operators and miners what they want to know. */
export interface NotifierRpc {
  /** Cron: the loop runs afterwards, where anybody is to be told. */
  guard(): Promise<void>;
  /** Runs at once and answers when the run is over. */
  run(): Promise<void>;
  /** A miner has signed targets, or asks for a test of them. @param pool host that it was asked at */
  signed(login: string, pool: string, test: boolean): Promise<void>;
  /** The link of a mail was opened. @returns false where it is none of ours */
  confirm(login: string, code: string): Promise<boolean>;
  /** A test for the operator's targets. @param name of one; null: all @returns how many, after an attempt to send it */
  test(name: string | null): Promise<number>;
  /** For `/health`; null while nobody is to be told of anything. */
  health(): Promise<NotificationsHealth | null>;
  /** Null while nobody is to be told of anything. */
  status(): Promise<NotifierStatus | null>;
}

/** One object, `idFromName("main")`: what the operator does, and the log of it. */
export interface PoolAdminRpc {
  run(command: AdminCommand): Promise<AdminOutcome>;
  /** Writes down what another part is about to do for the operator. @returns the entry's id */
  begin(command: string, details: object): Promise<number>;
  /** Writes down how that ended. */
  end(id: number, outcome: string): Promise<void>;
  /** Bans that are in force. */
  bans(): Promise<ListedBan[]>;
  /** @param before entries with a smaller id only; null for the newest */
  audit(before: number | null): Promise<AuditEntry[]>;
  pauseState(): Promise<PauseState>;
  /** Cron: parts that have not heard of a pause, or of its end, hear of it. */
  guard(): Promise<void>;
}
