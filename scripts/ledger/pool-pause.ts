import { setTimeout as sleep } from "node:timers/promises";
import * as v from "valibot";
import { AdminError, requestAdmin, strangeAnswer } from "../admin/ask-pool.ts";

const PAUSE_WITHIN_MS = 60_000;
const ASK_AGAIN_MS = 500;
/** For how long a pool is asked to go on: a part of it may just be starting. */
const RESUME_WITHIN_MS = 10_000;

const ENDING = ["SIGINT", "SIGTERM"] as const;
const EXIT_ENDED = 130;

const pauseState = v.object({ paused: v.boolean(), waitingFor: v.array(v.string()) });

/** A pause of a pool for a piece of work. */
export interface PoolPause {
  /** Resolves when nothing is written any more. @throws AdminError where a part does not pause; then it goes on as before */
  readonly begin: () => Promise<void>;
  /** The pool goes on, but for one that its operator had paused before. @throws AdminError where it does not, with what to do */
  readonly goOn: () => Promise<void>;
}

async function stateOf(pool: string): Promise<v.InferOutput<typeof pauseState>> {
  const response = await requestAdmin(pool, "pause");
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), pauseState), response.text);
  if (!parsed.success) throw strangeAnswer(response);
  return parsed.output;
}

/** Looks whether a pool is paused already. @param note why it is to be, for its log @throws AdminError */
export async function pauseOf(pool: string, note: string): Promise<PoolPause> {
  const { paused: wasPaused } = await stateOf(pool);
  const goOn = async (): Promise<void> => {
    if (!wasPaused) await tellUntil(pool, { paused: false, note, withinMs: RESUME_WITHIN_MS });
  };
  const begin = async (): Promise<void> => {
    try {
      if (!wasPaused) await tellUntil(pool, { paused: true, note, withinMs: 0 });
      const until = Date.now() + PAUSE_WITHIN_MS;
      let { waitingFor } = await stateOf(pool);
      while (waitingFor.length > 0) {
        if (Date.now() > until) throw new AdminError(`these have not paused: ${waitingFor.join(", ")}`);
        await sleep(ASK_AGAIN_MS);
        ({ waitingFor } = await stateOf(pool));
      }
    } catch (error) {
      await after(error, goOn);
    }
  };
  return { begin, goOn };
}

/** @throws the error again, with what else went wrong in its text */
export async function after(error: unknown, goOn: () => Promise<void>): Promise<never> {
  try {
    await goOn();
  } catch (second) {
    throw new AdminError(
      [error, second].map((each) => (each instanceof Error ? each.message : String(each))).join("; "),
    );
  }
  throw error;
}

interface Wanted {
  readonly paused: boolean;
  readonly note: string;
  readonly withinMs: number;
}

async function tellUntil(pool: string, { paused, note, withinMs }: Wanted): Promise<void> {
  for (const until = Date.now() + withinMs; ; await sleep(ASK_AGAIN_MS)) {
    try {
      // An answer may be lost where the pool has done it: what it says of its state counts.
      const said = await requestAdmin(pool, "pause", { paused, login: null, note }).then(
        strangeAnswer,
        (lost: unknown) => lost,
      );
      if ((await stateOf(pool)).paused === paused) return;
      throw said;
    } catch (error) {
      if (Date.now() < until) continue;
      if (paused) throw error;
      throw new AdminError(
        `the pool may be paused still (${error instanceof Error ? error.message : String(error)}): npm run -s admin -- ${pool} resume --note "…"`,
      );
    }
  }
}

/** Nothing is written while `work` runs. A pool that the operator has paused stays so; one that goes on does so as well where this program is ended. */
export async function whilePaused(pool: string, work: () => Promise<void>): Promise<void> {
  const pause = await pauseOf(pool, "ledger backup");
  let begun: Promise<void> = Promise.resolve();
  // A schedule is stopped at any moment, also in the seconds of a copy.
  const end = (): void =>
    void begun
      .catch(() => undefined)
      .then(pause.goOn)
      .catch((error: unknown) => void process.stderr.write(`ledger: ${String(error)}\n`))
      .finally(() => process.exit(EXIT_ENDED));
  for (const signal of ENDING) process.once(signal, end);
  try {
    begun = pause.begin();
    await begun;
    try {
      await work();
      if (!(await stateOf(pool)).paused)
        throw new AdminError("somebody let the pool go on meanwhile: the copy may be of no one moment");
    } catch (error) {
      await after(error, pause.goOn);
    }
    await pause.goOn();
  } finally {
    for (const signal of ENDING) process.off(signal, end);
  }
}
