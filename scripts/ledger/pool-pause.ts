import { setTimeout as sleep } from "node:timers/promises";
import * as v from "valibot";
import { AdminError, requestAdmin } from "../admin/ask-pool.ts";

const PAUSE_WITHIN_MS = 60_000;
const ASK_AGAIN_MS = 500;

const ENDING = ["SIGINT", "SIGTERM"] as const;
const EXIT_ENDED = 130;

const pauseState = v.object({ paused: v.boolean(), waitingFor: v.array(v.string()) });

async function stateOf(pool: string): Promise<v.InferOutput<typeof pauseState>> {
  const { text } = await requestAdmin(pool, "pause");
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), pauseState), text);
  if (!parsed.success) throw new AdminError("the pool does not say whether it is paused");
  return parsed.output;
}

/** Lets a pool go on that {@link pauseFor} has paused. @param note for its log */
export async function resume(pool: string, note: string): Promise<void> {
  await requestAdmin(pool, "pause", { paused: false, login: null, note });
}

/**
 * Pauses a pool and waits until nothing is written any more.
 * @returns whether it was paused before, by the operator @throws AdminError where a part does not pause; then it goes on as before
 */
export async function pauseFor(pool: string, note: string): Promise<{ readonly wasPaused: boolean }> {
  const { paused: wasPaused } = await stateOf(pool);
  try {
    if (!wasPaused) await requestAdmin(pool, "pause", { paused: true, login: null, note });
    const until = Date.now() + PAUSE_WITHIN_MS;
    let { waitingFor } = await stateOf(pool);
    while (waitingFor.length > 0) {
      if (Date.now() > until) throw new AdminError(`these have not paused: ${waitingFor.join(", ")}`);
      await sleep(ASK_AGAIN_MS);
      ({ waitingFor } = await stateOf(pool));
    }
  } catch (error) {
    if (!wasPaused) await resume(pool, note);
    throw error;
  }
  return { wasPaused };
}

/** Nothing is written while `work` runs. A pool that the operator has paused stays so; one that goes on does so as well where this program is ended. */
export async function whilePaused(pool: string, work: () => Promise<void>): Promise<void> {
  const note = "ledger backup";
  const { paused: wasPaused } = await stateOf(pool);
  const goOn = async (): Promise<void> => {
    if (!wasPaused) await resume(pool, note);
  };
  // A schedule is stopped at any moment, also in the seconds of a copy.
  const end = (): void => void goOn().finally(() => process.exit(EXIT_ENDED));
  for (const signal of ENDING) process.once(signal, end);
  try {
    await pauseFor(pool, note);
    await work();
  } finally {
    for (const signal of ENDING) process.off(signal, end);
    await goOn();
  }
}
