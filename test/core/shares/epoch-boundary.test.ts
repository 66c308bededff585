import { Ethash } from "@edgepool/ethash-wasm";
import { loadKernel } from "@edgepool/ethash-wasm/node";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { OutboxStore } from "../../../core/ledger/write-path/outbox-store.ts";
import { createLogger } from "../../../core/log.ts";
import { CacheKeeper, type PowKernel } from "../../../core/shares/cache-keeper.ts";
import { ShareProcessor } from "../../../core/shares/share-processor.ts";
import type { ShareSubmission, ShareVerdict } from "../../../core/shares/share.ts";
import type { Job } from "../../../core/work/job.ts";
import { FaultyLedger } from "../../support/faulty-ledger.ts";
import { nodeSql } from "../../../scripts/ledger/node-sql.ts";
import { kernelAt } from "../../support/pow.ts";
import { makeJob, meets, SHORT_CHAIN, solutions, submission } from "../../support/proofs.ts";
import { VirtualClock } from "../../support/virtual-clock.ts";

// Light caches are really built here, on a machine that may be busy.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

const BOUNDARY = 10;
const NETWORK = 1n << 40n;
type Solved = { readonly job: Job; readonly nonce: string; readonly mixDigest: string };
let old: Solved[];
let fresh: Solved[];
let seals: Solved[];

function solve(height: number, count: number, keep: (result: Uint8Array) => boolean, network = NETWORK): Solved[] {
  const job = makeJob(height, network);
  const found = solutions(kernelAt(SHORT_CHAIN, height), job, BigInt(height) << 32n, keep);
  return Array.from({ length: count }, () => ({
    job,
    ...(found.next().value as { nonce: string; mixDigest: string }),
  }));
}

beforeAll(() => {
  old = solve(BOUNDARY - 1, 30, meets(2n));
  fresh = solve(BOUNDARY, 30, meets(2n));
  seals = solve(BOUNDARY, 1, meets(64n), 64n);
});

/** A verifier with memory for one cache only. @param options.stalled builds stand still until `release()` */
function setUp(options: { stalled?: boolean } = {}) {
  let stalled = options.stalled ?? false;
  const create = (): PowKernel => {
    const kernel = Ethash.instantiate(loadKernel());
    return {
      get epoch() {
        return kernel.epoch;
      },
      resultOf: (...args) => kernel.resultOf(...args),
      hashBatch: (inputs) => kernel.hashBatch(inputs),
      startCache: (epoch) => {
        const build = kernel.startCache(epoch);
        return {
          epoch,
          get progress() {
            return build.progress;
          },
          get done() {
            return build.done;
          },
          step: (items) => (stalled ? 0 : build.step(items)),
        };
      },
    };
  };
  const clock = new VirtualClock();
  const sql = nodeSql();
  const ledger = new FaultyLedger(clock, () => ({ kind: "none", delayMs: 10 }));
  const keeper = new CacheKeeper(create, 20 << 20);
  const start = () =>
    new ShareProcessor({
      chain: SHORT_CHAIN,
      keeper,
      store: new OutboxStore(sql),
      writer: ledger.connect(),
      nodes: [
        { name: "main", submitWork: async () => ({ kind: "accepted" }), findBlock: async () => ({ kind: "absent" }) },
      ],
      clock,
      random: () => 0.5,
      commitIntervalMs: 0,
      outboxBound: 1000,
      queueBound: 100,
      queueTimeoutMs: 30_000,
      wakeAt: () => undefined,
      onBlock: () => undefined,
      onClosing: async () => undefined,
      onRefuted: () => undefined,
      log: createLogger({ level: "error", sink: () => undefined, now: () => 0 }),
    });
  return { clock, sql, ledger, start, keeper, release: () => (stalled = false) };
}

let ms = 1_700_000_000_000;
const share = (solved: Solved, mixDigest: string | null = solved.mixDigest): ShareSubmission =>
  submission(solved.job, { nonce: solved.nonce, mixDigest }, { timestampMs: ms++ });

/** Verdicts as they come; null while they are open. */
function watcher() {
  const verdicts: (ShareVerdict | null)[] = [];
  const watch = (promise: Promise<ShareVerdict>): void => {
    const at = verdicts.push(null) - 1;
    void promise.then((verdict) => (verdicts[at] = verdict));
  };
  return { verdicts, watch };
}

const accepted = { kind: "accepted", block: false };

