import * as v from "valibot";
import type { WorkSnapshot } from "./job.ts";

/** A difficulty as text: a decimal string. */
export const difficultySchema = v.pipe(
  v.string(),
  v.regex(/^[0-9]{1,78}$/),
  v.transform((text) => BigInt(text)),
);
const hash = v.pipe(v.string(), v.regex(/^0x[0-9a-f]{64}$/));
const count = v.pipe(v.number(), v.integer(), v.minValue(0));

/** A job as text. */
export const jobSchema = v.object({
  header: hash,
  seed: hash,
  height: count,
  networkDifficulty: difficultySchema,
  poolDifficulty: difficultySchema,
  classTable: v.picklist([0, 1]),
  sinceMs: v.exactOptional(v.number()),
  roundClosed: v.exactOptional(v.boolean()),
  solo: v.exactOptional(v.boolean()),
});

const snapshot = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({
    sequence: count,
    current: jobSchema,
    jobs: v.array(jobSchema),
    confirmedAtMs: v.number(),
    paused: v.exactOptional(v.boolean()),
    solo: v.exactOptional(v.boolean()),
    relays: v.exactOptional(count),
  }),
);

/** What was written is written once for thousands: of those who are sent it, and of the sessions of an isolate, which keep it each in a socket of its own. */
const texts = new WeakMap<WorkSnapshot, string>();

/** JSON, difficulties as decimal strings. */
export function jsonText(data: object): string {
  return JSON.stringify(data, (_key, value: unknown) => (typeof value === "bigint" ? value.toString() : value));
}

/** A snapshot as it goes through a WebSocket and into its attachment: JSON, difficulties as decimal strings. */
export function workText(work: WorkSnapshot): string {
  const known = texts.get(work);
  if (known !== undefined) return known;
  const text = jsonText(work);
  texts.set(work, text);
  return text;
}

/** Reads it. @returns null for what is no snapshot, or one of a version that this one does not know */
export function readWork(text: string): WorkSnapshot | null {
  const result = v.safeParse(snapshot, text);
  return result.success ? result.output : null;
}

/**
 * Reads work for many sessions: each of an isolate is sent the same text, and reading it a thousand times is what the last of them would
 * wait for. All get one snapshot, which nobody changes, and keep one in memory.
 */
export class WorkReader {
  #text: string | null = null;
  #work: WorkSnapshot | null = null;

  /** As {@link readWork}. */
  read(text: string): WorkSnapshot | null {
    if (text !== this.#text) [this.#text, this.#work] = [text, readWork(text)];
    return this.#work;
  }
}
