import {
  MAX_BATCH,
  SLICE_ITEMS,
  type CacheBuild,
  type Ethash,
  type PowHash,
  type PowInput,
} from "@edgepool/ethash-wasm";
import type { Epoch } from "../chain-spec.ts";

/** The part of `ethash-wasm`'s `Ethash` that the pool verifies with. After a trap the instance is a fresh one without a cache. */
export interface PowKernel extends Pick<Ethash, "epoch" | "hashBatch" | "resultOf"> {
  startCache(epoch: Epoch): Pick<CacheBuild, "epoch" | "step" | "progress" | "done">;
}

/** The most shares that are hashed in one call: 32 take about 20 ms (wasm/README.md, Measured), and more gain nothing. */
export const LARGEST_HASH_BATCH = MAX_BATCH;

/**
 * How long the cache of a newer epoch is kept before shares of an older one get theirs back. By then their jobs have left
 * the backlog of three heights, so that one switch back serves all of them.
 */
export const STRAGGLER_WAIT_MS = 60_000;

/** An epoch and the next one, where both are small. */
const MOST_CACHES = 2;

/** After a failed build, how long none is begun: what failed for want of memory would fail at once again. */
const REST_AFTER_FAILURE_MS = 1_000;

interface Slot {
  readonly kernel: PowKernel;
  /** Epoch of its cache, complete or being built. */
  epoch: Epoch | null;
  build: ReturnType<PowKernel["startCache"]> | null;
}

/** What {@link CacheKeeper.step} came to. `waiting`: another epoch has the memory for now. */
export type CacheStep = "ready" | "building" | "waiting";

/**
 * The light caches of an isolate: as many as its memory budget holds, at least one. It never works by itself; whoever needs
 * a cache drives the build step by step, so that it goes on although any one of the objects that share it may be gone.
 */
export class CacheKeeper {
  readonly #create: () => PowKernel;
  readonly #budgetBytes: number;
  #slots: Slot[] = [];
  /** First block of the newest epoch that was begun, and when. Epochs go by their first block: ECIP-1099 gives numbers out twice. */
  #newestSince = { firstBlock: -1, atMs: -Infinity };
  #restUntilMs = -Infinity;
  /** Of the largest cache that memory was found for since the last failure. */
  #grantedBytes = 0;
  /** Why the last build came to nothing; null once one has succeeded. */
  #buildError: string | null = null;

  /**
   * @param create makes a kernel instance without a cache
   * @param budgetBytes a second light cache is only kept while both together need no more
   */
  constructor(create: () => PowKernel, budgetBytes: number) {
    this.#create = create;
    this.#budgetBytes = budgetBytes;
  }

  /** Whether shares of this epoch can be hashed now. */
  has(epoch: Epoch): boolean {
    return this.#ready(epoch) !== undefined;
  }

  /** Whether this epoch's cache fits beside the ones that are kept. */
  fitsBeside(epoch: Epoch): boolean {
    const kept = this.#slots.reduce((sum, slot) => sum + (slot.epoch?.cacheBytes ?? 0), 0);
    return this.#slots.length < MOST_CACHES && kept + epoch.cacheBytes <= this.#budgetBytes;
  }