describe("an epoch boundary with memory for one light cache", () => {
  it("answers every share of both epochs right, and credits each once", async () => {
    const { clock, sql, ledger, start, keeper } = setUp();
    const verifier = start();
    verifier.prepare(BOUNDARY - 1);
    await clock.pass(10_000);
    expect(keeper.status.epoch).toBe(0);

    const { verdicts, watch } = watcher();
    for (const one of old.slice(0, 10)) watch(verifier.submit(share(one)));
    verifier.prepare(BOUNDARY);
    for (let round = 0; round < 10; round++) {
      for (const one of [old[10 + round], fresh[round]]) if (one) watch(verifier.submit(share(one)));
      await clock.pass(250);
    }
    await clock.pass(1_100);
    expect(verdicts).toHaveLength(30);
    expect(verdicts).toEqual(verdicts.map(() => accepted));
    await clock.pass(120_000);
    expect(ledger.credits).toHaveLength(30);
    expect(new Set(ledger.credits).size).toBe(30);
    expect(sql.exec("SELECT * FROM held")).toEqual([]);
    expect(verifier.state.outboxDepth).toBe(0);
  });

  it.each(["stalls", "goes on"])("comes while the old epoch's cache is being built, and that build %s", async (how) => {
    const { clock, ledger, start, keeper, release } = setUp({ stalled: how === "stalls" });
    const verifier = start();
    verifier.prepare(BOUNDARY - 1);
    await clock.pass(50);
    expect(keeper.status).toMatchObject({ epoch: null, error: null });
    verifier.prepare(BOUNDARY);
    const { verdicts, watch } = watcher();
    for (const one of fresh.slice(0, 10)) watch(verifier.submit(share(one)));
    await clock.pass(20_000);
    // Nothing can be promised before memory was found for it, and nothing is refused while it may be.
    if (how === "stalls") expect(verdicts).toEqual(verdicts.map(() => null));
    release();
    await clock.pass(10_000);
    expect(verdicts).toEqual(verdicts.map(() => accepted));
    expect(new Set(ledger.credits).size).toBe(10);
    expect(keeper.status.epoch).toBe(1);
  });

  it("keeps the old cache for shares that come within a network round trip of the new work", async () => {
    const { clock, start, keeper, sql } = setUp();
    const verifier = start();
    verifier.prepare(BOUNDARY - 1);
    await clock.pass(10_000);
    verifier.prepare(BOUNDARY);
    const changes = () => Number(sql.exec("SELECT total_changes() AS n")[0]?.["n"]);
    const before = changes();
    for (const one of old.slice(0, 10)) {
      const { verdicts, watch } = watcher();
      watch(verifier.submit(share(one)));
      await clock.pass(100);
      expect(verdicts).toEqual([accepted]);
    }
    expect(changes()).toBe(before);
    await clock.pass(10_000);
    expect(keeper.status.epoch).toBe(1);
  });
});

describe("a cold start", () => {
  it("answers what passes the cheap test within a second, and credits it once the cache is there, in another life too", async () => {
    for (const restart of [false, true]) {
      const { clock, ledger, start, sql, release } = setUp({ stalled: true });
      const [one, two, three] = old;
      if (!one || !two || !three) throw new Error("three are needed");
      const { verdicts, watch } = watcher();
      const cold = start();
      watch(cold.submit(share(one)));
      watch(cold.submit(share(two, three.mixDigest)));
      watch(cold.submit(share(three, null)));
      await clock.pass(999);
      expect(verdicts).toEqual([null, null, null]);
      await clock.pass(2);
      const claimed = verdicts[1];
      expect(verdicts[0]).toEqual(accepted);
      // Without a mix digest there is no evidence yet.
      expect(verdicts[2]).toBeNull();
      expect(ledger.credits).toEqual([]);
      expect(sql.exec("SELECT stage FROM held")).toHaveLength(claimed?.kind === "invalid" ? 1 : 2);
      if (restart) start();
      release();
      await clock.pass(40_000);
      const own = ledger.credits.filter((identity) => identity.endsWith(String(ms - 3)));
      expect(own).toHaveLength(1);
      // The wrong mix digest is never credited; the share without one is, unless the object died under it.
      expect(new Set(ledger.credits).size).toBe(2);
      expect(sql.exec("SELECT * FROM held")).toEqual([]);
    }
  });

  it("says that it is not ready when a share without a mix digest waits too long", async () => {
    const { clock, start } = setUp({ stalled: true });
    const one = old[0];
    if (!one) throw new Error("one is needed");
    const { verdicts, watch } = watcher();
    watch(start().submit(share(one, null)));
    await clock.pass(29_999);
    expect(verdicts).toEqual([null]);
    await clock.pass(2);
    expect(verdicts[0]?.kind).toBe("unavailable");
  });

  it("sends a block to the node before there is a cache to verify it with", async () => {
    const { clock, ledger, start, keeper } = setUp({ stalled: true });
    const seal = seals[0];
    if (!seal) throw new Error("a block is needed");
    const { verdicts, watch } = watcher();
    watch(start().submit(share(seal)));
    await clock.pass(20);
    expect(keeper.status.epoch).toBeNull();
    expect(verdicts).toEqual([{ kind: "accepted", block: true }]);
    expect(ledger.candidates).toHaveLength(1);
  });
});
