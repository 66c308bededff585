import { Ethash, meetsTarget, targetOf } from "@edgepool/ethash-wasm";
import { loadKernel } from "@edgepool/ethash-wasm/node";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { OutboxStore } from "../../../core/ledger/write-path/outbox-store.ts";
import { createLogger } from "../../../core/log.ts";
import { CacheKeeper, type PowKernel } from "../../../core/shares/cache-keeper.ts";
import { ShareProcessor, type ShareProcessorOptions } from "../../../core/shares/share-processor.ts";
import type { ShareVerdict } from "../../../core/shares/share.ts";
import type { SubmitWorkResult } from "../../../core/work/node-client.ts";
import { FaultyLedger, type Fault } from "../../support/faulty-ledger.ts";
import { nodeSql } from "../../../scripts/ledger/node-sql.ts";
import { kernelAt } from "../../support/pow.ts";
import { makeJob, meets, LONG_CHAIN, solutions, submission } from "../../support/proofs.ts";
import { virtualAlarm } from "../../support/virtual-alarm.ts";
import { settled, VirtualClock } from "../../support/virtual-clock.ts";

// Light caches are really built here, on a machine that may be busy.
vi.setConfig({ testTimeout: 120_000 });

const NETWORK = 64n;
const job = makeJob(3, NETWORK);
const shareOnly = meets(2n, NETWORK);
let warm: Ethash;
let shares: { nonce: string; mixDigest: string }[];
let blocks: { nonce: string; mixDigest: string }[];

/** The first `count` of a generator. */
function take<T>(from: Generator<T>, count: number): T[] {
  return Array.from({ length: count }, () => from.next().value as T);
}

beforeAll(() => {
  warm = kernelAt(LONG_CHAIN, 3);
  shares = take(solutions(warm, job, 0n, shareOnly), 40);
  blocks = take(solutions(warm, job, 1n << 32n, meets(NETWORK)), 3);
});

/** When the chain is asked is in block-path.test.ts. */
const notAsked = (): Promise<never> => Promise.reject(new Error("the chain must not be asked"));

function setUp(options: Partial<ShareProcessorOptions> & { faults?: Fault[]; answers?: SubmitWorkResult[] } = {}) {
  const clock = new VirtualClock();
  const sql = nodeSql();
  const faults = [...(options.faults ?? [])];
  const ledger = new FaultyLedger(clock, () => faults.shift() ?? { kind: "none", delayMs: 10 });
  const offered: string[] = [];
  const answers = [...(options.answers ?? [])];
  const log: string[] = [];
  let refreshed = 0;
  const start = (more: Partial<ShareProcessorOptions> = {}): ShareProcessor & { kill(): void } => {
    let alive = true;
    const own = {
      nowMs: () => clock.nowMs(),
      after: (delayMs: number, work: () => void) => clock.after(delayMs, () => alive && work()),
    };
    const bell = virtualAlarm(own, () => verifier.wake());
    const verifier: ShareProcessor = new ShareProcessor({
      chain: LONG_CHAIN,
      keeper: new CacheKeeper(() => warm, 40 << 20),
      store: new OutboxStore({
        ...sql,
        exec: (statement, ...parameters) => {
          if (!alive) throw new Error("this life is over");
          return sql.exec(statement, ...parameters);
        },
      }),
      writer: ledger.connect(() => alive),
      nodes: [
        {
          name: "main",
          submitWork: async (nonce) => {
            offered.push(nonce);
            return answers.shift() ?? { kind: "accepted" };
          },
          findBlock: notAsked,
        },
      ],
      clock: own,
      random: () => 0.5,
      commitIntervalMs: 0,
      outboxBound: 1000,
      queueBound: 100,
      queueTimeoutMs: 30_000,
      wakeAt: (atMs) => bell.ringAt(atMs),
      onBlock: () => (refreshed += 1),
      onClosing: async () => undefined,
      onRefuted: () => undefined,
      log: createLogger({ level: "info", sink: (line) => log.push(line), now: () => clock.nowMs() }),
      ...options,
      ...more,
    });
    return Object.assign(verifier, { kill: () => (alive = false) });
  };
  return { clock, sql, ledger, offered, log, start, refreshed: () => refreshed, heal: () => (faults.length = 0) };
}

