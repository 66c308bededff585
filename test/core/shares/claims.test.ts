import { describe, expect, it } from "vitest";
import type { ShareRecord } from "../../../core/ledger/contract/records.ts";
import type { ShareSubmission } from "../../../core/shares/share.ts";
import { settled } from "../../support/virtual-clock.ts";
import { claimVerifier, FORGED, tallyOf, watch } from "./claim-verifier.ts";

const recordOf = ({ login, worker, nonce, job, timestampMs }: ShareSubmission): ShareRecord => ({
  login,
  worker,
  nonce,
  header: job.header,
  mixDigest: FORGED,
  height: job.height,
  shareDifficulty: 2n,
  timestampMs,
});
const accepted = { kind: "accepted", block: false };

describe("a claim", () => {
  it("is not accepted where no light cache can be built for it, and /health says why", async () => {
    const { clock, world, verifier, ledger, share, warm } = claimVerifier();
    world.memory = "refused";
    const verdicts = watch(Array.from({ length: 32 }, (_, at) => verifier.submit(share(at, at))));
    await clock.pass(1_001);
    expect(tallyOf(verdicts)).toEqual({ unavailable: 32 });
    expect(verifier.state.outboxDepth).toBe(0);
    expect(verifier.health.cacheError).toContain("bytes of memory");
    // The memory is given back one day: nothing has to be started anew.
    world.memory = "given";
    await clock.pass(2_000);
    await warm();
    const later = watch([verifier.submit(share(1, 100))]);
    await clock.pass(100);
    expect(later).toEqual([accepted]);
    expect(verifier.health.cacheError).toBeNull();
    expect(ledger.credits).toHaveLength(1);
  });

  it("is accepted after a second while its light cache is being built", async () => {
    const { clock, verifier, ledger, share } = claimVerifier({ slices: 3_000 });
    const verdicts = watch([verifier.submit(share(1, 1))]);
    await clock.pass(1_001);
    expect(verdicts).toEqual([accepted]);
    expect(ledger.credits).toEqual([]);
    await clock.pass(5_000);
    expect(ledger.credits).toHaveLength(1);
  });

  it("is not accepted on its cheap test where its round is over: nobody could take that back", async () => {
    const { clock, verifier, ledger, share } = claimVerifier({ slices: 3_000 });
    const submit = (miner: number, late: boolean) => {
      const one = share(miner, miner);
      return [
        verifier.submit({ ...one, ...(late && { workHeight: one.job.height + 1 }) }),
        verifier.submit({ ...share(miner, miner + 10), job: { ...one.job, roundClosed: late } }),
      ];
    };
    const before = watch(submit(1, true));
    await clock.pass(1_001);
    // A node has taken the block: by the time that the claim is verified, its record has closed the round.
    expect(tallyOf(before)).toEqual({ accepted: 1, stale: 1 });
    const { job } = share(9, 9);
    void ledger.connect().recordBlock({ ...recordOf(share(9, 9)), networkDifficulty: job.networkDifficulty }, false);
    await clock.pass(100);
    const after = watch([...submit(2, true), ...submit(3, false)]);
    await clock.pass(1_200);
    expect(tallyOf(after)).toEqual({ stale: 2, accepted: 2 });
    await clock.pass(5_000);
    expect(ledger.credits).toHaveLength(4);
  });

  it("is verified before it is answered where the light cache is there, however busy the verifier is", async () => {
    const { clock, world, verifier, ledger, share, warm } = claimVerifier();
    await warm();
    world.extraMs = 1_200;
    const before = watch(Array.from({ length: 40 }, (_, at) => verifier.submit(share(at, at))));
    const copies = watch(Array.from({ length: 60 }, (_, at) => verifier.submit(share(100 + at, 1_000, FORGED))));
    const right = watch(Array.from({ length: 60 }, (_, at) => verifier.submit(share(100 + at, 2_000))));
    await clock.pass(5_000);
    expect(tallyOf(before)).toEqual({ accepted: 40 });
    expect(tallyOf(copies)).toEqual({ invalid: 60 });
    expect(tallyOf(right)).toEqual({ accepted: 1, duplicate: 59 });
    expect(ledger.credits).toHaveLength(41);
  });

  it("has one hash, whatever is claimed of it in whatever dialect: the right ones are copies of one", async () => {
    const { clock, verifier, ledger, kernel, share, warm } = claimVerifier();
    await warm();
    const verdicts = watch([
      verifier.submit(share(1, 7, FORGED)),
      verifier.submit(share(2, 7)),
      verifier.submit(share(3, 7, null)),
      verifier.submit(share(2, 7)),
    ]);
    await clock.pass(100);
    expect(verdicts).toEqual([{ kind: "invalid" }, accepted, { kind: "duplicate" }, { kind: "duplicate" }]);
    expect(kernel.batches).toEqual([1]);
    expect(ledger.credits).toHaveLength(1);
  });

  it("takes the place of the first where nothing came of that", async () => {
    const { clock, verifier, ledger, share, warm } = claimVerifier({ outcomes: ["unresolved"] });
    await warm();
    const verdicts = watch([verifier.submit(share(1, 7)), verifier.submit(share(2, 7)), verifier.submit(share(3, 7))]);
    await clock.pass(100);
    expect(tallyOf(verdicts)).toEqual({ unavailable: 1, accepted: 1, duplicate: 1 });
    expect(ledger.credits).toHaveLength(1);
  });

  it("that is accepted before its cache is there is judged with its copies, of which none is accepted", async () => {
    for (const mix of [undefined, FORGED]) {
      const { clock, verifier, ledger, share } = claimVerifier({ slices: 3_000 });
      const verdicts = watch(Array.from({ length: 60 }, (_, at) => verifier.submit(share(at, 7, mix))));
      await clock.pass(1_500);
      const late = watch([verifier.submit(share(99, 7, mix))]);
      expect(tallyOf(verdicts)["accepted"]).toBe(1);
      await clock.pass(5_000);
      expect(tallyOf([...verdicts.slice(1), ...late])).toEqual(mix ? { invalid: 60 } : { duplicate: 60 });
      expect(ledger.credits).toHaveLength(mix ? 0 : 1);
    }
  });

  it("that was accepted and refuted counts against its sender, and is known from then on", async () => {
    const { clock, verifier, refuted, kernel, share } = claimVerifier({ slices: 3_000 });
    const forged = share(7, 1, FORGED);
    const verdicts = watch([verifier.submit(forged)]);
    await clock.pass(5_000);
    expect(verdicts).toEqual([accepted]);
    expect(refuted).toEqual([["rig", "192.0.2.7"]]);
    expect(verifier.state.refutedClaims).toBe(1);
    expect(await verifier.submit({ ...forged, retry: true })).toEqual({ kind: "invalid" });
    expect(kernel.batches).toEqual([1]);
  });

  it("that was wrong costs no second hash, with a mix digest and without, from anybody", async () => {
    const { clock, verifier, kernel, share, junk, warm } = claimVerifier();
    await warm();
    const first = watch([verifier.submit(share(1, 1, FORGED)), verifier.submit(junk(1, 1))]);
    await clock.pass(100);
    expect(tallyOf(first)).toEqual({ invalid: 2 });
    const hashed = kernel.batches.length;
    for (let round = 0; round < 20; round++) {
      const again = watch([verifier.submit(share(round, 1, FORGED)), verifier.submit(junk(round, 1))]);
      await settled();
      expect(tallyOf(again)).toEqual({ invalid: 2 });
    }
    expect(kernel.batches).toHaveLength(hashed);
    // The right mix digest of the same nonce is another claim.
    const right = watch([verifier.submit(share(2, 1))]);
    await clock.pass(100);
    expect(right).toEqual([accepted]);
  });
});

