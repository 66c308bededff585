import type { Logger } from "../../core/log.ts";
import * as v from "valibot";
import type { TemplateStore } from "../../core/work/template-ports.ts";
import { type HeaderTerms, withTerms } from "../../core/work/job.ts";
import { EMPTY_TEMPLATE } from "../../core/work/template.ts";

const KEY = "template";
const RELAYS = "relays";
const VERSION = 1;

const hash = v.pipe(v.string(), v.regex(/^0x[0-9a-f]{64}$/));
const stored = v.object({
  version: v.literal(VERSION),
  sequence: v.number(),
  confirmedAtMs: v.number(),
  jobs: v.array(
    v.object({
      header: hash,
      seed: hash,
      height: v.number(),
      networkDifficulty: v.bigint(),
      // Left out by objects of before headers had terms.
      poolDifficulty: v.exactOptional(v.bigint()),
      classTable: v.exactOptional(v.picklist([0, 1])),
      roundClosed: v.exactOptional(v.boolean()),
      solo: v.exactOptional(v.boolean()),
      sinceMs: v.exactOptional(v.number()),
      node: v.nullable(v.string()),
      learnedAtMs: v.number(),
    }),
  ),
});

/**
 * Keeps the template in the object's SQLite: one row a job, because the whole state is one value, and one row a subscriber.
 * The table has no row ids, so that its key is no second row to pay for.
 * @param terms of stored headers that have none
 */
export function createTemplateStore(storage: DurableObjectStorage, terms: HeaderTerms, log: Logger): TemplateStore {
  storage.sql.exec("CREATE TABLE IF NOT EXISTS subscriber (name TEXT PRIMARY KEY) WITHOUT ROWID");
  return {
    load() {
      const value = storage.kv.get(KEY);
      const result = v.safeParse(stored, value);
      if (result.success) {
        const { sequence, confirmedAtMs, jobs } = result.output;
        return { sequence, confirmedAtMs, jobs: jobs.map((job) => withTerms(job, terms)) };
      }
      // Of another version, or damaged: the first poll brings work. The count must go on all the same.
      if (value !== undefined)
        log.warn("stored work that this version cannot read is not used", { reason: result.issues[0].message });
      const { sequence } = v.parse(v.fallback(v.object({ sequence: v.number() }), EMPTY_TEMPLATE), value);
      return { ...EMPTY_TEMPLATE, sequence };
    },
    // Unconfirmed: the pushes that follow must not wait until the write is durable. What a crash can lose of it, the next poll brings.
    save: ({ sequence, jobs, confirmedAtMs }) =>
      void storage.put(KEY, { version: VERSION, sequence, jobs, confirmedAtMs }, { allowUnconfirmed: true }),
    subscribers: () =>
      storage.sql
        .exec<{ name: string }>("SELECT name FROM subscriber")
        .toArray()
        .map(({ name }) => name),
    addSubscriber: (name) => void storage.sql.exec("INSERT OR IGNORE INTO subscriber VALUES (?)", name),
    relays: () => v.parse(v.fallback(v.number(), 0), storage.kv.get(RELAYS)),
    saveRelays: (count) => storage.kv.put(RELAYS, count),
    removeSubscriber: (name) => void storage.sql.exec("DELETE FROM subscriber WHERE name = ?", name),
  };
}
