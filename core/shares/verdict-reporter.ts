import { BoundedMap } from "../bounded-map.ts";
import type { Clock } from "../clock.ts";
import type { SubmitCounts, Verdict } from "../history/definitions.ts";
import type { StoreEvents } from "../ledger/write-path/outbox-store.ts";
import type { Logger } from "../log.ts";
import { type Client, networkOf } from "../policy/client.ts";
import { identityOf } from "../share-identity.ts";
import type { LoginVerdicts } from "../health/share-evidence.ts";
import { countedAs, type ShareSubmission, type ShareVerdict } from "./share.ts";

/**
 * One line a judged submission, or none: logs are billed by the line, so it is off unless the operator switches `log.shares` on.
 * The field `share` is the identity under which the session, the verifier and the ledger know the same share.
 */
export function shareLog(
  log: Logger,
  enabled: boolean,
): (share: ShareSubmission, verdict: ShareVerdict, tookMs: number) => void {
  if (!enabled) return () => undefined;
  return (share, verdict, tookMs) =>
    log.info("share", {
      share: identityOf(share),
      verdict: verdict.kind,
      block: verdict.kind === "accepted" && verdict.block ? true : undefined,
      reason: verdict.kind === "unavailable" ? verdict.reason : undefined,
      height: share.job.height,
      difficulty: share.shareDifficulty,
      retry: share.retry ? true : undefined,
      tookMs,
    });
}

/** Says which records go to the operator, with all that is needed to credit them by hand, and which rows cannot be read. */
export function storeLog(log: Logger): StoreEvents {
  return {
    onUnresolved: ({ record, reason }) => log.error("share left to the operator", { reason, ...record }),
    onUnreadable: ({ source, reason, row }) =>
      log.error("durable row that this version cannot read", { source, reason, row: JSON.stringify(row) }),
  };
}

/** Logins that a report names; some are enough to tell one broken rig from all. */
const MOST_LOGINS = 64;

/** Networks that are named of a login. */
const MOST_NETWORKS = 4;

const REPORT_EVERY_MS = 5000;
/** Reports that lie further apart than this are of a trickle: the object may leave memory, after ten idle seconds, before the next share. */
const TRICKLE_MS = 10_000;
/** So long the last shares of a trickle keep the object awake. */
const TAIL_MS = 1000;

/**
 * Counts a shard's verdicts and tells the pool's statistics, with the first one after five seconds: at most $0.08 a month for a shard,
 * whatever the share rate, and nothing while nobody submits. No timer, which would keep the object awake and billed: what a share leaves
 * behind the next one takes along, and only where none may follow soon a short one does.
 */
export class VerdictReporter {
  readonly #tell: (counts: SubmitCounts, logins: LoginVerdicts) => Promise<void>;
  readonly #clock: Clock;
  readonly #counts = new Map<Verdict | "blocks", number>();
  /** Invalid shares of logins that had no good one since the last report, and the networks that they came from; 0 for those that had. */
  readonly #logins = new BoundedMap<string, { readonly invalid: number; readonly from: readonly string[] }>(
    MOST_LOGINS,
  );
  #toldAtMs = -Infinity;
  #isTrickle = true;
  #isTailSet = false;

  /** @param tell brings the counts to the pool's statistics; when it rejects they are kept for the next time */
  constructor(tell: (counts: SubmitCounts, logins: LoginVerdicts) => Promise<void>, clock: Clock) {
    this.#tell = tell;
    this.#clock = clock;
  }

  /**
   * @param staleBefore stale submits that came before this one and that no verifier saw
   * @param client who sent it; undefined where that is not known
   */
  count(verdict: ShareVerdict, staleBefore: number, login: string, client: Client | undefined): void {
    if (staleBefore > 0) this.#add("stale", staleBefore);
    const counted = countedAs(verdict);
    if (counted !== null) this.#add(counted, 1);
    if (verdict.kind === "accepted" && verdict.block) this.#add("blocks", 1);
    const known = this.#logins.get(login);
    if (verdict.kind === "accepted") this.#logins.set(login, { invalid: 0, from: [] });
    if (verdict.kind === "invalid" && known?.invalid !== 0) {
      const from = new Set([...(known?.from ?? []), ...(client === undefined ? [] : [networkOf(client)])]);
      this.#logins.set(login, { invalid: (known?.invalid ?? 0) + 1, from: [...from].slice(0, MOST_NETWORKS) });
    }
    if (this.#counts.size === 0) return;
    if (this.#clock.nowMs() - this.#toldAtMs >= REPORT_EVERY_MS) void this.#report();
    else if (this.#isTrickle && !this.#isTailSet) {
      this.#isTailSet = true;
      this.#clock.after(TAIL_MS, () => void this.#report());
    }
  }

  async #report(): Promise<void> {
    this.#isTailSet = false;
    const nowMs = this.#clock.nowMs();
    this.#isTrickle = nowMs - this.#toldAtMs > TRICKLE_MS;
    this.#toldAtMs = nowMs;
    const told = [...this.#counts];
    const logins = [...this.#logins];
    this.#counts.clear();
    this.#logins.clear();
    try {
      await this.#tell(Object.fromEntries(told), {
        invalid: Object.fromEntries(logins.flatMap(([login, { invalid }]) => (invalid > 0 ? [[login, invalid]] : []))),
        from: Object.fromEntries(logins.map(([login, { from }]) => [login, from])),
        good: logins.filter(([, { invalid }]) => invalid === 0).map(([login]) => login),
      });
    } catch {
      // Figures for charts; whoever restarts their keeper loses nothing but time.
      for (const [name, count] of told) this.#add(name, count);
    }
  }

  #add(name: Verdict | "blocks", count: number): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + count);
  }
}
