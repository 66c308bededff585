import { describe, expect, it } from "vitest";
import { nodeSql } from "../../../scripts/ledger/node-sql.ts";
import { FaultyLedger, type Fault } from "../../support/faulty-ledger.ts";
import { VirtualClock } from "../../support/virtual-clock.ts";
import { Life } from "./life.ts";
import { makeBlock, makeRecord } from "./make-record.ts";

const BAD = 3;
const loginOf = (miner: number) => makeRecord(miner, 0, 0).login;
const share = (miner: number, ms: number, proof = ms) => ({
  kind: "share" as const,
  record: makeRecord(miner, ms, proof),
  retry: false,
  heldId: null,
});
const blockOf = (miner: number, ms: number) => ({
  kind: "block" as const,
  record: makeBlock(miner, ms, ms),
  retry: false,
  heldId: null,
});

function setUp(faults: Fault[] = []) {
  const clock = new VirtualClock();
  const sql = nodeSql();
  const ledger = new FaultyLedger(clock, () => faults.shift() ?? { kind: "none", delayMs: 10 });
  const start = () => new Life(sql, ledger, clock, () => 0.5);
  return { clock, sql, ledger, start, faults };
}

/** One share of each of eight miners, a second apart in rounds. */
async function mine(life: Life, clock: VirtualClock, rounds: number, from = 1): Promise<string[]> {
  const answers: Promise<string>[] = [];
  for (let round = 0; round < rounds; round++) {
    for (let miner = 0; miner < 8; miner++)
      answers.push(life.commit.commit(share(miner, 1000 * (from + round) + miner)).catch((error) => String(error)));
    await clock.pass(1_000);
  }
  return Promise.all(answers);
}

