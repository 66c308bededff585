import type { PowHash, PowInput } from "ethash-wasm";
import type { Epoch } from "../chain-spec.ts";
import { sleep, type Clock } from "../clock.ts";
import { LARGEST_HASH_BATCH, type CacheKeeper } from "./cache-keeper.ts";

/** How often the hashes of one share are tried anew after the kernel failed under it. */
const ATTEMPTS = 3;

/**
 * How long a complete cache is kept for late shares of its epoch after the first work of the next one. Miners need tens of
 * seconds for their dataset of a new epoch, so nobody waits for the switch; late shares come within a network round trip.
 */
const GRACE_MS = 1_500;

/** A turn that comes later than this builds three slices (15 ms) instead of one. */
const STARVED_MS = 50;
const STARVED_SLICES = 3;

/** The queue is full: the share was not taken. */
export class QueueFullError extends Error {
  override readonly name = "QueueFullError";
}

/** The kernel failed again and again: the share could not be judged. */
export class VerificationFailedError extends Error {
  override readonly name = "VerificationFailedError";
}

interface Waiting {
  readonly input: PowInput;
  readonly resolve: (hash: PowHash) => void;
  readonly reject: (error: Error) => void;
  failures: number;
}

export interface VerificationQueueOptions {
  readonly keeper: CacheKeeper;
  readonly clock: Clock;
  /** Most shares that may wait. */
  readonly bound: number;
  readonly onFailure: (error: unknown) => void;
}

/**
 * Full verifications of one verifier. A lone share is hashed at once; what arrives while the processor works is hashed
 * together. Shares of an epoch whose light cache is not there wait for it, and drive its building in slices.
 */
export class VerificationQueue {
  readonly #options: VerificationQueueOptions;
  readonly #waiting = new Map<number, { readonly epoch: Epoch; shares: Waiting[] }>();
  #size = 0;
  #running = false;
  /** Epoch that is to be ready although no share waits for it, and from when on. */
  #wanted: { readonly epoch: Epoch; readonly fromMs: number } | null = null;

  constructor(options: VerificationQueueOptions) {
    this.#options = options;
  }

  /** Shares that wait. */
  get size(): number {
    return this.#size;
  }

  /** @throws QueueFullError VerificationFailedError */
  verify(epoch: Epoch, input: PowInput): Promise<PowHash> {
    if (this.#size >= this.#options.bound)
      return Promise.reject(new QueueFullError(`${this.#size} shares wait for verification`));
    return new Promise((resolve, reject) => {
      let group = this.#waiting.get(epoch.firstBlock);
      if (!group) this.#waiting.set(epoch.firstBlock, (group = { epoch, shares: [] }));
      group.shares.push({ input, resolve, reject, failures: 0 });
      this.#size += 1;
      this.#start();
    });
  }

  /** Has the light cache of `epoch` ready soon, without disturbing what is being verified. Returns at once. */
  prepare(epoch: Epoch): void {
    const { keeper, clock } = this.#options;
    if (keeper.has(epoch) || this.#wanted?.epoch.firstBlock === epoch.firstBlock) return;
    const graceMs = keeper.status.epoch === null || keeper.fitsBeside(epoch) ? 0 : GRACE_MS;
    this.#wanted = { epoch, fromMs: clock.nowMs() + graceMs };
    if (graceMs === 0) this.#start();
    else clock.after(graceMs, () => this.#start());
  }

  #start(): void {
    if (this.#running) return;
    this.#running = true;
    queueMicrotask(() => void this.#run());
  }

  async #run(): Promise<void> {
    const { clock } = this.#options;
    let slices = 1;
    while (this.#size > 0 || this.#due()) {
      const pauseMs = this.#hashReady() || this.#buildSlices(slices) ? 0 : 50;
      const leftMs = clock.nowMs();
      // Lets everything in that has arrived meanwhile: it is hashed together next.
      await sleep(clock, pauseMs);
      // A flood keeps timers from their turn: gaps of 0.3 to 2 s a slice were seen, and a cache that took 25 s instead of one.
      slices = clock.nowMs() - leftMs > pauseMs + STARVED_MS ? STARVED_SLICES : 1;
    }
    this.#running = false;
  }

  #due(): Epoch | null {
    const { clock } = this.#options;
    return this.#wanted && this.#wanted.fromMs <= clock.nowMs() ? this.#wanted.epoch : null;
  }

  /** Hashes one batch of shares whose cache is there. @returns false when there are none */
  #hashReady(): boolean {
    const { keeper } = this.#options;
    const group = [...this.#waiting.values()].find(({ epoch }) => keeper.has(epoch));
    if (!group) return false;
    const batch = group.shares.slice(0, LARGEST_HASH_BATCH);
    try {
      const hashes = keeper.hash(
        group.epoch,
        batch.map((one) => one.input),
      );
      batch.forEach((one, at) => {
        const hash = hashes[at];
        if (hash) one.resolve(hash);
        else one.reject(new VerificationFailedError("the kernel gave fewer hashes than shares"));
      });
      this.#drop(group.epoch, (one) => batch.includes(one));
    } catch (error) {
      this.#failed(group.epoch, batch, error);
    }
    return true;
  }

  #buildSlices(count: number): boolean {
    for (let slice = 0; slice < count; slice++) if (!this.#buildSlice()) return slice > 0;
    return true;
  }

  /** One slice for the newest epoch that is waited for; failing that its turn, for an older one. @returns false when nothing could be done */
  #buildSlice(): boolean {
    const { keeper, clock } = this.#options;
    const epochs = [...this.#waiting.values()].map((group) => group.epoch);
    const wanted = this.#due();
    if (wanted) epochs.push(wanted);
    for (const epoch of epochs.toSorted((a, b) => b.firstBlock - a.firstBlock)) {
      try {
        const step = keeper.step(epoch, clock.nowMs());
        if (step === "ready" && epoch.firstBlock === this.#wanted?.epoch.firstBlock) this.#wanted = null;
        if (step !== "waiting") return true;
      } catch (error) {
        this.#failed(epoch, this.#waiting.get(epoch.firstBlock)?.shares ?? [], error);
        if (epoch === wanted) this.#wanted = null;
        return false;
      }
    }
    return false;
  }

  /** They are tried again with a fresh instance, unless that has happened too often. */
  #failed(epoch: Epoch, shares: readonly Waiting[], error: unknown): void {
    this.#options.onFailure(error);
    for (const one of shares) {
      one.failures += 1;
      if (one.failures >= ATTEMPTS)
        one.reject(new VerificationFailedError("the kernel failed repeatedly", { cause: error }));
    }
    this.#drop(epoch, (one) => one.failures >= ATTEMPTS);
  }

  #drop(epoch: Epoch, gone: (one: Waiting) => boolean): void {
    const group = this.#waiting.get(epoch.firstBlock);
    if (!group) return;
    const kept = group.shares.filter((one) => !gone(one));
    this.#size -= group.shares.length - kept.length;
    group.shares = kept;
    if (kept.length === 0) this.#waiting.delete(epoch.firstBlock);
  }
}
