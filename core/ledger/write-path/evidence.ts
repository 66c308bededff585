/** How often the expiration of a login's hashrate key is renewed at most. */
const EXPIRE_REFRESH_MS = 600_000;

/** What clocks of different machines and the request itself may take away from the evidence window. */
const CLOCK_MARGIN_MS = 60_000;

/** What the evidence must bridge besides the configured time-outs: an outage, cron's next run after a restart, a pause between attempts. */
const OUTAGE_MS = 600_000;
const RESTART_MS = 60_000;
const PAUSE_MS = 4_000;

/** What decides how long a share's hashrate entry can be relied on. */
export interface EvidenceLimits {
  /** Life of a login's hashrate key from its last renewal. */
  readonly hashrateExpirationMs: number;
  /** Entries older than this are purged. */
  readonly hashrateLargeWindowMs: number;
}

/** How often a login's expiration needs to be renewed. */
export function renewalMs(hashrateExpirationMs: number): number {
  return Math.min(EXPIRE_REFRESH_MS, hashrateExpirationMs / 4);
}

/** For so long after a share its entry is certainly there, if it was written: the evidence that a retry looks for. */
export function evidenceMs({ hashrateExpirationMs, hashrateLargeWindowMs }: EvidenceLimits): number {
  // The key lives for one expiration from its last renewal, and that may be one interval older than an entry in it.
  const lives = hashrateExpirationMs - renewalMs(hashrateExpirationMs);
  return Math.min(lives, hashrateLargeWindowMs) - CLOCK_MARGIN_MS;
}

/** The least that either limit may be, in whole minutes of ms: shorter, a share could outlive its evidence on its way into the ledger. */
export function leastEvidenceLimits(waits: {
  readonly queueTimeoutMs: number;
  readonly ledgerTimeoutMs: number;
}): EvidenceLimits {
  const { queueTimeoutMs, ledgerTimeoutMs } = waits;
  const needed = CLOCK_MARGIN_MS + queueTimeoutMs + 2 * ledgerTimeoutMs + PAUSE_MS + RESTART_MS + OUTAGE_MS;
  // What renewalMs takes away is a quarter below 40 minutes, and ten minutes beyond.
  const expiration = needed <= 3 * EXPIRE_REFRESH_MS ? (needed * 4) / 3 : needed + EXPIRE_REFRESH_MS;
  return { hashrateExpirationMs: wholeMinutes(expiration), hashrateLargeWindowMs: wholeMinutes(needed) };
}

/**
 * Entries older than this may be summed up: an outage as long as the evidence must bridge, twice, is over, and what is shown of single shares is
 * not changed.
 */
export function foldAfterMs(config: {
  readonly api: { readonly hashrateWindowMs: number };
  readonly verifier: { readonly queueTimeoutMs: number };
  readonly ledger: { readonly timeoutMs: number };
}): number {
  const { api, verifier, ledger } = config;
  const { hashrateLargeWindowMs: least } = leastEvidenceLimits({
    queueTimeoutMs: verifier.queueTimeoutMs,
    ledgerTimeoutMs: ledger.timeoutMs,
  });
  return Math.max(api.hashrateWindowMs, 2 * least);
}

function wholeMinutes(ms: number): number {
  return Math.ceil(ms / 60_000) * 60_000;
}
