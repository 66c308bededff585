import { RunLoop, type RunClock } from "./run-loop.ts";
import type { BlockUnlocker } from "./unlocker.ts";
import { readState, type UnlockerState } from "./unlocker-state.ts";
import { statusOf, type UnlockerStatus } from "./unlocker-status.ts";

export interface UnlockerLoopDeps extends RunClock {
  readonly unlocker: Pick<BlockUnlocker, "run">;
  readonly store: { read(): unknown; write(state: UnlockerState): void };
}

/** The next run comes at once where more blocks are due: long enough for others to be served between. */
const SOON_MS = 1_000;

/** The unlocker's clock: an alarm at `unlocker.interval`, or at once. */
export class UnlockerLoop extends RunLoop {
  readonly #store: UnlockerLoopDeps["store"];

  constructor({ unlocker, store, ...clock }: UnlockerLoopDeps) {
    super({
      ...clock,
      name: "unlocker",
      run: async () => {
        const { state, more } = await unlocker.run(readState(store.read()));
        store.write(state);
        return more ? SOON_MS : null;
      },
    });
    this.#store = store;
  }

  status(): UnlockerStatus {
    return statusOf(readState(this.#store.read()));
  }
}
