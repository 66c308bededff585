import { MemoryError, type PowHash, type PowInput } from "@edgepool/ethash-wasm";
import { epochOf, type Epoch } from "../../../core/chain-spec.ts";
import type { LedgerWriter, RecordOutcome } from "../../../core/ledger/contract/records.ts";
import { createLogger } from "../../../core/log.ts";
import { OutboxStore } from "../../../core/ledger/write-path/outbox-store.ts";
import { CacheKeeper, type PowKernel } from "../../../core/shares/cache-keeper.ts";
import { ShareProcessor } from "../../../core/shares/share-processor.ts";
import type { ShareSubmission, ShareVerdict } from "../../../core/shares/share.ts";
import { nodeSql } from "../../../scripts/ledger/node-sql.ts";
import { FaultyLedger } from "../../support/faulty-ledger.ts";
import { LONG_CHAIN, makeJob, submission } from "../../support/proofs.ts";
import { VirtualClock } from "../../support/virtual-clock.ts";

const RIGHT = `0x${"11".repeat(32)}`;
/** Passes the cheap test, as every mix digest does here, and is not what the hash gives. */
export const FORGED = `0x${"22".repeat(32)}`;
const JOB = makeJob(1_000);
/** Meets a share of difficulty 2 and no more; nonces from here on prove nothing. */
const RESULT = Uint8Array.of(0x40, ...new Uint8Array(31));
const JUNK_FROM = 0x8000_0000n;

/** What hashing takes: by the size of a batch (docs/kernel.md, section 3), as far as it matters here. */
const batchMs = (size: number): number => 2.5 + 0.23 * size;

interface KernelWorld {
  readonly clock: VirtualClock;
  memory: "given" | "refused";
  /** Of a cache's build. */
  slices: number;
  /** The next batch takes so much longer. */
  extraMs: number;
  /** The verifier's timers come so much too late: a flood of requests does that to them. */
  timersLateMs: number;
}

/** A kernel whose hashes are known beforehand, and take their time on the virtual clock. */
class ClaimKernel implements PowKernel {
  epoch: Epoch | null = null;
  readonly batches: number[] = [];
  /** That it has hashed for, in ms. */
  busyMs = 0;
  readonly #world: KernelWorld;

  constructor(world: KernelWorld) {
    this.#world = world;
  }

  startCache(epoch: Epoch) {
    if (this.#world.memory === "refused") throw new MemoryError(epoch.cacheBytes, null);
    let left = this.#world.slices;
    const finish = () => (this.epoch = epoch);
    return {
      epoch,
      step: () => {
        if (--left === 0) finish();
        return 0;
      },
      get progress() {
        return 0;
      },
      get done() {
        return left <= 0;
      },
    };
  }

  resultOf(): Uint8Array {
    return RESULT;
  }

  hashBatch(inputs: readonly PowInput[]): PowHash[] {
    this.batches.push(inputs.length);
    this.busyMs += batchMs(inputs.length);
    this.#world.clock.spend(batchMs(inputs.length) + this.#world.extraMs);
    this.#world.extraMs = 0;
    return inputs.map(({ nonce }) => ({
      mixDigest: new Uint8Array(32).fill(0x11),
      result: BigInt(nonce) < JUNK_FROM ? RESULT : new Uint8Array(32).fill(0xff),
    }));
  }
}

const nonceOf = (value: bigint): string => `0x${value.toString(16).padStart(16, "0")}`;
const login = (index: number): string => `0x${index.toString(16).padStart(40, "0")}`;

/** A verifier whose hashes cost virtual time only, with its ledger. */
export function claimVerifier(options: { readonly slices?: number; readonly outcomes?: RecordOutcome[] } = {}) {
  const clock = new VirtualClock();
  const world: KernelWorld = { clock, memory: "given", slices: options.slices ?? 1, extraMs: 0, timersLateMs: 0 };
  const kernel = new ClaimKernel(world);
  const keeper = new CacheKeeper(() => kernel, 40 << 20);
  const ledger = new FaultyLedger(clock, () => ({ kind: "none", delayMs: 10 }));
  const connection = ledger.connect();
  const { outcomes = [] } = options;
  // What the ledger says of the next shares, whatever it holds.
  const writer: LedgerWriter = {
    ...connection,
    recordShares: async (batch, retry) => {
      const said = outcomes.splice(0, batch.length);
      return said.length > 0 ? said : await connection.recordShares(batch, retry);
    },
  };
  const refuted: (readonly [worker: string, client: string | undefined])[] = [];
  const verifier = new ShareProcessor({
    chain: LONG_CHAIN,
    keeper,
    store: new OutboxStore(nodeSql()),
    writer,
    nodes: [],
    clock: {
      nowMs: () => clock.nowMs(),
      after: (delayMs, work) => clock.after(delayMs + world.timersLateMs, work),
    },
    random: () => 0.5,
    commitIntervalMs: 0,
    outboxBound: 10_000,
    queueBound: 2_000,
    queueTimeoutMs: 30_000,
    wakeAt: () => undefined,
    onBlock: () => undefined,
    onClosing: async () => undefined,
    onRefuted: ({ worker }, client) => void refuted.push([worker, client]),
    log: createLogger({ level: "error", sink: () => undefined, now: () => 0 }),
  });
  let ms = 1_700_000_000_000;
  /** Of a miner with its own login and address. `mix`: null for a dialect that has none. */
  const share = (miner: number, nonce: bigint | number, mix: string | null = RIGHT): ShareSubmission =>
    submission(
      JOB,
      { nonce: nonceOf(BigInt(nonce)), mixDigest: mix },
      { login: login(miner), client: `192.0.2.${miner}`, timestampMs: ms++ },
    );
  const junk = (miner: number, nonce: number): ShareSubmission => share(miner, JUNK_FROM + BigInt(nonce), null);
  /** The cache is there. */
  const warm = async (): Promise<void> => {
    verifier.prepare(JOB.height);
    await clock.pass(100);
    if (!keeper.has(epochOf(LONG_CHAIN, JOB.height))) throw new Error("no cache");
  };
  return { clock, world, kernel, ledger, verifier, refuted, share, junk, warm };
}

/** How many verdicts of each kind; `open`: none yet. */
export function tallyOf(verdicts: readonly (ShareVerdict | null)[]): Record<string, number> {
  const tally: Record<string, number> = {};
  for (const verdict of verdicts) {
    const kind = verdict?.kind ?? "open";
    tally[kind] = (tally[kind] ?? 0) + 1;
  }
  return tally;
}

/** Verdicts as they come; null while they are open. */
export function watch(promises: readonly Promise<ShareVerdict>[]): (ShareVerdict | null)[] {
  const verdicts: (ShareVerdict | null)[] = promises.map(() => null);
  for (const [at, promise] of promises.entries()) void promise.then((verdict) => (verdicts[at] = verdict));
  return verdicts;
}