describe("a login whose key Redis refuses", () => {
  // Case A6: 645 of 648 acknowledged shares of a shard were stuck.
  it("waits alone: the others' shares are written, and it is named with the key that stands in the way", async () => {
    const { clock, ledger, start } = setUp();
    ledger.refusedLogins.add(loginOf(BAD));
    const life = start();
    const answers = await mine(life, clock, 20);
    expect(new Set(answers)).toEqual(new Set(["recorded"]));
    expect(ledger.credits).toHaveLength(7 * 20);
    expect([life.outbox.waiting, life.outbox.setAside, life.outbox.failing]).toEqual([0, 20, false]);
    expect(life.outbox.refusedLogins.map(({ login }) => login)).toEqual([loginOf(BAD)]);
    expect(life.outbox.refusedLogins[0]?.reason).toBe(
      `WRONGTYPE Operation against a key holding the wrong kind of value (eth:hashrate:${loginOf(BAD)} is a string, and must be a sorted set)`,
    );
  });

  it("costs the others no second write once it is known", async () => {
    const { clock, ledger, start } = setUp();
    ledger.refusedLogins.add(loginOf(BAD));
    const life = start();
    await mine(life, clock, 1);
    const before = ledger.requests;
    await mine(life, clock, 5, 2);
    // Eight at a time: the first alone, the rest together; no attempt at the one that is refused.
    expect(ledger.requests - before).toBeLessThanOrEqual(10);
  });

  it("is tried again, more and more rarely, and is credited once when the key is mended", async () => {
    const { clock, ledger, start } = setUp();
    ledger.refusedLogins.add(loginOf(BAD));
    const life = start();
    await mine(life, clock, 10);
    const before = ledger.requests;
    await clock.pass(3_600_000);
    expect(ledger.requests - before).toBeGreaterThan(5);
    expect(ledger.requests - before).toBeLessThan(20);
    ledger.refusedLogins.clear();
    await clock.pass(600_000);
    expect(ledger.credits).toHaveLength(80);
    expect(new Set(ledger.credits).size).toBe(80);
    expect([life.outbox.depth, life.outbox.setAside, life.outbox.refusedLogins]).toEqual([0, 0, []]);
    await mine(life, clock, 1, 50);
    expect(ledger.credits).toHaveLength(88);
  });

  it("is tried again soon where an outage left its records in many writes, all of which were refused in one moment", async () => {
    const { clock, ledger, start } = setUp(Array.from({ length: 4 }, () => ({ kind: "refused" })));
    ledger.refusedLogins.add(loginOf(BAD));
    const life = start();
    const answers: Promise<string>[] = [];
    for (let ms = 1_000; ms <= 6_000; ms += 1_000) {
      // A block is a write of its own, so that each of these shares is one, too.
      answers.push(life.commit.commit(share(BAD, ms)), life.commit.commit(blockOf(4, ms + 500)));
      await clock.pass(10);
    }
    expect(new Set(await Promise.all(answers))).toEqual(new Set(["recorded"]));
    while (life.outbox.waiting > 0) await clock.pass(100);
    expect(life.outbox.setAside).toBe(6);
    ledger.refusedLogins.clear();
    await clock.pass(15_000);
    expect([life.outbox.depth, ledger.credits.length]).toEqual([0, 12]);
  });

  it("stays set aside over the end of the object, and what it had is not taken twice", async () => {
    const { clock, ledger, start } = setUp();
    ledger.refusedLogins.add(loginOf(BAD));
    const first = start();
    await mine(first, clock, 3);
    first.kill();
    const second = start();
    expect(second.outbox.refusedLogins).toHaveLength(1);
    expect(second.outbox.setAside).toBe(3);
    const again = { ...share(BAD, 1000 + BAD), retry: true };
    expect(await second.commit.commit(again)).toBe("recorded");
    expect(await second.commit.commit(share(5, 99_000, 1000 + BAD))).toBe("duplicate");
    ledger.refusedLogins.clear();
    await clock.pass(600_000);
    expect(ledger.credits).toHaveLength(24);
    expect(new Set(ledger.credits).size).toBe(24);
  });

  it.each([
    ["lost before it was executed", "lostBefore"],
    ["executed, and its answer lost", "lostAfter"],
  ] as const)("is credited once when the attempt that could go through is %s", async (_, kind) => {
    const { clock, ledger, start, faults } = setUp();
    ledger.refusedLogins.add(loginOf(BAD));
    const life = start();
    await mine(life, clock, 3);
    ledger.refusedLogins.clear();
    faults.push({ kind, delayMs: 50 });
    await clock.pass(50_000);
    life.kill();
    const second = start();
    await clock.pass(1_200_000);
    expect(second.outbox.depth).toBe(0);
    expect(ledger.credits).toHaveLength(24);
    expect(new Set(ledger.credits).size).toBe(24);
  });

  it("keeps its blocks too, and nobody else's", async () => {
    const { clock, ledger, start } = setUp();
    ledger.refusedLogins.add(loginOf(BAD));
    const life = start();
    const answers = [life.commit.commit(blockOf(BAD, 5)), life.commit.commit(blockOf(4, 6))];
    await clock.pass(5_000);
    expect(await Promise.all(answers)).toEqual(["recorded", "recorded"]);
    expect(ledger.candidates).toHaveLength(1);
    ledger.refusedLogins.clear();
    await clock.pass(60_000);
    expect(ledger.candidates).toHaveLength(2);
    expect(life.outbox.depth).toBe(0);
  });

  it("is not blamed for a key that all share: then the ledger is sick, and everything waits in order", async () => {
    const { clock, ledger, start } = setUp();
    ledger.refusesAll = true;
    const life = start();
    await mine(life, clock, 3);
    expect(life.outbox.refusedLogins).toEqual([]);
    expect([life.outbox.waiting, life.outbox.failing]).toEqual([24, true]);
    expect(String(life.failures.at(-1))).toContain("eth:stats is a string, and must be a hash");
    ledger.refusesAll = false;
    await clock.pass(10_000);
    expect(ledger.credits).toHaveLength(24);
  });

  it("is found while the ledger goes away in the middle of the search", async () => {
    for (const kind of ["refused", "lostBefore", "lostAfter"] as const)
      for (let good = 0; good < 6; good++) {
        const fine: Fault = { kind: "none", delayMs: 10 };
        const fault: Fault = kind === "refused" ? { kind } : { kind, delayMs: 20 };
        const { clock, ledger, start, faults } = setUp();
        ledger.refusedLogins.add(loginOf(BAD));
        faults.push(...Array.from({ length: good + 2 }, () => fine), fault);
        const life = start();
        await mine(life, clock, 3);
        await clock.pass(20_000);
        expect(life.outbox.waiting).toBe(0);
        expect(new Set(ledger.credits).size).toBe(21);
        expect(ledger.credits).toHaveLength(21);
        expect(life.outbox.setAside).toBe(3);
      }
  });

  // Upstash: the record (a login's hashrate set) has grown to 100 MB. No key has a wrong type, and nothing else tells.
  it("is found where the text of the refusal says that it is about a record", async () => {
    const { clock, ledger, start } = setUp();
    ledger.refusal = "ERR max single record size exceeded";
    ledger.explains = false;
    ledger.refusedLogins.add(loginOf(BAD));
    const life = start();
    await mine(life, clock, 5);
    expect(life.outbox.refusedLogins).toMatchObject([{ login: loginOf(BAD), reason: ledger.refusal }]);
    expect(ledger.credits).toHaveLength(35);
  });

  it("is not looked for while all are refused so: it is a record that all share", async () => {
    const { clock, ledger, start } = setUp();
    ledger.refusal = "ERR max single record size exceeded";
    ledger.explains = false;
    for (let miner = 0; miner < 8; miner++) ledger.refusedLogins.add(loginOf(miner));
    const life = start();
    await mine(life, clock, 1);
    await clock.pass(5_000);
    expect(life.outbox.refusedLogins.length).toBeLessThanOrEqual(1);
    expect(life.outbox.failing).toBe(true);
  });

  it.each([
    "ERR max daily request limit exceeded. Limit: 10000",
    "OOM command not allowed",
    "BUSY Redis is busy running a script",
    "READONLY You can't write",
  ])("is not looked for where the server refuses everybody: %s", async (refusal) => {
    const { clock, ledger, start } = setUp();
    ledger.refusal = refusal;
    ledger.explains = false;
    for (let miner = 0; miner < 8; miner++) ledger.refusedLogins.add(loginOf(miner));
    const life = start();
    await mine(life, clock, 3);
    const before = ledger.requests;
    await clock.pass(60_000);
    // One request every three seconds, and no search by halves.
    expect(ledger.requests - before).toBeLessThan(25);
    expect(life.outbox.refusedLogins).toEqual([]);
    ledger.refusedLogins.clear();
    await clock.pass(5_000);
    expect(ledger.credits).toHaveLength(24);
  });
});
