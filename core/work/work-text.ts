import * as v from "valibot";
import type { WorkSnapshot } from "./job.ts";

const integer = v.pipe(
  v.string(),
  v.regex(/^[0-9]{1,78}$/),
  v.transform((text) => BigInt(text)),
);
const hash = v.pipe(v.string(), v.regex(/^0x[0-9a-f]{64}$/));
const count = v.pipe(v.number(), v.integer(), v.minValue(0));

const job = v.object({
  header: hash,
  seed: hash,
  height: count,
  networkDifficulty: integer,
  poolDifficulty: integer,
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
    current: job,
    jobs: v.array(job),
    confirmedAtMs: v.number(),
    paused: v.exactOptional(v.boolean()),
    solo: v.exactOptional(v.boolean()),
    relays: v.exactOptional(count),
  }),
);

/** A snapshot as it goes through a WebSocket and into its attachment: JSON, difficulties as decimal strings. */
export function workText(work: WorkSnapshot): string {
  return JSON.stringify(work, (_key, value: unknown) => (typeof value === "bigint" ? value.toString() : value));
}

/** Reads it. @returns null for what is no snapshot, or one of a version that this one does not know */
export function readWork(text: string): WorkSnapshot | null {
  const result = v.safeParse(snapshot, text);
  return result.success ? result.output : null;
}
