import { RunLoop, type RunClock } from "../run-loop.ts";
import type { PayerRun } from "./payer.ts";

export interface PayerLoopDeps extends RunClock {
  readonly run: () => Promise<PayerRun>;
  /** Another payer holds the lock: it has to be brought to its end. */
  readonly drain: (account: string) => Promise<void>;
}

/** While payments are under way: a block comes every 13 seconds or so. */
const SOON_MS = 15_000;
/** What settled is watched, and whoever waits is told, at least so often. */
const LATEST_MS = 600_000;

/** The payer's clock: an alarm at `payouts.interval`, sooner while payments are under way, and after ten minutes at the latest. */
export class PayerLoop extends RunLoop {
  constructor({ run, drain, ...clock }: PayerLoopDeps) {
    super({
      ...clock,
      name: "payer",
      intervalMs: Math.min(clock.intervalMs, LATEST_MS),
      run: async () => {
        const { soon, heldBy } = await run();
        if (heldBy !== null) await drain(heldBy);
        return soon ? Math.min(clock.intervalMs, SOON_MS) : null;
      },
    });
  }
}
