/** What a check came to. `warn` can wait for the morning; `skipped` could not be looked at, and says why. */
export type Outcome = "ok" | "warn" | "fail" | "skipped";

/** One line of the doctor's. */
export interface Finding {
  /** Stable name, for scripts: `health`, `miner es1 bridge`, … */
  readonly check: string;
  readonly outcome: Outcome;
  readonly found: string;
  /** What to do; null where there is nothing to do. */
  readonly fix: string | null;
}

export const ok = (check: string, found: string): Finding => ({ check, outcome: "ok", found, fix: null });
export const warn = (check: string, found: string, fix: string): Finding => ({ check, outcome: "warn", found, fix });
export const fail = (check: string, found: string, fix: string): Finding => ({ check, outcome: "fail", found, fix });
/** @param fix what would let it be looked at */
export const skipped = (check: string, found: string, fix: string | null = null): Finding => ({
  check,
  outcome: "skipped",
  found,
  fix,
});