async function verdictsOf(clock: VirtualClock, promises: Promise<ShareVerdict>[]): Promise<ShareVerdict[]> {
  await clock.pass(100);
  return Promise.all(promises);
}

const accepted = { kind: "accepted", block: false };
const block = { kind: "accepted", block: true };

describe("the way of a share", () => {
  it("gives every verdict that there is", async () => {
    const { clock, ledger, start } = setUp();
    const verifier = start();
    const [first, second, third] = shares;
    if (!first || !second || !third) throw new Error("three shares are needed");
    const miss = take(
      solutions(warm, job, 1n << 40n, (result) => !meetsTarget(result, targetOf(2n))),
      1,
    )[0];
    const verdicts = await verdictsOf(clock, [
      verifier.submit(submission(job, first)),
      verifier.submit(submission(job, { ...second, mixDigest: third.mixDigest }, { timestampMs: 2 })),
      verifier.submit(submission(job, miss ?? first, { timestampMs: 3 })),
      verifier.submit(submission(job, { nonce: third.nonce, mixDigest: null }, { timestampMs: 4 })),
    ]);
    expect(verdicts).toEqual([accepted, { kind: "invalid" }, { kind: "invalid" }, accepted]);
    const again = await verdictsOf(clock, [
      verifier.submit(submission(job, first, { timestampMs: 5 })),
      verifier.submit(submission(job, first, { retry: true })),
    ]);
    expect(again).toEqual([{ kind: "duplicate" }, accepted]);
    expect(ledger.credits).toHaveLength(2);
  });

  it("has no more under way than fits into its memory, copies of one proof too, and takes what it has refused when it comes again", async () => {
    const { clock, ledger, start } = setUp();
    const verifier = start();
    const [first] = shares;
    if (!first) throw new Error("a share is needed");
    const copy = (at: number) => verifier.submit(submission(job, first, { timestampMs: at }));
    const verdicts = await verdictsOf(
      clock,
      Array.from({ length: 1_500 }, (_, at) => copy(at)),
    );
    const kinds = verdicts.map(({ kind }) => kind);
    expect([kinds[0], new Set(kinds.slice(1, 1_101)), new Set(kinds.slice(1_101))]).toEqual([
      "accepted",
      new Set(["duplicate"]),
      new Set(["unavailable"]),
    ]);
    expect(await verdictsOf(clock, [copy(1_400)])).toEqual([{ kind: "duplicate" }]);
    expect(ledger.credits).toHaveLength(1);
  });

  it.each([
    ["too many shares are under way", {}],
    ["no share has room in the queue", { queueBound: 0 }],
    ["no share has room in the outbox", { outboxBound: 0 }],
  ])("offers a block where %s", async (_, bounds) => {
    const { clock, offered, start } = setUp();
    const verifier = start(bounds);
    const [first, second] = shares;
    const [found] = blocks;
    if (!first || !second || !found) throw new Error("three are needed");
    const copies = Array.from({ length: 1_500 }, (__, at) =>
      verifier.submit(submission(job, first, { timestampMs: at })),
    );
    const [share, block_] = await verdictsOf(clock, [
      verifier.submit(submission(job, second, { timestampMs: 2_000 })),
      verifier.submit(submission(job, found, { timestampMs: 2_001 })),
    ]);
    expect([share?.kind, block_, offered]).toEqual(["unavailable", block, [found.nonce]]);
    await Promise.all(copies);
  });

  it("lets the ledger forget nothing of the work of now, also when the chain has gone back or nobody has said what it is", async () => {
    const { clock, ledger, start } = setUp();
    const heights: number[] = [];
    const verifier = start({ writer: { ...ledger.connect(), workAt: (height) => void heights.push(height) } });
    const [first] = shares;
    if (!first) throw new Error("a share is needed");
    for (const height of [1_000, 985]) verifier.prepare(height);
    await verdictsOf(clock, [verifier.submit(submission(job, first, { workHeight: 984 }))]);
    verifier.prepare(986);
    expect(heights).toEqual([0, 1_000, 985, 984, 986]);
  });

  it("takes a late share that comes after the pool's block of its height for stale, and one in time for what it is", async () => {
    const { clock, ledger, start } = setUp();
    const verifier = start();
    const [first, second, third] = shares;
    const [found] = blocks;
    if (!first || !second || !third || !found) throw new Error("four are needed");
    await verdictsOf(clock, [verifier.submit(submission(job, found))]);
    const held = { timestampMs: 2, workHeight: job.height + 1 };
    expect(await verdictsOf(clock, [verifier.submit(submission(job, first, held))])).toEqual([{ kind: "stale" }]);
    // It may be in time by what its session knows; by now the template has given out newer work.
    verifier.prepare(job.height + 1);
    const unaware = { timestampMs: 3, workHeight: job.height };
    expect(await verdictsOf(clock, [verifier.submit(submission(job, second, unaware))])).toEqual([{ kind: "stale" }]);
    verifier.prepare(job.height);
    const inTime = { timestampMs: 4, workHeight: job.height };
    expect(await verdictsOf(clock, [verifier.submit(submission(job, third, inTime))])).toEqual([accepted]);
    expect(ledger.credits).toHaveLength(2);
  });

  it("says of a share that waits for the ledger and is of a closed round what its first attempt was told, also to a copy: it may come to nothing", async () => {
    const { clock, ledger, start } = setUp({
      faults: [
        { kind: "none", delayMs: 10 },
        { kind: "lostBefore", delayMs: 5_000 },
      ],
    });
    const verifier = start();
    const [found] = blocks;
    const [held] = shares;
    if (!found || !held) throw new Error("two are needed");
    await verdictsOf(clock, [verifier.submit(submission(job, found, { timestampMs: 1 }))]);
    const closed = { ...job, roundClosed: true };
    for (const more of [{ timestampMs: 2 }, { timestampMs: 2, retry: true }, { timestampMs: 3 }]) {
      const told = verifier.submit(submission(closed, held, more));
      await clock.pass(1_100);
      expect(await told).toEqual({ kind: "stale" });
    }
    expect(verifier.state.outboxDepth).toBe(1);
    await clock.pass(60_000);
    expect([verifier.state.outboxDepth, ledger.credits.length]).toEqual([0, 1]);
  });

  it("takes a share of a job whose round was closed for stale, though there is no newer work, and one of a new job of that height for what it is", async () => {
    const { clock, ledger, start } = setUp();
    const verifier = start();
    const [found] = blocks;
    const [before, again] = shares;
    if (!found || !before || !again) throw new Error("three are needed");
    verifier.prepare(job.height);
    const closed = { ...job, roundClosed: true };
    // Before the block is recorded they still count: the round is open.
    expect(await verdictsOf(clock, [verifier.submit(submission(closed, before, { timestampMs: 1 }))])).toEqual([
      accepted,
    ]);
    await verdictsOf(clock, [verifier.submit(submission(job, found, { timestampMs: 2 }))]);
    expect(await verdictsOf(clock, [verifier.submit(submission(closed, again, { timestampMs: 3 }))])).toEqual([
      { kind: "stale" },
    ]);
    expect(await verdictsOf(clock, [verifier.submit(submission(job, again, { timestampMs: 4 }))])).toEqual([accepted]);
    expect(ledger.credits).toHaveLength(3);
  });

  it("tells of a block before it records it, and waits a second for that at most", async () => {
    const told: { height: number; recorded: number }[] = [];
    const { clock, ledger, start } = setUp({
      onClosing: async (height) => {
        told.push({ height, recorded: ledger.candidates.length });
        await new Promise(() => undefined);
      },
    });
    const [found] = blocks;
    if (!found) throw new Error("a block is needed");
    void start().submit(submission(job, found));
    await clock.pass(900);
    expect([told, ledger.candidates]).toEqual([[{ height: job.height, recorded: 0 }], []]);
    await clock.pass(200);
    expect(ledger.candidates).toHaveLength(1);
  });

  it("refuses junk by the cheap test without a cache and without a full hash", async () => {
    const { start } = setUp();
    const verifier = start({ keeper: new CacheKeeper(() => Ethash.instantiate(loadKernel()), 40 << 20) });
    const verdict = await verifier.submit(
      submission(
        job,
        { nonce: "0x00000000000000ff", mixDigest: `0x${"00".repeat(32)}` },
        { shareDifficulty: 1n << 20n },
      ),
    );
    expect(verdict).toEqual({ kind: "invalid" });
    expect(verifier.state.waitingShares).toBe(0);
  });

  it("lets the same submission join its first attempt", async () => {
    const { clock, ledger, start } = setUp({ faults: [{ kind: "none", delayMs: 500 }] });
    const verifier = start();
    const one = submission(job, shares[0] ?? { nonce: "", mixDigest: "" });
    const both = [verifier.submit(one), verifier.submit({ ...one, retry: true })];
    await clock.pass(600);
    expect(await Promise.all(both)).toEqual([accepted, accepted]);
    expect(ledger.requests).toBe(1);
  });

  // Defect 4: the reference would call this retry a duplicate.
  it("accepts the retry of a share that an earlier life recorded and never answered", async () => {
    const { clock, ledger, start } = setUp({ faults: [{ kind: "lostAfter", delayMs: 900 }] });
    const first = start();
    const one = submission(job, shares[0] ?? { nonce: "", mixDigest: "" });
    void first.submit(one);
    await clock.pass(100);
    first.kill();
    expect(ledger.credits).toHaveLength(1);
    const verdicts = await verdictsOf(clock, [start().submit({ ...one, retry: true })]);
    expect(verdicts).toEqual([accepted]);
    expect(ledger.credits).toHaveLength(1);
  });

  it("hashes what waits together and writes it together", async () => {
    let largest = 0;
    const counting: PowKernel = {
      get epoch() {
        return warm.epoch;
      },
      startCache: (epoch) => warm.startCache(epoch),
      resultOf: (...args) => warm.resultOf(...args),
      hashBatch: (inputs) => {
        largest = Math.max(largest, inputs.length);
        return warm.hashBatch(inputs);
      },
    };
    const { clock, ledger, start } = setUp({ keeper: new CacheKeeper(() => counting, 40 << 20) });
    const verifier = start();
    const verdicts = await verdictsOf(
      clock,
      shares.map((one, at) => verifier.submit(submission(job, one, { timestampMs: at }))),
    );
    expect(verdicts.every((verdict) => verdict.kind === "accepted")).toBe(true);
    expect(largest).toBe(32);
    expect(ledger.requests).toBeLessThanOrEqual(3);
  });

  it("takes nothing beyond the bound of the outbox, and says so", async () => {
    const faults = Array.from({ length: 50 }, (): Fault => ({ kind: "refused" }));
    const { clock, ledger, start, heal } = setUp({ faults, outboxBound: 10 });
    const verifier = start();
    const verdicts: ShareVerdict[] = [];
    for (const [at, one] of shares.slice(0, 12).entries()) {
      const verdict = verifier.submit(submission(job, one, { timestampMs: at }));
      await clock.pass(5);
      verdicts.push(await verdict);
    }
    expect(verdicts.slice(0, 10).every((verdict) => verdict.kind === "accepted")).toBe(true);
    expect(verdicts.slice(10).every((verdict) => verdict.kind === "unavailable")).toBe(true);
    expect(verifier.state.ledgerSick).toBe(true);
    heal();
    await clock.pass(20_000);
    expect(ledger.credits).toHaveLength(10);
    expect(verifier.state).toMatchObject({ outboxDepth: 0, ledgerSick: false, recordedShares: 10 });
  });
});

