import { duration } from "../units.ts";

/** What `/health` says of messages to operators and miners: everybody may read it. Unix times in ms. */
export interface NotificationsHealth {
  /** Messages that wait. */
  readonly waiting: number;
  /** Since when the oldest of them does; null where none waits. */
  readonly oldestMs: number | null;
  /** The operator's targets that take no messages, and since when. */
  readonly failing: readonly { readonly name: string; readonly sinceMs: number }[];
  /** Targets of miners that take none: their own business. */
  readonly minersFailing: number;
  /** When the pool was looked at last; null before the first time. */
  readonly lookedMs: number | null;
}

/** A target that has failed for so long is a problem, and told to the operator's others. */
export const TARGET_MS = 900_000;
/** Looks are a minute apart. */
const BLIND_MS = 300_000;

/** What every line here begins with: who is told of problems by message is not told of these. */
export const MESSAGES = "notifications: ";

/** What an operator has to know where messages may not reach him. @param health a text: the notifier does not answer */
export function notificationProblems(health: NotificationsHealth | string, nowMs: number): string[] {
  if (typeof health === "string") return [`${MESSAGES}the notifier does not answer: ${health}`];
  const { failing, lookedMs } = health;
  const late = failing.filter(({ sinceMs }) => nowMs - sinceMs >= TARGET_MS);
  const told = late.map(
    ({ name, sinceMs }) =>
      `${MESSAGES}no message has reached ${name} for ${time(nowMs - sinceMs)}: npm run admin -- notify says why`,
  );
  if (lookedMs !== null && nowMs - lookedMs > BLIND_MS)
    told.push(`${MESSAGES}the pool has not been looked at for ${time(nowMs - lookedMs)}: nobody is told of anything`);
  return told;
}

const time = (ms: number): string => duration(ms / 1000, true);
