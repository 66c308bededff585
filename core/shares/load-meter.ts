/** A share that has waited so long for its verification has waited for others' hashes, not for company. */
export const SLOW_MS = 200;
const PERIOD_MS = 60_000;
const PERIODS = 5;

/** What a verifier has had to do over the last minutes. */
export interface VerifierLoad {
  /** Full verifications of shares that came with a claim. */
  readonly sharesPerSecond: number;
  /** Of them, how many percent waited longer than {@link SLOW_MS}, while the light cache was there. */
  readonly slowPercent: number;
}

/** Counts waits over the last five minutes. In production a clock tells nothing of computing, but it tells when an answer was ready. */
export class LoadMeter {
  readonly #startMs: number;
  readonly #periods = new Map<number, { shares: number; slow: number }>();

  constructor(nowMs: number) {
    this.#startMs = nowMs;
  }

  /** A share was verified after so long. */
  verified(waitedMs: number, nowMs: number): void {
    const period = Math.floor(nowMs / PERIOD_MS);
    for (const old of this.#periods.keys()) if (old <= period - PERIODS) this.#periods.delete(old);
    const counts = this.#periods.get(period) ?? { shares: 0, slow: 0 };
    counts.shares += 1;
    if (waitedMs > SLOW_MS) counts.slow += 1;
    this.#periods.set(period, counts);
  }

  load(nowMs: number): VerifierLoad {
    const firstPeriod = Math.floor(nowMs / PERIOD_MS) - PERIODS + 1;
    const recent = [...this.#periods].filter(([period]) => period >= firstPeriod).map(([, counts]) => counts);
    const shares = recent.reduce((sum, counts) => sum + counts.shares, 0);
    const slow = recent.reduce((sum, counts) => sum + counts.slow, 0);
    const seconds = Math.max(1, (nowMs - Math.max(this.#startMs, firstPeriod * PERIOD_MS)) / 1_000);
    const slowPercent = shares === 0 ? 0 : (100 * slow) / shares;
    return { sharesPerSecond: rounded(shares / seconds), slowPercent: rounded(slowPercent) };
  }
}

const rounded = (value: number): number => Math.round(value * 10) / 10;
