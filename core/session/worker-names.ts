import { RecentMap } from "../bounded-map.ts";
import type { Clock } from "../clock.ts";
import { DEFAULT_WORKER } from "../policy/login.ts";

/** A name without a share for so long makes room for another: the ledger's hashrate has forgotten it as well. */
const AWAY_MS = 3 * 3_600_000;

/**
 * The names under which a login's shares count. Every one is entries in the ledger, rows of history and memory, and a submit may name
 * another each time: beyond a number, new ones count as {@link DEFAULT_WORKER}. A name has its place by a valid share, so that nobody's junk
 * takes it from a rig.
 */
export class WorkerNames {
  readonly #limit: number;
  readonly #clock: Pick<Clock, "nowMs">;
  /** When each had its last valid share, Unix time in ms; the longest ago comes first. */
  readonly #seenMs: RecentMap<string, number>;

  constructor(limit: number, clock: Pick<Clock, "nowMs">) {
    this.#limit = limit;
    this.#clock = clock;
    this.#seenMs = new RecentMap(limit);
  }

  /** The name under which a worker counts. */
  of(worker: string): string {
    if (this.#seenMs.has(worker) || this.#seenMs.size < this.#limit) return worker;
    const [oldestMs = -Infinity] = this.#seenMs.values();
    return this.#clock.nowMs() - oldestMs >= AWAY_MS ? worker : DEFAULT_WORKER;
  }

  /** A share under that name was valid. @param name as {@link WorkerNames.of} gave it */
  note(name: string): void {
    if (name !== DEFAULT_WORKER) this.#seenMs.set(name, this.#clock.nowMs());
  }
}
