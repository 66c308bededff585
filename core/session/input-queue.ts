import type { Clock } from "../clock.ts";
import { INPUT_BOUNDS } from "./input-bounds.ts";
import type { IsolateRoom } from "./isolate-room.ts";

/** Why a frame has no room: its connection has too much waiting, or all of the isolate's together have. */
export type NoRoom = "of its own" | "of all";

export interface InputQueueOptions {
  readonly clock: Clock;
  readonly room: IsolateRoom;
  readonly take: (frame: Uint8Array) => Promise<void>;
  readonly onFailure: (error: unknown) => void;
}

/**
 * What one connection has received and not read yet, and what else waits for its turn there. Frames that come while others wait cost
 * their bytes and no more: whoever brings one does not wait for it.
 */
export class InputQueue {
  readonly #options: InputQueueOptions;
  #turns: Promise<void> = Promise.resolve();
  /** Frames of the last turn, while it has not begun and nothing else waits behind it. */
  #open: Uint8Array[] | null = null;
  #bytes = 0;
  /** Frames of every turn that is not over. */
  readonly #unread = new Set<Uint8Array[]>();
  #isOver = false;

  constructor(options: InputQueueOptions) {
    this.#options = options;
  }

  /** @returns when it is read, at once where others that wait are read before it; or why it was not taken. Never rejects */
  add(frame: Uint8Array): Promise<void> | NoRoom | null {
    if (this.#isOver) return null;
    const { room, clock } = this.#options;
    const bytes = this.#bytes + costOf(frame.length);
    if (this.#bytes + frame.length > INPUT_BOUNDS.queuedBytes) return "of its own";
    if (!room.setInput(this, bytes, clock.nowMs())) return "of all";
    this.#bytes = bytes;
    if (this.#open) {
      this.#open.push(frame);
      return null;
    }
    const frames = [frame];
    const turn = this.inTurn(() => this.#read(frames));
    this.#open = frames;
    this.#unread.add(frames);
    return turn;
  }

  /**
   * The connection has ended: what waits is not read any more, and has no place. Nothing else may give it back: a socket of the Worker's that
   * is gone takes along what was about to read.
   */
  end(): void {
    this.#isOver = true;
    this.#bytes = 0;
    for (const frames of this.#unread) frames.length = 0;
    this.#unread.clear();
    this.#options.room.setInput(this, 0, this.#options.clock.nowMs());
  }

  /** Does something when all that was received before has been read. Never rejects. */
  async inTurn(work: () => Promise<void>): Promise<void> {
    const { onFailure } = this.#options;
    this.#open = null;
    this.#turns = this.#turns.then(work).catch(onFailure);
    await this.#turns;
  }

  async #read(frames: Uint8Array[]): Promise<void> {
    if (this.#open === frames) this.#open = null;
    try {
      for (let frame = frames[0]; frame; frame = frames[0]) {
        await this.#options.take(frame);
        this.#release(frames.splice(0, 1));
      }
    } finally {
      this.#unread.delete(frames);
      // What a failure has left: it ends the connection.
      this.#release(frames);
    }
  }

  #release(frames: readonly Uint8Array[]): void {
    if (this.#isOver) return;
    const { room, clock } = this.#options;
    for (const { length } of frames) this.#bytes -= costOf(length);
    room.setInput(this, this.#bytes, clock.nowMs());
  }
}

const costOf = (length: number): number => length + INPUT_BOUNDS.frameCost;
