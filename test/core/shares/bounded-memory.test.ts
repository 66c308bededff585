import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import type { LedgerWriter } from "../../../core/ledger/contract/records.ts";
import { RedisReplyError } from "../../../core/ledger/contract/redis-port.ts";
import { VerdictTally } from "../../../core/shares/verdict-tally.ts";
import { nodeSql } from "../../../scripts/ledger/node-sql.ts";
import { VirtualClock } from "../../support/virtual-clock.ts";
import { Life } from "./life.ts";
import { makeRecord } from "./make-record.ts";

/** Of the heap, after what nobody has any more was collected. */
function heapBytes(): number {
  setFlagsFromString("--expose-gc");
  const collect: unknown = runInNewContext("gc");
  if (typeof collect !== "function") throw new TypeError("no gc");
  Reflect.apply(collect, undefined, []);
  return process.memoryUsage().heapUsed;
}

const MB = 2 ** 20;

describe("what a verifier remembers", () => {
  it("of shares that waited in the outbox is gone once the ledger has them, however many outages there were", async () => {
    const clock = new VirtualClock();
    let away = true;
    const writer: LedgerWriter = {
      serverChanges: 0,
      billedCommands: 0,
      workAt: () => undefined,
      closedHeight: async () => -1,
      explainRefusal: async () => ({ shared: null, own: null }),
      recordShares: async (batch) => {
        if (away) throw new RedisReplyError("ERR quota exceeded");
        return batch.map(() => "recorded");
      },
      recordBlock: async () => "recorded",
    };
    const life = new Life(nodeSql(), { connect: () => writer }, clock, () => 0.5);
    let sent = 0;
    /** Shares of 500 heights: each has a header of its own in the index. */
    const outage = async () => {
      away = true;
      for (let some = 0; some < 500; some += 1) {
        sent += 1;
        const record = makeRecord(sent % 20, sent, sent, sent);
        void life.commit.commit({ kind: "share", record, retry: false, heldId: null });
      }
      await clock.pass(5_000);
      const waited = life.outbox.depth;
      away = false;
      // And nothing of it is among what was written last.
      await clock.pass(120_000);
      return waited;
    };
    for (let one = 0; one < 10; one += 1) expect(await outage()).toBe(500);
    const before = heapBytes();
    for (let one = 0; one < 40; one += 1) await outage();
    expect(life.outbox.depth).toBe(0);
    // 20,000 headers with a nonce each would be some 8 MB.
    expect(heapBytes() - before).toBeLessThan(2 * MB);
  });

  it("of verdicts names 64 logins and four networks of each, for as long as nobody asks, and in its row too", () => {
    let row: unknown;
    let nowMs = 0;
    const store = { read: () => row, write: (value: object) => void (row = structuredClone(value)) };
    const tally = new VerdictTally(store, () => nowMs);
    for (let at = 0; at < 20_000; at += 1) {
      nowMs += 1_000;
      tally.count({ kind: "invalid" }, 0, `0x${at % 1_000}`, `192.0.${Math.floor(at / 1_000)}.1`);
      // Whoever asked went away with the answer.
      if (at % 100 === 0) tally.report(0);
    }
    const report = tally.report(0);
    expect(report?.counts).toEqual({ invalid: 20_000 });
    expect(Object.keys(report?.logins.from ?? {})).toHaveLength(64);
    for (const networks of Object.values(report?.logins.from ?? {})) expect(networks.length).toBeLessThanOrEqual(4);
    expect(JSON.stringify(row).length).toBeLessThan(16_384);
  });
});
