import { type Clock, sleep } from "../clock.ts";

/**
 * How much one connection may say. An honest peer is far below all of it: a line has some 200 bytes, and what a bridge or a proxy of a
 * thousand rigs has in hand when it comes back fits into one frame.
 */
export const INPUT_BOUNDS = {
  /** Bytes of one frame. */
  frameBytes: 256 * 1024,
  /** Lines in one frame, empty ones too. */
  frameLines: 2_048,
  /** What was received and waits for its turn; a frame counts as {@link INPUT_BOUNDS.frameCost} more than its bytes. */
  queuedBytes: 1024 * 1024,
  /** What a frame costs in memory besides its bytes. */
  frameCost: 256,
  /** Lines before the login, empty ones too. Real miners need five. */
  linesBeforeLogin: 32,
  /**
   * Bytes at once, and a second for as long as it goes on; faster ones wait. A line counts as at least {@link INPUT_BOUNDS.lineCost}, an empty
   * one, which is a keep-alive twice a minute and costs its sender one byte, as {@link INPUT_BOUNDS.emptyLineCost}.
   */
  burstBytes: 1024 * 1024,
  bytesPerSecond: 128 * 1024,
  lineCost: 256,
  emptyLineCost: 4_096,
  /** After so many lines others get a turn. */
  linesATurn: 32,
} as const;

const LINE_FEED = 0x0a;

/** What is wrong with a frame before anything of it is read; null when nothing is. Costs no more than looking for line ends. */
export function frameProblem(frame: Uint8Array): string | null {
  if (frame.length > INPUT_BOUNDS.frameBytes) return "Frame too large";
  let lines = 0;
  // Not by `indexOf`: a call for each line end is what makes a frame of nothing else expensive.
  for (let at = 0; at < frame.length; at++) {
    if (frame[at] === LINE_FEED && ++lines > INPUT_BOUNDS.frameLines) return "Too many lines in a frame";
  }
  return null;
}

/** Slows a peer down that says more than its share, and lets others have their turn between its lines. */
export class InputPace {
  readonly #clock: Clock;
  #left: number = INPUT_BOUNDS.burstBytes;
  #sinceMs: number;
  #lines = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#sinceMs = clock.nowMs();
  }

  /** Before a line, or bytes that go on unread; 0 for an empty line. Null: go on at once, without so much as a microtask. */
  turn(bytes: number): Promise<void> | null {
    const nowMs = this.#clock.nowMs();
    const { bytesPerSecond, burstBytes, lineCost, emptyLineCost, linesATurn } = INPUT_BOUNDS;
    const refilled = this.#left + ((nowMs - this.#sinceMs) * bytesPerSecond) / 1000;
    this.#left = Math.min(burstBytes, refilled) - (bytes === 0 ? emptyLineCost : Math.max(bytes, lineCost));
    this.#sinceMs = nowMs;
    this.#lines += 1;
    if (this.#left < 0) return sleep(this.#clock, Math.ceil((-this.#left * 1000) / bytesPerSecond));
    return this.#lines % linesATurn === 0 ? sleep(this.#clock, 0) : null;
  }
}
