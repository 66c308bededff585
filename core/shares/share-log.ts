import { shareId, type Logger } from "../log.ts";
import type { ShareSubmission, ShareVerdict } from "./share.ts";

/**
 * One line a judged submission, or none: logs are billed by the line, so it is off unless the operator switches `log.shares` on.
 * The field `share` is the correlation id under which the session, the verifier and the ledger know the same share.
 */
export function shareLog(
  log: Logger,
  enabled: boolean,
): (share: ShareSubmission, verdict: ShareVerdict, tookMs: number) => void {
  if (!enabled) return () => undefined;
  return (share, verdict, tookMs) =>
    log.info("share", {
      share: shareId(share),
      verdict: verdict.kind,
      block: verdict.kind === "accepted" && verdict.block ? true : undefined,
      reason: verdict.kind === "unavailable" ? verdict.reason : undefined,
      height: share.job.height,
      difficulty: share.shareDifficulty,
      retry: share.retry ? true : undefined,
      tookMs,
    });
}
