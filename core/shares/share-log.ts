import type { StoreEvents } from "../ledger/write-path/outbox-store.ts";
import type { Logger } from "../log.ts";
import { identityOf } from "../share-identity.ts";
import type { ShareSubmission, ShareVerdict } from "./share.ts";

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
