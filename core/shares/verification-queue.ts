import type { PowHash, PowInput } from "@edgepool/ethash-wasm";
import type { Epoch } from "../chain-spec.ts";
import { within, type Clock } from "../clock.ts";
import { BatchPace, LONGEST_MS } from "./batch-pace.ts";
import { CacheBuilder } from "./cache-builder.ts";
import { LARGEST_HASH_BATCH, type CacheKeeper } from "./cache-keeper.ts";
import { LoadMeter, type VerifierLoad } from "./load-meter.ts";
import { FairTurns, type InTurn, type Lane } from "./fair-turns.ts";

/** How often the hashes of one share are tried anew after the kernel failed under it. */
const ATTEMPTS = 3;

/**
 * What comes so soon after a batch has come while the kernel was at it, and nothing was let in: at 400 a second that is every third share,
 * and one that was counted from then on would wait for company once more. The batch's own answers go out before it: its write into the
 * ledger, and a turn of each session.
 */
const LET_IN_MS = 8;

/** How often it is looked whether a cache is in sight. */
const LOOK_MS = 250;

const LANES = ["judged", "unjudged"] as const satisfies readonly Lane[];

/** No room: the share was not taken. */
export class QueueFullError extends Error {
  override readonly name = "QueueFullError";
}

/** The kernel failed again and again: the share could not be judged. */
export class VerificationFailedError extends Error {
  override readonly name = "VerificationFailedError";
}

interface Waiting extends InTurn {
  readonly input: PowInput;
  readonly resolve: (hash: PowHash) => void;
  readonly reject: (error: Error) => void;
  /** The light cache was there when it came. */
  readonly isReady: boolean;
  failures: number;
}

interface EpochQueue {
  readonly epoch: Epoch;
  readonly turns: FairTurns<Waiting>;
}

export interface VerificationQueueOptions {
  readonly keeper: CacheKeeper;
  readonly clock: Clock;
  /** Most shares of an epoch that may wait. */
  readonly bound: number;
  readonly onFailure: (error: unknown) => void;
}

/**
 * Full verifications of one verifier, in batches, with turns by sender. Shares of an epoch whose light cache is not there wait for it,
 * and have it built.
 */
export class VerificationQueue {
  readonly #options: VerificationQueueOptions;
  readonly #builder: CacheBuilder;
  /** By first block of the epoch. Only epochs for which something waits. */
  readonly #epochs = new Map<number, EpochQueue>();
  readonly #pace: Record<Lane, BatchPace> = { judged: new BatchPace(), unjudged: new BatchPace() };
  readonly #meter: LoadMeter;
  #hashing = false;
  /** When the first of those came that have come since the last batch. */
  #gatheringSinceMs: number | null = null;
  #timer: { readonly atMs: number; readonly cancel: () => void } | null = null;
  /** When the last batch began, while what comes has come since then. */
  #lettingIn: { readonly sinceMs: number; readonly cancel: () => void } | null = null;