const p99 = (ordered: readonly number[]): number => ordered[Math.floor(ordered.length * 0.99)] ?? Infinity;

interface Flood {
  /** Lines of junk in 10 ms, from 13 senders. */
  readonly lines: number;
  readonly timersLateMs: number;
}

/** Eight honest miners for ten seconds, beside a flood. @returns the waits of their shares in ms, in order */
async function waits({ lines, timersLateMs }: Flood, mix: string | null | undefined): Promise<number[]> {
  const { clock, world, verifier, share, junk, warm } = claimVerifier();
  await warm();
  const took: number[] = [];
  let nonce = 1;
  const submit = (miner: number) => {
    const sentMs = clock.nowMs();
    void verifier.submit(share(miner, nonce++, mix)).then((verdict) => {
      expect(verdict).toEqual(accepted);
      took.push(clock.nowMs() - sentMs);
    });
  };
  // Each has shown one valid share.
  for (let miner = 0; miner < 8; miner++) submit(miner);
  await clock.pass(200);
  took.length = 0;
  world.timersLateMs = timersLateMs;
  let sent = 0;
  for (let turn = 0; turn < 1_000; turn++) {
    while (sent < (turn + 1) * lines) void verifier.submit(junk(50 + (sent % 13), sent++));
    if (turn % 12 === 0) submit((turn / 12) % 8);
    await clock.pass(10);
  }
  await clock.pass(2_000);
  return took.toSorted((a, b) => a - b);
}

describe("junk that no cheap test can judge", () => {
  it.each([
    ["600 KB in 20 s, which keep timers from their turn", { lines: 2.4, timersLateMs: 400 }],
    ["more than there is a processor for", { lines: 40, timersLateMs: 0 }],
  ])("does not delay honest miners to twice their calm, in any dialect, and none is refused: %s", async (_, flood) => {
    for (const mix of [undefined, null]) {
      const calm = await waits({ lines: 0, timersLateMs: 0 }, mix);
      const beside = await waits(flood, mix);
      expect(beside).toHaveLength(calm.length);
      expect(p99(beside)).toBeLessThan(2 * p99(calm));
    }
  });
});

describe("an even stream of shares", () => {
  it.each([
    // A lone share is answered as if nobody had thought of batches: 2.7 ms of hashing, 10 ms of ledger.
    { perSecond: 30, mostMs: 13, cpuMs: 2.8 },
    { perSecond: 400, mostMs: 39, cpuMs: 0.85 },
    { perSecond: 1_000, mostMs: 39, cpuMs: 0.7 },
  ])(
    "of $perSecond a second costs $cpuMs ms of hashing each, and is answered within $mostMs ms",
    async ({ perSecond, mostMs, cpuMs }) => {
      const { clock, kernel, verifier, share, warm } = claimVerifier();
      await warm();
      const took: number[] = [];
      const startMs = clock.nowMs();
      for (let at = 0; at < 4 * perSecond; at++) {
        // Those that come while the kernel works come as soon as it is done.
        const dueMs = startMs + (at * 1_000) / perSecond;
        if (dueMs > clock.nowMs()) await clock.pass(dueMs - clock.nowMs());
        void verifier.submit(share(at % 16, at)).then(() => took.push(clock.nowMs() - dueMs));
      }
      await clock.pass(100);
      expect(took).toHaveLength(4 * perSecond);
      const steady = took.slice(perSecond).toSorted((a, b) => a - b);
      expect(p99(steady)).toBeLessThan(mostMs);
      expect(kernel.busyMs / took.length).toBeLessThan(cpuMs);
    },
  );
});
