import type { Socket } from "node:net";
import type { ToMiner } from "../session/outcomes.ts";

/** Answers that a miner may leave unread before it is taken for broken. */
const MAX_UNREAD_BYTES = 64 * 1024;

/** After its login a miner of the eth-proxy dialect asks for work at once; until then the pool's push waits, so that it has one job and not two. */
const ASKS_WITHIN_MS = 500;

/**
 * Writes to a miner, one line a write. Of jobs only the newest counts: ethminer takes the first of two that it reads
 * together and drops the other, so they are kept apart by a gap, and a miner that reads slowly gets none in between.
 */
export class MinerWriter {
  readonly #socket: Socket;
  readonly #gapMs: number;
  readonly #onTooSlow: () => void;
  #heldJob: string | null = null;
  /** The miner has asked for work: the answer brings the job that is held back, or a newer one. */
  #asked = false;
  #jobAt = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;

  /** @param onTooSlow called when the miner does not read its answers. */
  constructor(socket: Socket, gapMs: number, onTooSlow: () => void) {
    this.#socket = socket;
    this.#gapMs = gapMs;
    this.#onTooSlow = onTooSlow;
    socket.on("drain", () => this.#release());
  }

  write({ text, kind }: ToMiner): void {
    if (kind === "job") {
      this.#heldJob = text;
      this.#release();
      return;
    }
    // A setting holds for the jobs after it, not for the one before.
    if (kind === "setting") this.#flushJob();
    if (kind === "login") this.#jobAt = performance.now() + ASKS_WITHIN_MS - this.#gapMs;
    if (kind === "work" || kind === "noWork") this.#asked = false;
    if (kind === "work") {
      // It is as new as the job that is held back, or newer.
      this.#heldJob = null;
      this.#jobAt = performance.now();
    }
    this.#put(text);
    if (kind === "noWork") this.#release();
    if (this.#socket.writableLength > MAX_UNREAD_BYTES) this.#onTooSlow();
  }

  /** The miner has asked for work. */
  expectWork(): void {
    this.#asked = true;
  }

  /** Nothing is written any more. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#heldJob = null;
  }

  #release(): void {
    if (this.#heldJob === null || this.#asked || this.#socket.writableNeedDrain) return;
    const waitMs = this.#jobAt + this.#gapMs - performance.now();
    if (waitMs <= 0) this.#flushJob();
    else this.#timer ??= setTimeout(() => this.#onGapOver(), waitMs);
  }

  #onGapOver(): void {
    this.#timer = undefined;
    this.#release();
  }

  #flushJob(): void {
    if (this.#heldJob === null) return;
    const job = this.#heldJob;
    this.#heldJob = null;
    this.#jobAt = performance.now();
    this.#put(job);
  }

  #put(text: string): void {
    if (this.#socket.writable) this.#socket.write(Buffer.from(`${text}\n`, "latin1"));
  }
}