  constructor(options: VerificationQueueOptions) {
    this.#options = options;
    const { keeper, clock } = options;
    this.#meter = new LoadMeter(clock.nowMs());
    this.#builder = new CacheBuilder({
      keeper,
      clock,
      awaited: () => [...this.#epochs.values()].map(({ epoch }) => epoch),
      onTurn: () => this.#goOn(),
      onFailure: (epoch, error) => this.#buildFailed(epoch, error),
    });
  }

  /** Shares that wait. */
  get size(): number {
    return [...this.#epochs.values()].reduce((sum, { turns }) => sum + turns.size, 0);
  }

  /** What it has had to do lately. */
  get load(): VerifierLoad {
    return this.#meter.load(this.#options.clock.nowMs());
  }

  /**
   * @param waitedMs how long it has been waiting for company already, in ms
   * @throws QueueFullError VerificationFailedError
   */
  verify(
    epoch: Epoch,
    input: PowInput,
    { lane, sender, waitedMs = 0 }: Pick<InTurn, "lane" | "sender"> & { readonly waitedMs?: number },
  ): Promise<PowHash> {
    const { clock, bound, keeper } = this.#options;
    const nowMs = clock.nowMs();
    return new Promise((resolve, reject) => {
      const queue = this.#epochs.get(epoch.firstBlock) ?? { epoch, turns: new FairTurns<Waiting>(bound) };
      const isReady = keeper.has(epoch);
      const sinceMs = Math.min(nowMs - waitedMs, this.#lettingIn?.sinceMs ?? nowMs);
      const one = { lane, sender, sinceMs, input, resolve, reject, isReady, failures: 0 };
      if (!queue.turns.add(one)) return reject(new QueueFullError(`${queue.turns.size} shares wait for verification`));
      this.#epochs.set(epoch.firstBlock, queue);
      this.#pace[lane].arrived(nowMs);
      this.#gatheringSinceMs ??= nowMs;
      this.#goOn();
    });
  }

  /**
   * Waits until what is `judged` is judged, or until it is settled whether the light cache of `epoch` can be had: while another epoch's is
   * being built, its own has not been begun.
   * @param untilMs when it is given up, Unix time in ms
   * @returns null where it was not judged, but the other
   */
  async settled<T>(epoch: Epoch, judged: Promise<T>, untilMs: number): Promise<T | null> {
    const { keeper, clock } = this.#options;
    let value: T | null = null;
    while (value === null && !keeper.canHave(epoch) && keeper.status.error === null && clock.nowMs() < untilMs)
      value = await within(clock, LOOK_MS, judged, null);
    return value;
  }

  /** Has the light cache of `epoch` ready soon, without disturbing what is being verified. Returns at once. */
  prepare(epoch: Epoch): void {
    this.#builder.prepare(epoch);
  }

  /**
   * Begins what is due. Every arrival comes here, not only the timer: a flood keeps timers from their turn for as long as it lasts, and
   * batches must follow each other all the same. Short of that a timer begins: its turn comes when all that has arrived has been let in, and
   * where shares have waited in bundles already, each bundle would else be a batch of its own.
   */
  #goOn(isTimer = false): void {
    if (this.#hashing || this.#epochs.size === 0) return;
    const { keeper, clock } = this.#options;
    const ready = [...this.#epochs.values()].find(({ epoch }) => keeper.has(epoch));
    if (ready === undefined || this.#epochs.size > 1) this.#builder.start();
    if (!ready) return;
    const nowMs = clock.nowMs();
    const startAtMs = this.#startAtMs(ready.turns, nowMs);
    if (startAtMs > nowMs || !(isTimer || this.#isPressing(ready.turns, nowMs))) return this.#goOnAt(startAtMs);
    this.#hashing = true;
    queueMicrotask(() => {
      this.#hashing = false;
      // Another object of this isolate may have taken the memory for another epoch in between.
      if (keeper.has(ready.epoch)) {
        this.#hashBatch(ready);
        this.#letIn(nowMs);
      }
      this.#gatheringSinceMs = this.#epochs.size > 0 ? clock.nowMs() : null;
      // Before the next batch what has arrived meanwhile is let in, and the answers out.
      if (this.#epochs.size > 0) this.#goOnAt(nowMs);
    });
  }

  #letIn(sinceMs: number): void {
    this.#lettingIn?.cancel();
    const cancel = this.#options.clock.after(LET_IN_MS, () => (this.#lettingIn = null));
    this.#lettingIn = { sinceMs, cancel };
  }

  #goOnAt(atMs: number): void {
    const { clock } = this.#options;
    if (this.#timer && this.#timer.atMs <= atMs) return;
    this.#timer?.cancel();
    const cancel = clock.after(Math.max(0, atMs - clock.nowMs()), () => {
      this.#timer = null;
      this.#goOn(true);
    });
    this.#timer = { atMs, cancel };
  }

  #startAtMs(turns: FairTurns<Waiting>, nowMs: number): number {
    const starts = LANES.map((lane) => {
      const count = turns.count(lane);
      return count === 0 ? Infinity : this.#pace[lane].startAtMs(count, () => turns.oldestMs(lane), nowMs);
    });
    return Math.min(...starts);
  }

  /** Nobody's company is waited for, or no timer has had its turn for too long. */
  #isPressing(turns: FairTurns<Waiting>, nowMs: number): boolean {
    if (nowMs - (this.#gatheringSinceMs ?? nowMs) >= LONGEST_MS) return true;
    return LANES.some((lane) => {
      const count = turns.count(lane);
      return count >= LARGEST_HASH_BATCH || (count > 0 && !this.#pace[lane].isWorthWaiting(nowMs));
    });
  }

  #hashBatch(queue: EpochQueue): void {
    const { keeper, clock, onFailure } = this.#options;
    const nowMs = clock.nowMs();
    const batch = queue.turns.take(LARGEST_HASH_BATCH);
    try {
      const hashes = keeper.hash(
        queue.epoch,
        batch.map((one) => one.input),
      );
      batch.forEach((one, at) => {
        const hash = hashes[at];
        if (one.lane === "judged" && one.isReady) this.#meter.verified(nowMs - one.sinceMs, nowMs);
        if (hash) one.resolve(hash);
        else one.reject(new VerificationFailedError("the kernel gave fewer hashes than shares"));
      });
    } catch (error) {
      onFailure(error);
      queue.turns.giveBack(batch);
      this.#failed(queue, batch, error);
    }
    this.#forgetEmpty(queue);
  }

  #buildFailed(epoch: Epoch, error: unknown): void {
    this.#options.onFailure(error);
    const queue = this.#epochs.get(epoch.firstBlock);
    if (!queue) return;
    this.#failed(queue, queue.turns.all(), error);
    this.#forgetEmpty(queue);
  }

  /** They are tried again with a fresh instance, unless that has happened too often. */
  #failed(queue: EpochQueue, shares: readonly Waiting[], error: unknown): void {
    for (const one of shares) one.failures += 1;
    for (const one of queue.turns.remove(({ failures }) => failures >= ATTEMPTS))
      one.reject(new VerificationFailedError("the kernel failed repeatedly", { cause: error }));
  }

  #forgetEmpty({ epoch, turns }: EpochQueue): void {
    if (turns.size === 0) this.#epochs.delete(epoch.firstBlock);
  }
}