  /** The newest epoch whose cache is complete, and how far the build in progress is (1 without one, 0 before the first). */
  get status(): { readonly epoch: number | null; readonly progress: number; readonly error: string | null } {
    const complete = this.#slots.filter((slot) => slot.kernel.epoch).toSorted((a, b) => startOf(a) - startOf(b));
    const building = this.#slots.find((slot) => slot.build)?.build;
    const epoch = complete.at(-1)?.kernel.epoch?.number ?? null;
    return { epoch, progress: building?.progress ?? (epoch === null ? 0 : 1), error: this.#buildError };
  }

  /**
   * Whether shares of this epoch can be hashed sooner or later: its cache is there or is being built, or there was memory for one that is
   * at least as large. Only then may anything be promised on a claim.
   */
  canHave(epoch: Epoch): boolean {
    return this.has(epoch) || epoch.cacheBytes <= this.#grantedBytes;
  }

  /**
   * Full hashes, in the order given; at most {@link LARGEST_HASH_BATCH}. The cache must be there ({@link has}).
   * @throws KernelTrapError the cache is gone then
   */
  hash(epoch: Epoch, inputs: readonly PowInput[]): PowHash[] {
    const slot = this.#ready(epoch);
    if (!slot) throw new Error(`no light cache of epoch ${epoch.number}`);
    return slot.kernel.hashBatch(inputs.slice(0, LARGEST_HASH_BATCH));
  }

  /** The cheap test's result; needs no cache. @throws KernelTrapError */
  resultOf(header: string, nonce: string, mixDigest: string): Uint8Array {
    return this.#anySlot().kernel.resultOf(header, nonce, mixDigest);
  }

  /**
   * Does one slice of the work that `epoch` needs, if its turn has come. A build that was begun is always finished, by whoever needs any, and an
   * older epoch waits {@link STRAGGLER_WAIT_MS} behind a newer one: else two objects on both sides of a boundary would take
   * the memory from each other for ever.
   * @throws MemoryError KernelTrapError
   */
  step(epoch: Epoch, nowMs: number): CacheStep {
    if (this.has(epoch)) return "ready";
    try {
      // Whoever began another epoch's may be gone, or want this one by now: it is brought to its end first.
      const slot = this.#slots.find(({ build }) => build) ?? this.#begin(epoch, nowMs);
      if (!slot?.build) return "waiting";
      slot.build.step(SLICE_ITEMS);
      if (!slot.build.done) return "building";
      slot.build = null;
      this.#buildError = null;
      return this.has(epoch) ? "ready" : "building";
    } catch (error) {
      this.#grantedBytes = 0;
      this.#buildError = error instanceof Error ? error.message : String(error);
      this.#slots = this.#slots.filter((slot) => slot.build === null && slot.kernel.epoch !== null);
      this.#restUntilMs = nowMs + REST_AFTER_FAILURE_MS;
      throw error;
    }
  }

  #begin(epoch: Epoch, nowMs: number): Slot | null {
    if (nowMs < this.#restUntilMs) return null;
    const older = epoch.firstBlock < this.#newestSince.firstBlock;
    const fits = this.fitsBeside(epoch);
    if (older && !fits && nowMs - this.#newestSince.atMs < STRAGGLER_WAIT_MS) return null;
    if (!older) this.#newestSince = { firstBlock: epoch.firstBlock, atMs: nowMs };
    const slot = this.#slotFor(epoch, fits);
    slot.epoch = epoch;
    slot.build = slot.kernel.startCache(epoch);
    // It has taken its memory with that.
    this.#grantedBytes = Math.max(this.#grantedBytes, epoch.cacheBytes);
    return slot;
  }

  /** A slot without a cache, else a new one where it fits, else the one of the oldest epoch. */
  #slotFor(epoch: Epoch, fits: boolean): Slot {
    const free = this.#slots.find((slot) => slot.kernel.epoch === null);
    if (free) return free;
    const [oldest, newest] = this.#slots.toSorted((a, b) => startOf(a) - startOf(b));
    if (!oldest || fits) return this.#addSlot();
    const keep = newest && (newest.epoch?.cacheBytes ?? 0) + epoch.cacheBytes <= this.#budgetBytes;
    this.#slots = keep ? [oldest, newest] : [oldest];
    return oldest;
  }

  #addSlot(): Slot {
    const slot: Slot = { kernel: this.#create(), epoch: null, build: null };
    this.#slots.push(slot);
    return slot;
  }

  #anySlot(): Slot {
    return this.#slots[0] ?? this.#addSlot();
  }

  #ready(epoch: Epoch): Slot | undefined {
    return this.#slots.find((slot) => slot.kernel.epoch?.firstBlock === epoch.firstBlock);
  }
}

const startOf = (slot: Slot): number => slot.epoch?.firstBlock ?? -1;
