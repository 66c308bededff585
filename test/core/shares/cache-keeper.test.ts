import { Ethash, toHex, type PowHash, type PowInput } from "@edgepool/ethash-wasm";
import { loadKernel } from "@edgepool/ethash-wasm/node";
import { describe, expect, it, vi } from "vitest";
import { epochOf, type Epoch } from "../../../core/chain-spec.ts";
import { CacheKeeper, STRAGGLER_WAIT_MS, type PowKernel } from "../../../core/shares/cache-keeper.ts";
import vectors from "../../vectors/ethash.json" with { type: "json" };
import { SHORT_CHAIN } from "../../support/proofs.ts";

// Light caches are really built here, on a machine that may be busy.
vi.setConfig({ testTimeout: 120_000 });

const [first, second] = [epochOf(SHORT_CHAIN, 0), epochOf(SHORT_CHAIN, 10)];
const MIB = 1 << 20;

/** A kernel whose caches take three steps and no time: the keeper's order of work does not depend on what is in them. */
class QuickKernel implements PowKernel {
  epoch: Epoch | null = null;
  traps = false;

  startCache(epoch: Epoch) {
    this.epoch = null;
    let progress = 0;
    const step = (): number => {
      progress = Math.min(1, progress + 0.5);
      if (progress === 1) this.epoch = epoch;
      return progress;
    };
    return {
      epoch,
      step,
      get progress() {
        return progress;
      },
      get done() {
        return progress === 1;
      },
    };
  }

  resultOf(): Uint8Array {
    return new Uint8Array(32);
  }

  hashBatch(inputs: readonly PowInput[]): PowHash[] {
    if (this.traps) {
      this.epoch = null;
      throw new WebAssembly.RuntimeError("unreachable");
    }
    return inputs.map(() => ({ mixDigest: new Uint8Array(32), result: new Uint8Array(32) }));
  }
}

function setUp(budgetBytes: number) {
  const kernels: QuickKernel[] = [];
  const keeper = new CacheKeeper(() => {
    const kernel = new QuickKernel();
    kernels.push(kernel);
    return kernel;
  }, budgetBytes);
  return { keeper, kernels };
}

function build(keeper: CacheKeeper, epoch: Epoch, nowMs: number): number {
  for (let slices = 1; ; slices++) if (keeper.step(epoch, nowMs) === "ready") return slices;
}

describe("the light caches of an isolate", () => {
  it("are built in slices and give the right hashes", () => {
    const keeper = new CacheKeeper(() => Ethash.instantiate(loadKernel()), 20 * MIB);
    expect(keeper.status).toEqual({ epoch: null, progress: 0, error: null });
    expect(build(keeper, first, 0)).toBeGreaterThan(50);
    expect(keeper.status).toEqual({ epoch: 0, progress: 1, error: null });
    // Epoch 0 of every chain: chfast/ethash, test/unittests/test_cases.hpp.
    const [published] = vectors.pow;
    if (!published) throw new Error("no vectors");
    const [hash] = keeper.hash(first, [{ header: published.header_hash, nonce: published.nonce }]);
    expect(hash && toHex(hash.result)).toBe(published.result);
  });

  it("are one where the budget holds one: the memory of the old epoch serves the new one", () => {
    const { keeper, kernels } = setUp(20 * MIB);
    build(keeper, first, 0);
    expect(keeper.fitsBeside(second)).toBe(false);
    build(keeper, second, 0);
    expect(keeper.has(first)).toBe(false);
    expect(kernels).toHaveLength(1);
  });

  it("are two where two fit, so that nothing waits at a boundary", () => {
    const { keeper } = setUp(40 * MIB);
    build(keeper, first, 0);
    expect(keeper.fitsBeside(second)).toBe(true);
    build(keeper, second, 0);
    expect(keeper.has(first) && keeper.has(second)).toBe(true);
    build(keeper, epochOf(SHORT_CHAIN, 20), 0);
    expect(keeper.has(first)).toBe(false);
    expect(keeper.has(second)).toBe(true);
  });

  it("finish what was begun, by whoever asks for another epoch meanwhile: who began it may be gone", () => {
    const { keeper } = setUp(20 * MIB);
    keeper.step(first, 0);
    expect(keeper.step(second, 0)).toBe("building");
    expect([keeper.has(first), keeper.canHave(second)]).toEqual([true, false]);
    build(keeper, second, 0);
    expect([keeper.has(first), keeper.has(second)]).toEqual([false, true]);
  });

  it("go back to an older epoch only when its stragglers have gathered", () => {
    const { keeper } = setUp(20 * MIB);
    build(keeper, first, 0);
    build(keeper, second, 1_000);
    expect(keeper.step(first, 1_000 + STRAGGLER_WAIT_MS - 1)).toBe("waiting");
    expect(keeper.step(first, 1_000 + STRAGGLER_WAIT_MS)).toBe("building");
    build(keeper, first, 1_000 + STRAGGLER_WAIT_MS);
    expect(keeper.step(second, 2_000 + STRAGGLER_WAIT_MS)).toBe("building");
  });

  it("tell epochs apart that ECIP-1099 gave the same number", () => {
    const classic = { name: "classic", epochLength: 30_000, ecip1099Block: 11_700_000 };
    const [before, after] = [epochOf(classic, 195 * 30_000), epochOf(classic, 11_700_000)];
    expect(before.number).toBe(after.number);
    const { keeper } = setUp(20 * MIB);
    build(keeper, before, 0);
    expect(keeper.has(after)).toBe(false);
  });

  it("are built anew after a trap", () => {
    const { keeper, kernels } = setUp(20 * MIB);
    build(keeper, first, 0);
    const [kernel] = kernels;
    if (!kernel) throw new Error("no kernel was made");
    kernel.traps = true;
    expect(() => keeper.hash(first, [{ header: "", nonce: "" }])).toThrow(WebAssembly.RuntimeError);
    expect(keeper.has(first)).toBe(false);
    kernel.traps = false;
    build(keeper, first, 0);
    expect(keeper.hash(first, [{ header: "", nonce: "" }])).toHaveLength(1);
  });

  it("rest for a second when memory is refused, and then try again", () => {
    let refuse = true;
    const keeper = new CacheKeeper(
      () => (refuse ? Ethash.instantiate(loadKernel(), { maxMemoryBytes: MIB }) : Ethash.instantiate(loadKernel())),
      20 * MIB,
    );
    expect(() => keeper.step(first, 0)).toThrow(/memory/);
    expect(keeper.step(first, 999)).toBe("waiting");
    refuse = false;
    expect(keeper.step(first, 1_000)).toBe("building");
  });
});
