import type { Clock } from "../clock.ts";
import type { SubmitCounts, Verdict } from "../history/definitions.ts";
import type { StoreEvents } from "../ledger/write-path/outbox-store.ts";
import type { Logger } from "../log.ts";
import { identityOf } from "../share-identity.ts";
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

/** Short, because the pending timer keeps the shard from leaving memory, and with it its light cache's place. */
const REPORT_EVERY_MS = 5000;

/**
 * Counts a shard's verdicts and tells the pool's statistics every five seconds: at most $0.08 a month for a shard, whatever the share rate, and
 * nothing while nobody submits. An object without a pending timer may leave memory after 10 s; this one's counts are told by then.
 */
export class VerdictReporter {
  readonly #tell: (counts: SubmitCounts) => Promise<void>;
  readonly #clock: Clock;
  readonly #counts = new Map<Verdict | "blocks", number>();
  #pending = false;

  /** @param tell brings the counts to the pool's statistics; when it rejects they are kept for the next time */
  constructor(tell: (counts: SubmitCounts) => Promise<void>, clock: Clock) {
    this.#tell = tell;
    this.#clock = clock;
  }

  /** @param staleBefore stale submits that came before this one and that no verifier saw */
  count(verdict: ShareVerdict, staleBefore: number): void {
    if (staleBefore > 0) this.#add("stale", staleBefore);
    const counted = countedAs(verdict);
    if (counted !== null) this.#add(counted, 1);
    if (verdict.kind === "accepted" && verdict.block) this.#add("blocks", 1);
    if (this.#counts.size > 0) this.#arm();
  }

  #arm(): void {
    if (this.#pending) return;
    this.#pending = true;
    this.#clock.after(REPORT_EVERY_MS, () => void this.#report());
  }

  async #report(): Promise<void> {
    this.#pending = false;
    const told = [...this.#counts];
    this.#counts.clear();
    try {
      await this.#tell(Object.fromEntries(told));
    } catch {
      // Figures for charts; whoever restarts their keeper loses nothing but time.
      for (const [name, count] of told) this.#add(name, count);
      this.#arm();
    }
  }

  #add(name: Verdict | "blocks", count: number): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + count);
  }
}
