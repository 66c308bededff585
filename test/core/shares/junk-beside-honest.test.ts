import { expect, it } from "vitest";
import { epochOf } from "../../../core/chain-spec.ts";
import { ShareGate } from "../../../core/session/share-gate.ts";
import { CacheKeeper, type PowKernel } from "../../../core/shares/cache-keeper.ts";
import { ProofChecks } from "../../../core/shares/proof-checks.ts";
import type { ShareSubmission } from "../../../core/shares/share.ts";
import { VerificationQueue } from "../../../core/shares/verification-queue.ts";
import { kernelAt } from "../../support/pow.ts";
import { makeJob, SHORT_CHAIN } from "../../support/proofs.ts";
import { VirtualClock } from "../../support/virtual-clock.ts";

/** What a batch of 1, 2, 4, 8, 16 and 32 takes, ms (docs/kernel.md, section 3). */
const BATCH_MS: readonly (readonly [shares: number, ms: number])[] = [
  [1, 2.64],
  [2, 2.96],
  [4, 3.51],
  [8, 4.06],
  [16, 6.61],
  [32, 9.84],
];
const MIX = "11".repeat(32);
const JOB = makeJob(1);
const RIGS = 40;
const SHARES_A_SECOND = 400;
const SECONDS = 6;
/** Shares until each rig has had a valid one. */
const WARM_UP = SHARES_A_SECOND;

const share = (from: number, nonce: bigint, mixDigest: string | null): ShareSubmission => ({
  login: `0x${from.toString(16).padStart(40, "0")}`,
  client: `198.51.${from >> 8}.${from & 255}`,
  worker: "0",
  nonce: `0x${nonce.toString(16).padStart(16, "0")}`,
  mixDigest,
  job: JOB,
  shareDifficulty: 1n << 20n,
  timestampMs: 0,
  retry: false,
});

/** A verifier on a processor of its own: nothing but hashing takes time, and that as long as it was measured to. Nonces of junk begin with f. */
class Verifier {
  readonly clock = new VirtualClock();
  readonly checks: ProofChecks;
  readonly failures: unknown[] = [];
  junkJudged = 0;

  constructor() {
    const warm = kernelAt(SHORT_CHAIN, 0);
    const kernel: PowKernel = {
      epoch: warm.epoch,
      startCache: (wanted) => warm.startCache(wanted),
      resultOf: (...args) => warm.resultOf(...args),
      hashBatch: (inputs) => {
        this.clock.spend(BATCH_MS.find(([shares]) => shares >= inputs.length)?.[1] ?? NaN);
        return inputs.map(({ nonce }) => {
          const isJunk = String(nonce).startsWith("0xf");
          if (isJunk) this.junkJudged += 1;
          return { mixDigest: Buffer.from(MIX, "hex"), result: new Uint8Array(32).fill(isJunk ? 255 : 0) };
        });
      },
    };
    const keeper = new CacheKeeper(() => kernel, 20 << 20);
    keeper.resultOf(JOB.header, `0x${"0".repeat(16)}`, `0x${MIX}`);
    const queue = new VerificationQueue({
      keeper,
      clock: this.clock,
      bound: 1_024,
      onFailure: (error) => this.failures.push(error),
    });
    this.checks = new ProofChecks(queue, (height) => epochOf(SHORT_CHAIN, height));
  }

  /** Half of the rigs speak EthereumStratum, whose shares only a full verification can judge. @returns how long each share waited, ms, the longest last */
  async honest(onEnd: () => void = () => undefined): Promise<number[]> {
    const { clock, checks } = this;
    const waits: number[] = [];
    const sinceMs = clock.nowMs();
    // The same for every verifier, and in no step with anything.
    let random = 1;
    const submit = async (at: number, dueMs: number) => {
      const rig = at % RIGS;
      const one = share(rig + 1, BigInt(at), rig % 2 === 0 ? `0x${MIX}` : null);
      const { kind } = await checks.check(one);
      expect(kind).toBe("block");
      checks.trust(one);
      // The processor may have been busy when it came.
      if (at >= WARM_UP) waits.push(clock.nowMs() - dueMs);
    };
    const shares: Promise<void>[] = [];
    const dueMs = Array.from({ length: SECONDS * SHARES_A_SECOND }, (_, at) => {
      random = (random * 48_271) % 2_147_483_647;
      return sinceMs + (at + random / 2_147_483_647) * (1_000 / SHARES_A_SECOND);
    });
    // All that has come while the processor was busy comes in before anything else.
    const arrive = (first: number): void => {
      let at = first;
      for (; (dueMs[at] ?? Infinity) <= clock.nowMs(); at++) shares.push(submit(at, dueMs[at] ?? NaN));
      const nextMs = dueMs[at];
      if (nextMs === undefined) onEnd();
      else clock.after(nextMs - clock.nowMs(), () => arrive(at));
    };
    arrive(0);
    await clock.pass(SECONDS * 1_000 + 10_000);
    await Promise.all(shares);
    expect(this.failures).toEqual([]);
    return waits.toSorted((a, b) => a - b);
  }
}

const p99 = (waits: readonly number[]) => waits[Math.floor(waits.length * 0.99)] ?? NaN;

/** Junk without a mix digest, as many at once as its gate lets in. */
async function junkOf(connection: number, { checks, clock }: Verifier): Promise<void> {
  const gate = new ShareGate(clock, false);
  for (let at = 0n; ; at++) {
    await gate.enter(() => true);
    const one = share(1_000 + connection, (0xfn << 60n) + (BigInt(connection) << 32n) + at, null);
    void checks.check(one).then(
      ({ kind }) => gate.leave(kind === "invalid"),
      () => gate.leave(false),
    );
  }
}

// D2 of the case list: 13 such connections kept more than half of the honest shares of a verifier from their answers.
it("an honest share beside thirteen connections of EthereumStratum junk waits less than twice as long as on a calm day", async () => {
  const calm = await new Verifier().honest();
  const attacked = new Verifier();
  for (let connection = 0; connection < 13; connection++) void junkOf(connection, attacked);
  const beside = await attacked.honest();
  expect(beside).toHaveLength(calm.length);
  expect(attacked.junkJudged).toBeGreaterThan(13 * 8 * SECONDS);
  expect(p99(beside)).toBeLessThan(2 * p99(calm));
});

it("nor does it beside junk of ever new addresses, which no gate holds back", async () => {
  const calm = await new Verifier().honest();
  const attacked = new Verifier();
  let isOver = false;
  let client = 0;
  const flood = (sinceMs: number): void => {
    // More a second than the verifier could hash if it did nothing else.
    const nowMs = attacked.clock.nowMs();
    for (const end = client + 4 * (nowMs - sinceMs); client < end; client++)
      attacked.checks.check(share(1_000 + client, (0xfn << 60n) + BigInt(client), null)).catch(() => undefined);
    if (!isOver) attacked.clock.after(1, () => flood(nowMs));
  };
  flood(attacked.clock.nowMs());
  const beside = await attacked.honest(() => (isOver = true));
  expect(beside).toHaveLength(calm.length);
  expect(attacked.junkJudged).toBeGreaterThan(500);
  expect(p99(beside)).toBeLessThan(2 * p99(calm));
});
