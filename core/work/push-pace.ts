import type { WorkSnapshot } from "./job.ts";

export interface PushPaceOptions {
  /** Sessions hear of another header of the same height no more often. */
  readonly recommitIntervalMs: number;
  /** Work that was not confirmed for so long is not handed out. */
  readonly maxAgeMs: number;
}

/**
 * When sessions must hear of the work there is. A push costs a call a login: that a node has put a few more transactions into the same
 * block is worth next to nothing, and whoever asks gets the newest anyway (docs/decisions/0049-the-bill.md).
 */
export class PushPace {
  readonly #options: PushPaceOptions;
  #pushed: { readonly work: WorkSnapshot; readonly node: string | null; readonly atMs: number } | null = null;

  constructor(options: PushPaceOptions) {
    this.#options = options;
  }

  /** What was pushed last. */
  get work(): WorkSnapshot | null {
    return this.#pushed?.work ?? null;
  }

  /** @param node that the current job is from, null where nobody knows */
  isDue(work: WorkSnapshot, node: string | null, nowMs: number): boolean {
    if (this.#pushed === null) return true;
    const { work: last, node: lastNode, atMs } = this.#pushed;
    const { maxAgeMs, recommitIntervalMs } = this.#options;
    // Sessions judge the age of their work by themselves: where a block takes long, they hear that it is still right.
    if (nowMs - atMs > maxAgeMs / 3) return true;
    if (work.sequence === last.sequence) return false;
    if (work.current.height !== last.current.height) return true;
    // Shares of what they have are stale by now.
    if (last.current.roundClosed === true && work.current.roundClosed !== true) return true;
    // A node takes no block that another one has made; what the first one is up to nobody knows.
    if (node !== lastNode && node !== null && lastNode !== null) return true;
    // Time only lowers the difficulty of a height. Where it rises, the block before is another one.
    if (work.current.networkDifficulty > last.current.networkDifficulty) return true;
    return nowMs - atMs >= recommitIntervalMs;
  }

  /** When another header of the height that was pushed last may go out, Unix time in ms. */
  get nextRecommitMs(): number {
    return (this.#pushed?.atMs ?? -Infinity) + this.#options.recommitIntervalMs;
  }

  pushed(work: WorkSnapshot, node: string | null, nowMs: number): void {
    this.#pushed = { work, node, atMs: nowMs };
  }
}
