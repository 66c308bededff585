import type { Logger } from "../log.ts";
import type { Client } from "../policy/client.ts";
import { claimOf, type ResultOf } from "../shares/judgement.ts";
import type { NoRoom, ShareSubmission, ShareVerdict } from "../shares/share.ts";

/** What all connections of an isolate may keep in its memory together, however many logins they are of. */
export const ROOM = {
  /**
   * Shares between their line and their answer. Some 6 KB of heap each, where each is a call; a verifier judges about a thousand a second, and whoever would be
   * answered later than that has given up by then.
   */
  shares: 1_024,
  /** Of these, what clients that have had no valid one may take. */
  unprovenShares: 512,
  /** Bytes that were received and wait for their turn. */
  inputBytes: 8 * 1024 * 1024,
} as const;

/** Of what is free, one connection may have so much waiting: however many are greedy, something is left for the next. */
const OF_THE_FREE = 1 / 4;

/** An object that was reset, or a request that was cancelled, never gives back what it has: after so long, which is longer than a share may wait, it is gone. */
const GONE_MS = 360_000;

/** Refusals are told to the log so often. */
const TOLD_MS = 10_000;

type Claim = Pick<ShareSubmission, "nonce" | "mixDigest" | "job">;

/** The place of one share. */
export interface ShareRoom {
  readonly isProven: boolean;
  readonly sinceMs: number;
  /** Goes along with it: what found no place before it. */
  readonly before: Pick<ShareSubmission, "noRoomBefore">;
}

const NOTHING: NoRoom = { shares: 0, connections: 0 };

/**
 * The memory of one isolate, which objects of many logins share. What fits into each connection's own bounds can be too much of all of
 * them together: shares that a slow verifier does not answer would fill the heap, and an isolate without heap loses every share in it.
 */
export class IsolateRoom {
  /** The oldest first. */
  readonly #shares = new Set<ShareRoom>();
  /** By connection; whose changed longest ago first. */
  readonly #inputs = new Map<object, { readonly bytes: number; readonly atMs: number }>();
  #unproven = 0;
  #inputBytes = 0;
  #toldAtMs = -Infinity;
  /** What was refused and no share has taken along yet. */
  #refused = NOTHING;
  readonly #resultOf: ResultOf;

  /** @param resultOf the cheap test's; may throw. Asked only where there is no room */
  constructor(resultOf: ResultOf) {
    this.#resultOf = resultOf;
  }

  /** Shares that have a place. */
  get shares(): number {
    return this.#shares.size;
  }

  /** By what its miner claims, which is as hard to forge as a block. */
  claimsBlock(share: Claim): boolean {
    return claimOf(share, this.#resultOf) === "block";
  }

  /** @param isProven its client has had a valid one @returns null where there is no room: the share is refused at once, unless it claims to be a block */
  takeShare(share: Claim, isProven: boolean, nowMs: number): ShareRoom | null {
    for (const one of this.#shares) {
      if (nowMs - one.sinceMs < GONE_MS) break;
      this.giveBackShare(one);
    }
    const isFull = this.#shares.size >= ROOM.shares || (!isProven && this.#unproven >= ROOM.unprovenShares);
    if (isFull && !this.claimsBlock(share)) return null;
    const one = { isProven, sinceMs: nowMs, before: this.#refused === NOTHING ? {} : { noRoomBefore: this.#refused } };
    this.#refused = NOTHING;
    this.#shares.add(one);
    if (!isProven) this.#unproven += 1;
    return one;
  }

  giveBackShare(one: ShareRoom): void {
    if (this.#shares.delete(one) && !one.isProven) this.#unproven -= 1;
  }

  /**
   * A connection has so many bytes waiting from now on.
   * @returns false where that is more than it may have: then nothing has changed
   */
  setInput(connection: object, bytes: number, nowMs: number): boolean {
    for (const [one, { atMs }] of this.#inputs) {
      if (nowMs - atMs < GONE_MS) break;
      this.#forgetInput(one);
    }
    const before = this.#inputs.get(connection)?.bytes ?? 0;
    const free = ROOM.inputBytes - this.#inputBytes + before;
    // As much as it may have when it has it: a quarter of what would then be free.
    if (bytes > before && bytes > (free - bytes) * OF_THE_FREE) {
      this.#refused = { ...this.#refused, connections: this.#refused.connections + 1 };
      return false;
    }
    this.#forgetInput(connection);
    if (bytes > 0) this.#inputs.set(connection, { bytes, atMs: nowMs });
    this.#inputBytes += bytes;
    return true;
  }

  /** What a share is answered for which there is no room; it may be sent again. */
  refusal(log: Pick<Logger, "warn">, nowMs: number, client: Client): ShareVerdict {
    this.#refused = { ...this.#refused, shares: this.#refused.shares + 1 };
    if (nowMs - this.#toldAtMs >= TOLD_MS) {
      this.#toldAtMs = nowMs;
      log.warn("shares are refused: as many wait for their verdicts as fit", { waiting: this.#shares.size, client });
    }
    return { kind: "unavailable", reason: "too many shares wait for their verdicts" };
  }

  #forgetInput(connection: object): void {
    this.#inputBytes -= this.#inputs.get(connection)?.bytes ?? 0;
    this.#inputs.delete(connection);
  }
}