const found = () => submission(job, blocks[0] ?? { nonce: "", mixDigest: "" });
const node = (name: string, answer: SubmitWorkResult) => ({
  name,
  submitWork: async () => answer,
  findBlock: notAsked,
});

describe("the way of a block", () => {
  it("goes to the node and, with its candidate, into the ledger", async () => {
    const { clock, sql, ledger, offered, start, refreshed } = setUp();
    expect(await verdictsOf(clock, [start().submit(found())])).toEqual([block]);
    expect(offered).toEqual([blocks[0]?.nonce]);
    expect(ledger.candidates).toHaveLength(1);
    expect(refreshed()).toBe(1);
    expect(sql.exec("SELECT * FROM held")).toEqual([]);
  });

  it("is durable before the node hears of it", async () => {
    const { clock, sql, start } = setUp();
    let held = 0;
    const nodes = [
      {
        name: "main",
        submitWork: async () => {
          held = sql.exec("SELECT * FROM held").length;
          return { kind: "accepted" as const };
        },
        findBlock: notAsked,
      },
    ];
    await verdictsOf(clock, [start({ nodes }).submit(found())]);
    expect(held).toBe(1);
  });

  // Defect 3 of the reference: the valid share goes uncredited.
  it("is credited as a share when every node rejects it", async () => {
    const { clock, ledger, start } = setUp({ answers: [{ kind: "rejected" }] });
    expect(await verdictsOf(clock, [start().submit(found())])).toEqual([accepted]);
    expect(ledger.candidates).toEqual([]);
    expect(ledger.credits).toHaveLength(1);
  });

  // Defect 2 of the reference: no share, no candidate, and the miner is told true.
  it("is offered again while the node is down, and the miner is told before that ends", async () => {
    const down: SubmitWorkResult = { kind: "error", reason: "connection refused" };
    const { clock, ledger, offered, start } = setUp({ answers: [down, down, down] });
    const verdict = start().submit(found());
    await clock.pass(1_001);
    expect(await verdict).toEqual(block);
    expect(ledger.credits).toEqual([]);
    await clock.pass(10_000);
    expect(offered).toHaveLength(4);
    expect(ledger.candidates).toHaveLength(1);
    expect(ledger.credits).toHaveLength(1);
  });

  it("is not lost when the object ends between the node's answer and the ledger's, and has one candidate", async () => {
    for (const faults of [[{ kind: "lostAfter", delayMs: 900 }], [{ kind: "lostBefore", delayMs: 900 }]] as Fault[][]) {
      const { clock, sql, ledger, start } = setUp({ faults });
      const first = start();
      void first.submit(found());
      await clock.pass(100);
      first.kill();
      expect(sql.exec("SELECT stage FROM held")).toEqual([{ stage: "sealed" }]);
      start();
      await clock.pass(1_000);
      expect(ledger.candidates).toHaveLength(1);
      expect(ledger.credits).toHaveLength(1);
      expect(sql.exec("SELECT * FROM held")).toEqual([]);
    }
  });

  it("stays a block when durable storage fails after the node has accepted it, whatever the node says later", async () => {
    const faults: Fault[] = [{ kind: "refused" }];
    const { clock, sql, ledger, start } = setUp({ faults, answers: [{ kind: "accepted" }, { kind: "rejected" }] });
    const verifier = start();
    sql.exec("CREATE TRIGGER full BEFORE INSERT ON outbox BEGIN SELECT RAISE(ABORT, 'disk full'); END");
    void verifier.submit(found());
    await clock.pass(100);
    sql.exec("DROP TRIGGER full");
    await clock.pass(20_000);
    expect(ledger.candidates).toHaveLength(1);
    expect(ledger.credits).toHaveLength(1);
  });

  it("is offered anew when the object ended before the node had answered", async () => {
    const { clock, ledger, offered, start } = setUp();
    const first = start({
      nodes: [{ name: "hangs", submitWork: () => new Promise(() => undefined), findBlock: notAsked }],
    });
    void first.submit(found());
    await settled();
    first.kill();
    start();
    await clock.pass(1_000);
    expect(offered).toHaveLength(1);
    expect(ledger.candidates).toHaveLength(1);
  });

  it("waits for the ledger in the outbox with its candidate, behind the shares that came before it", async () => {
    const faults: Fault[] = Array.from({ length: 4 }, () => ({ kind: "refused" }));
    const { clock, ledger, start } = setUp({ faults });
    const verifier = start();
    void verifier.submit(submission(job, shares[0] ?? { nonce: "", mixDigest: "" }, { timestampMs: 1 }));
    await clock.pass(10);
    expect(await verdictsOf(clock, [verifier.submit({ ...found(), timestampMs: 2 })])).toEqual([block]);
    await clock.pass(20_000);
    expect(ledger.credits.map((identity) => identity.split("/")[2])).toEqual(["1", "2"]);
    expect(ledger.candidates).toHaveLength(1);
  });

  it("asks every node and needs one", async () => {
    const { clock, ledger, start } = setUp();
    const nodes = [
      node("a", { kind: "rejected" }),
      node("b", { kind: "error", reason: "reset" }),
      node("c", { kind: "accepted" }),
    ];
    expect(await verdictsOf(clock, [start({ nodes }).submit(found())])).toEqual([block]);
    expect(ledger.candidates).toHaveLength(1);
  });
});
