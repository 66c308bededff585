import type { Epoch } from "./chain-spec.ts";
import { ArgumentError, BuildAbandonedError } from "./errors.ts";
import type { Kernel } from "./kernel.ts";

/** Rounds of RandMemoHash after the first chain (the specification's CACHE_ROUNDS). */
const CACHE_ROUNDS = 3;

/**
 * Items a call into the kernel, 0.3 to 1.2 ms. Short calls let the clock be read often, and they run optimised code: V8
 * has no on-stack replacement for WebAssembly loops, so one call for a whole pass stays in the baseline tier (6.1 s
 * instead of 1.26 s for a cache).
 */
const ITEMS_A_CALL = 4096;

/** Items of a slice unless the caller says otherwise: 5 ms, below 20 ms even where the machine is three times slower. */
export const SLICE_ITEMS = 16_384;

/** A light cache in the making. Drive it with {@link step} between other work until it is {@link done}. */
export class CacheBuild {
  /** The epoch that it is built for. */
  readonly epoch: Epoch;
  readonly #items: number;
  readonly #run: (work: (kernel: Kernel) => void) => void;
  readonly #complete: () => void;
  /** Items computed so far: pass 0 is the first chain, 1 to 3 are the rounds of RandMemoHash. */
  #position = 0;
  #abandoned = false;

  /** @internal use `Ethash.startCache` */
  constructor(epoch: Epoch, items: number, run: (work: (kernel: Kernel) => void) => void, complete: () => void) {
    this.epoch = epoch;
    this.#items = items;
    this.#run = run;
    this.#complete = complete;
    run((kernel) => {
      kernel.setCacheItems(items);
      kernel.seedHash(epoch.seedRounds);
    });
  }

  /** 0 to 1. */
  get progress(): number {
    return this.#position / (this.#items * (1 + CACHE_ROUNDS));
  }

  /** Whether the cache is complete and in use. */
  get done(): boolean {
    return this.progress === 1;
  }

  /** Whether the build was given up: another one was started, or the kernel trapped. `step` then throws. */
  get abandoned(): boolean {
    return this.#abandoned;
  }

  /**
   * Computes the next `items` items, or fewer where the cache is complete before. Work is measured in items because the
   * clock of a Worker stands still while it computes. An item takes about 0.3 µs.
   * @returns progress, 0 to 1
   * @throws BuildAbandonedError, KernelTrapError, ArgumentError where `items` is not above 0
   */
  step(items: number = SLICE_ITEMS): number {
    if (!(items > 0)) throw new ArgumentError("items", `${items} is not a number above 0`);
    if (this.#abandoned) throw new BuildAbandonedError();
    const end = Math.min(this.#items * (1 + CACHE_ROUNDS), this.#position + Math.ceil(items));
    while (this.#position < end) this.#advance(end);
    return this.progress;
  }

  /** @internal */
  abandon(): void {
    this.#abandoned = true;
  }

  #advance(end: number): void {
    const pass = Math.floor(this.#position / this.#items);
    const from = this.#position - pass * this.#items;
    const to = Math.min(this.#items, from + ITEMS_A_CALL, end - pass * this.#items);
    this.#run((kernel) => (pass === 0 ? kernel.fillCache(from, to) : kernel.mixCache(from, to)));
    this.#position = pass * this.#items + to;
    if (this.done) this.#complete();
  }
}
