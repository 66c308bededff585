import { Ethash, toHex } from "@edgepool/ethash-wasm";
import { loadKernel } from "@edgepool/ethash-wasm/node";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { epochOf } from "../../../core/chain-spec.ts";
import { CacheKeeper, type PowKernel } from "../../../core/shares/cache-keeper.ts";
import { QueueFullError, VerificationFailedError, VerificationQueue } from "../../../core/shares/verification-queue.ts";
import { kernelAt } from "../../support/pow.ts";
import { makeJob, SHORT_CHAIN } from "../../support/proofs.ts";
import { settled, VirtualClock } from "../../support/virtual-clock.ts";

// Light caches are really built here, on a machine that may be busy.
vi.setConfig({ testTimeout: 120_000 });

const epoch = epochOf(SHORT_CHAIN, 0);
const { header } = makeJob(1);
const nonce = (value: number): string => `0x${value.toString(16).padStart(16, "0")}`;
const turn = { lane: "judged", sender: "a" } as const;
let warm: Ethash;

beforeAll(() => {
  warm = kernelAt(SHORT_CHAIN, 0);
});

/** A kernel that counts the sizes of its batches and fails as often as it is told. */
function watched(failures = 0) {
  const batches: number[] = [];
  let left = failures;
  const kernel: PowKernel = {
    get epoch() {
      return warm.epoch;
    },
    startCache: (wanted) => warm.startCache(wanted),
    resultOf: (...args) => warm.resultOf(...args),
    hashBatch: (inputs) => {
      if (left-- > 0) throw new WebAssembly.RuntimeError("memory access out of bounds");
      batches.push(inputs.length);
      return warm.hashBatch(inputs);
    },
  };
  return { kernel, batches };
}

function setUp(kernel: PowKernel, bound = 100) {
  const clock = new VirtualClock();
  const failures: unknown[] = [];
  const keeper = new CacheKeeper(() => kernel, 20 << 20);
  // The keeper takes the instance in: nothing is built where its cache is complete.
  keeper.resultOf(header, nonce(0), `0x${"00".repeat(32)}`);
  const queue = new VerificationQueue({ keeper, clock, bound, onFailure: (error) => failures.push(error) });
  return { clock, queue, keeper, failures };
}

describe("the verification queue", () => {
  it("hashes a lone share at once, without waiting for company", async () => {
    const { kernel, batches } = watched();
    const { queue } = setUp(kernel);
    const hash = await queue.verify(epoch, { header, nonce: nonce(1) }, turn);
    expect(toHex(hash.result)).toBe(toHex(warm.hash(header, nonce(1)).result));
    expect(batches).toEqual([1]);
  });

  it("hashes together what arrives while it works, at most 32 at once, each with its own result", async () => {
    const { kernel, batches } = watched();
    const { clock, queue } = setUp(kernel);
    const first = queue.verify(epoch, { header, nonce: nonce(0) }, turn);
    await settled();
    const rest = Array.from({ length: 40 }, (_, at) => queue.verify(epoch, { header, nonce: nonce(at + 1) }, turn));
    // 32 at once; the eight that are left may expect company soon.
    await clock.pass(5);
    expect(batches).toEqual([1, 32]);
    await clock.pass(25);
    const results = (await Promise.all([first, ...rest])).map((hash) => toHex(hash.result));
    expect(batches).toEqual([1, 32, 8]);
    expect(results).toEqual(results.map((_, at) => toHex(warm.hash(header, nonce(at)).result)));
    expect(queue.size).toBe(0);
  });

  it("hashes bundles that arrive one after the other together, though each has waited already", async () => {
    const { kernel, batches } = watched();
    const { clock, queue } = setUp(kernel);
    let next = 0;
    const come = (count: number, waitedMs: number) =>
      Array.from({ length: count }, () => queue.verify(epoch, { header, nonce: nonce(next++) }, { ...turn, waitedMs }));
    const busy = come(32, 0);
    await clock.pass(50);
    await Promise.all(busy);
    batches.length = 0;
    const hashes: Promise<unknown>[] = [];
    for (let bundle = 0; bundle < 8; bundle++) {
      hashes.push(...come(3, 25));
      // What else has arrived has its turn, and no time passes.
      await settled();
    }
    await clock.pass(2);
    await Promise.all(hashes);
    // More than sixteen: what has arrived is let in before a batch begins, while there is a timer that has its turn.
    expect(batches).toEqual([24]);
  });

  it("goes on when no timer gets its turn", async () => {
    const { kernel, batches } = watched();
    const { clock, queue } = setUp(kernel, 1_000);
    const hashes: Promise<unknown>[] = [];
    for (let at = 0; at < 60; at++) {
      hashes.push(queue.verify(epoch, { header, nonce: nonce(at) }, turn));
      await settled();
      // A share every 5 ms, and the processor always busy.
      clock.spend(5);
    }
    await clock.pass(30);
    await Promise.all(hashes);
    expect(Math.max(...batches)).toBeLessThanOrEqual(8);
    expect(batches.length).toBeGreaterThan(7);
  });

  it("refuses beyond its bound", async () => {
    const { kernel } = watched();
    const { clock, queue } = setUp(kernel, 2);
    const taken = [
      queue.verify(epoch, { header, nonce: nonce(0) }, turn),
      queue.verify(epoch, { header, nonce: nonce(1) }, turn),
    ];
    await expect(queue.verify(epoch, { header, nonce: nonce(2) }, turn)).rejects.toThrow(QueueFullError);
    await clock.pass(10);
    expect(await Promise.all(taken)).toHaveLength(2);
  });

  it("hashes a share again after a trap, and gives up after three", async () => {
    const once = setUp(watched(1).kernel);
    const hash = once.queue.verify(epoch, { header, nonce: nonce(1) }, turn);
    await once.clock.pass(10);
    expect(toHex((await hash).result)).toBe(toHex(warm.hash(header, nonce(1)).result));
    expect(once.failures).toHaveLength(1);

    const always = setUp(watched(3).kernel);
    const failed = expect(always.queue.verify(epoch, { header, nonce: nonce(1) }, turn)).rejects.toThrow(
      VerificationFailedError,
    );
    await always.clock.pass(10);
    await failed;
    expect(always.queue.size).toBe(0);
  });

  it("builds the cache that waiting shares need, breathing between slices", async () => {
    const { clock, queue } = setUp(Ethash.instantiate(loadKernel()));
    let breaths = 0;
    const breathe = () => {
      breaths += 1;
      if (queue.size > 0) clock.after(0, breathe);
    };
    const hash = queue.verify(epoch, { header, nonce: nonce(1) }, turn);
    clock.after(0, breathe);
    await clock.pass(60_000);
    expect(toHex((await hash).result)).toBe(toHex(warm.hash(header, nonce(1)).result));
    expect(breaths).toBeGreaterThan(50);
  });

  it("counts who waited for others' hashes, and not who waited for the light cache", async () => {
    const { kernel } = watched();
    const { queue, clock } = setUp(kernel);
    const hashed = Array.from({ length: 40 }, (_, at) => queue.verify(epoch, { header, nonce: nonce(at) }, turn));
    const late = queue.verify(epoch, { header, nonce: nonce(99) }, { ...turn, waitedMs: 500 });
    await clock.pass(60_000);
    await Promise.all([...hashed, late]);
    expect(queue.load.slowPercent).toBeCloseTo(100 / 41, 1);
    await clock.pass(300_000);
    expect(queue.load).toEqual({ sharesPerSecond: 0, slowPercent: 0 });
  });
});
