import type { WorkSnapshot } from "./job.ts";

export interface FanOutDeps {
  /** Delivers to one target and says how many connections stand behind it. A rejection is tried again. */
  readonly send: (target: string, work: WorkSnapshot) => Promise<number>;
  /** Nobody is behind that target any more. */
  readonly onGone: (target: string) => void;
  readonly wait: (ms: number) => Promise<void>;
  /** Deliveries that may be under way at once, slow ones not counted. */
  readonly concurrency: number;
  /** A delivery that takes longer gives its place to another target. */
  readonly slowAfterMs: number;
}

/** Pauses before a failed delivery is tried again; after the last one it waits for the next job. */
const RETRY_AFTER_MS = [100, 500, 2000] as const;

/** How often it is looked whether all have answered. */
const LOOK_EVERY_MS = 10;

interface Target {
  /** Grows with every subscription: a `0` from a push of before is not believed. */
  subscription: number;
  /** Null before the first answer. */
  connections: number | null;
  sentSequence: number;
  busy: boolean;
  /** It stands in the queue. */
  waiting: boolean;
  failures: number;
}

/**
 * Brings the newest work to every target. Each target has one delivery under way at most and takes the newest work when it begins,
 * so that no target can get an older job after a newer one, and what it could not take in time is skipped, not queued.
 */
export class FanOut {
  readonly #deps: FanOutDeps;
  readonly #targets = new Map<string, Target>();
  /** Names whose turn is to come, from `#next` on. Not a Set: iterating one past 100,000 removed entries, again and again, took 10 s. */
  #queue: string[] = [];
  #next = 0;
  #work: WorkSnapshot | null = null;
  /** One entry for each delivery under way that is not slow. */
  readonly #places = new Set<Target>();
  #sweeping = false;

  constructor(deps: FanOutDeps) {
    this.#deps = deps;
  }

  get size(): number {
    return this.#targets.size;
  }

  /** What every target answered last: connections or logins behind it; null where it has not answered yet. */
  *counts(): Iterable<readonly [target: string, count: number | null]> {
    for (const [name, { connections }] of this.#targets) yield [name, connections];
  }

  /** True while there are targets whose delivery has not begun. */
  get pending(): boolean {
    return this.#next < this.#queue.length;
  }

  /** Resolves when every target has answered to what was published last, at the latest after about `withinMs`. */
  async delivered(withinMs: number): Promise<void> {
    const isBusy = () => this.pending || [...this.#targets.values()].some(({ busy }) => busy);
    for (let waitedMs = 0; waitedMs < withinMs && isBusy(); waitedMs += LOOK_EVERY_MS)
      await this.#deps.wait(LOOK_EVERY_MS);
  }

  /**
   * A target that wants pushes; one that is known already is renewed.
   * @returns false when it was known
   */
  add(name: string): boolean {
    const known = this.#targets.get(name);
    if (known !== undefined) {
      known.subscription += 1;
      return false;
    }
    this.#targets.set(name, {
      subscription: 1,
      connections: null,
      sentSequence: 0,
      busy: false,
      waiting: false,
      failures: 0,
    });
    return true;
  }

  /** @returns false when it was not known */
  remove(name: string): boolean {
    return this.#targets.delete(name);
  }

  /** What a target was sent last may not have arrived: it gets the newest work once more. */
  again(name: string): void {
    const target = this.#targets.get(name);
    if (target === undefined || this.#work === null) return;
    if (target.busy) target.sentSequence = Math.min(target.sentSequence, this.#work.sequence - 1);
    else this.#enqueue(name, target);
    this.#pump();
  }

  /** Brings `work` to all. Work that is older than what went out before is ignored; the same work again goes to all again. */
  publish(work: WorkSnapshot): void {
    if (this.#work !== null && work.sequence < this.#work.sequence) return;
    this.#work = work;
    for (const [name, target] of this.#targets) {
      target.failures = 0;
      if (target.busy) target.sentSequence = Math.min(target.sentSequence, work.sequence - 1);
      else this.#enqueue(name, target);
    }
    this.#pump();
  }

  #enqueue(name: string, target: Target): void {
    if (target.waiting) return;
    target.waiting = true;
    this.#queue.push(name);
  }

  #pump(): void {
    while (this.#next < this.#queue.length) {
      if (this.#places.size >= this.#deps.concurrency) return void this.#sweep();
      const name = this.#queue[this.#next] ?? "";
      this.#next += 1;
      const target = this.#targets.get(name);
      // Whoever left meanwhile, or left and came back, stands there in vain.
      if (target?.waiting !== true || this.#work === null) continue;
      target.waiting = false;
      void this.#deliver(name, target, this.#work);
    }
    this.#queue = [];
    this.#next = 0;
  }

  async #deliver(name: string, target: Target, work: WorkSnapshot): Promise<void> {
    const { subscription } = target;
    target.busy = true;
    target.sentSequence = work.sequence;
    this.#places.add(target);
    const connections = await this.#attempt(name, work);
    this.#places.delete(target);
    target.busy = false;
    this.#pump();
    if (connections === null) await this.#pauseBeforeRetry(target, work);
    else {
      target.failures = 0;
      target.connections = connections;
    }
    if (this.#targets.get(name) !== target) return;
    if (connections === 0 && target.subscription === subscription) {
      this.remove(name);
      this.#deps.onGone(name);
    } else if (!target.busy && this.#work !== null && target.sentSequence < this.#work.sequence) {
      this.#enqueue(name, target);
      this.#pump();
    }
  }

  /** Null: it failed. */
  async #attempt(name: string, work: WorkSnapshot): Promise<number | null> {
    try {
      return await this.#deps.send(name, work);
    } catch {
      return null;
    }
  }

  /** While all places are taken: whoever has held one for `slowAfterMs` loses it. One timer, however many deliveries. */
  async #sweep(): Promise<void> {
    if (this.#sweeping) return;
    this.#sweeping = true;
    const before = [...this.#places];
    await this.#deps.wait(this.#deps.slowAfterMs);
    this.#sweeping = false;
    for (const target of before) this.#places.delete(target);
    this.#pump();
  }

  async #pauseBeforeRetry(target: Target, work: WorkSnapshot): Promise<void> {
    const pauseMs = RETRY_AFTER_MS[target.failures];
    target.failures += 1;
    if (pauseMs === undefined) return;
    await this.#deps.wait(pauseMs);
    // Newer work may have gone out meanwhile: that is then what counts.
    if (!target.busy && target.sentSequence === work.sequence) target.sentSequence = work.sequence - 1;
  }
}
