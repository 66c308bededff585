import type { Epoch } from "../chain-spec.ts";
import { sleep, type Clock } from "../clock.ts";
import type { CacheKeeper } from "./cache-keeper.ts";

/**
 * How long a complete cache is kept for late shares of its epoch after the first work of the next one. Miners need tens of
 * seconds for their dataset of a new epoch, so nobody waits for the switch; late shares come within a network round trip.
 */
const GRACE_MS = 1_500;

/** A turn that comes later than this builds three slices (15 ms) instead of one. */
const STARVED_MS = 50;
const STARVED_SLICES = 3;

/** How long nothing is tried where nothing can be done: another epoch has the memory, or a build has just failed. */
const REST_MS = 50;

export interface CacheBuilderOptions {
  readonly keeper: CacheKeeper;
  readonly clock: Clock;
  /** Epochs for whose light cache something waits. */
  readonly awaited: () => readonly Epoch[];
  /** After every turn: a cache may be there, by this builder's work or another's. */
  readonly onTurn: () => void;
  readonly onFailure: (epoch: Epoch, error: unknown) => void;
}

/** Drives the building of light caches in slices, for as long as one is awaited or was asked for. */
export class CacheBuilder {
  readonly #options: CacheBuilderOptions;
  #running = false;
  /** Epoch that is to be ready although nothing waits for it, and from when on. */
  #wanted: { readonly epoch: Epoch; readonly fromMs: number } | null = null;

  constructor(options: CacheBuilderOptions) {
    this.#options = options;
  }

  /** Has the light cache of `epoch` ready soon, without disturbing what is being verified. Returns at once. */
  prepare(epoch: Epoch): void {
    const { keeper, clock } = this.#options;
    if (keeper.has(epoch) || this.#wanted?.epoch.firstBlock === epoch.firstBlock) return;
    const graceMs = keeper.status.epoch === null || keeper.fitsBeside(epoch) ? 0 : GRACE_MS;
    this.#wanted = { epoch, fromMs: clock.nowMs() + graceMs };
    if (graceMs === 0) this.start();
    else clock.after(graceMs, () => this.start());
  }

  /** Something may have to be built. */
  start(): void {
    if (this.#running) return;
    this.#running = true;
    queueMicrotask(() => void this.#run());
  }

  async #run(): Promise<void> {
    const { clock, onTurn } = this.#options;
    let slices = 1;
    for (let epochs = this.#missing(); epochs.length > 0; epochs = this.#missing()) {
      const pauseMs = this.#buildSlices(epochs, slices) ? 0 : REST_MS;
      const leftMs = clock.nowMs();
      await sleep(clock, pauseMs);
      // A flood keeps timers from their turn: gaps of 0.3 to 2 s a slice were seen, and a cache that took 25 s instead of one.
      slices = clock.nowMs() - leftMs > pauseMs + STARVED_MS ? STARVED_SLICES : 1;
      onTurn();
    }
    this.#running = false;
    onTurn();
  }

  /** What is to be built, the newest first. */
  #missing(): Epoch[] {
    const { keeper, clock, awaited } = this.#options;
    const wanted = this.#wanted;
    if (wanted && keeper.has(wanted.epoch)) this.#wanted = null;
    const due = wanted && wanted.fromMs <= clock.nowMs() ? [wanted.epoch] : [];
    return [...awaited(), ...due].filter((epoch) => !keeper.has(epoch)).toSorted((a, b) => b.firstBlock - a.firstBlock);
  }

  #buildSlices(epochs: readonly Epoch[], count: number): boolean {
    for (let slice = 0; slice < count; slice++) if (!this.#buildSlice(epochs)) return slice > 0;
    return true;
  }

  /** One slice for the newest epoch; failing that its turn, for an older one. @returns false when nothing could be done */
  #buildSlice(epochs: readonly Epoch[]): boolean {
    const { keeper, clock, onFailure } = this.#options;
    for (const epoch of epochs) {
      try {
        if (keeper.step(epoch, clock.nowMs()) !== "waiting") return true;
      } catch (error) {
        if (epoch.firstBlock === this.#wanted?.epoch.firstBlock) this.#wanted = null;
        onFailure(epoch, error);
        return false;
      }
    }
    return false;
  }
}
