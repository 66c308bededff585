import { setImmediate as settle } from "node:timers/promises";
import TinyQueue from "tinyqueue";

interface Event {
  readonly atMs: number;
  /** Events of one moment happen in the order in which they were asked for. */
  readonly order: number;
  readonly run: () => void;
}

/** A clock that jumps from one event to the next. Real promises run in it: after each event everything that it settles is let through. */
export class VirtualTime {
  readonly #queue = new TinyQueue<Event>([], (one, other) => one.atMs - other.atMs || one.order - other.order);
  #order = 0;
  #nowMs = 0;

  get nowMs(): number {
    return this.#nowMs;
  }

  /** @param atMs not before now */
  at(atMs: number, run: () => void): void {
    this.#queue.push({ atMs: Math.max(atMs, this.#nowMs), order: this.#order++, run });
  }

  wait(ms: number): Promise<void> {
    return new Promise((resolve) => this.at(this.#nowMs + ms, resolve));
  }

  /** Runs until nothing is left to happen. */
  async run(): Promise<void> {
    for (let event = this.#queue.pop(); event !== undefined; event = this.#queue.pop()) {
      this.#nowMs = event.atMs;
      event.run();
      await settle();
    }
  }
}

/** The one thread of a Durable Object: work is done in the order in which it comes. */
export class Thread {
  readonly #time: VirtualTime;
  #freeAtMs = 0;
  #busyMs = 0;

  constructor(time: VirtualTime) {
    this.#time = time;
  }

  /** Computing done so far. */
  get busyMs(): number {
    return this.#busyMs;
  }

  /** @returns when work of that length, asked for now, is done */
  compute(ms: number): number {
    this.#freeAtMs = Math.max(this.#freeAtMs, this.#time.nowMs) + ms;
    this.#busyMs += ms;
    return this.#freeAtMs;
  }
}
