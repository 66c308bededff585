/** While a node pushes its work by itself, polls only look whether it still does. */
const RELAXED_MS = 5_000;
/** A node that has not pushed for so long may have stopped. */
const PUSHES_LAST_MS = 60_000;

export interface PollPaceOptions {
  readonly refreshIntervalMs: number;
  readonly maxAgeMs: number;
}

/** How long to wait between two polls of the nodes: `blockRefreshInterval`, or longer while `POST /notify` brings new heights first. */
export class PollPace {
  readonly #options: PollPaceOptions;
  #isPushedFirst = false;
  #pushedAtMs = -Infinity;

  constructor(options: PollPaceOptions) {
    this.#options = options;
  }

  /** Work came in. @param isHigher than all work before it */
  heard(via: "push" | "poll", isHigher: boolean, nowMs: number): void {
    if (isHigher) this.#isPushedFirst = via === "push";
    if (via === "push") this.#pushedAtMs = nowMs;
  }

  /** @param isWell the last poll of the node that work comes from brought work */
  intervalMs(isWell: boolean, nowMs: number): number {
    const { refreshIntervalMs, maxAgeMs } = this.#options;
    const works = this.#isPushedFirst && nowMs - this.#pushedAtMs < PUSHES_LAST_MS;
    if (!works || !isWell) return refreshIntervalMs;
    return Math.max(refreshIntervalMs, Math.min(RELAXED_MS, maxAgeMs / 3));
  }
}
