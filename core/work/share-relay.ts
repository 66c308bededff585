import { type Clock, within } from "../clock.ts";
import { BatchPace } from "../shares/batch-pace.ts";
import { readShares, verdictsText } from "../shares/carried-text.ts";
import type { JudgedShare, ShareSubmission } from "../shares/share.ts";

export interface ShareRelayDeps {
  readonly clock: Clock;
  /**
   * Asks a verifier by a call. @param straggleMs once half of them are judged the others are waited for no longer than that
   * @returns verdicts in the order of the shares; null for one that is late
   */
  readonly submitAll: (
    verifier: string,
    shares: readonly ShareSubmission[],
    straggleMs: number,
  ) => Promise<readonly (JudgedShare | null)[]>;
}

/**
 * What the way over a relay takes longer, there and back (on one machine, docs/decisions/0071-shares-by-the-relays-sockets.md). It counts as waited
 * for company, here and at the verifier, so that nobody waits longer than without a relay.
 */
export const WAY_MS = 8;
/** Nobody's share holds up those of others in its call for longer. Halves of a call may come into two writes of the ledger, one after the other. */
const STRAGGLE_MS = 100;
/** A verifier answers after 250 ms at the latest. One that does not has been asked in vain: the sessions ask again, and wait as long as it takes. */
const LONGEST_MS = 1_000;
/** Shares that wait here or at verifiers: about a second's work of one, beyond which nobody would be answered in time. */
const MOST_HELD = 1_024;

interface Held {
  readonly shares: readonly ShareSubmission[];
  readonly sinceMs: number;
  readonly answer: (verdicts: readonly (JudgedShare | null)[] | null) => void;
}

/** What is for one verifier. */
interface Queue {
  readonly pace: BatchPace;
  waiting: Held[];
  shares: number;
  /** When the timer rings that is set; Infinity: none is. */
  ringsMs: number;
}

/**
 * The relay's part of the way of shares: gathers what the sessions of many logins send through its sockets, and asks each verifier by one call for
 * all of them, at the pace at which verifiers gather themselves. It owns no share: whatever goes wrong here is an answer without verdicts, and then the session asks by itself. Every message is
 * answered, once, at the latest after {@link LONGEST_MS} and what it may wait for others.
 */
export class ShareRelay {
  readonly #deps: ShareRelayDeps;
  readonly #queues = new Map<string, Queue>();
  #held = 0;

  constructor(deps: ShareRelayDeps) {
    this.#deps = deps;
  }

  /**
   * A message of the session of a login.
   * @param answer may throw where the socket is closed
   * @returns false where it is no shares of that login: nothing answers it, and the socket is to be closed
   */
  take(login: string, text: string, answer: (text: string) => void): boolean {
    const message = readShares(text);
    if (message === null || message.shares.some((share) => share.login !== login)) return false;
    const { number, verifier, shares } = message;
    const say = (verdicts: readonly (JudgedShare | null)[] | null) => {
      try {
        answer(verdictsText({ number, verdicts }));
      } catch {
        // The session knows by the end of the socket.
      }
    };
    if (this.#held + shares.length > MOST_HELD) say(null);
    else this.#add(verifier, { shares, sinceMs: this.#deps.clock.nowMs(), answer: say });
    return true;
  }

  #add(verifier: string, held: Held): void {
    const queue = this.#queues.get(verifier) ?? { pace: new BatchPace(), waiting: [], shares: 0, ringsMs: Infinity };
    this.#queues.set(verifier, queue);
    queue.waiting.push(held);
    queue.shares += held.shares.length;
    this.#held += held.shares.length;
    const nowMs = this.#deps.clock.nowMs();
    for (const _ of held.shares) queue.pace.arrived(nowMs);
    const oldestMs = () => Math.min(...queue.waiting.map(beganMs)) - WAY_MS;
    this.#sendAt(queue.pace.startAtMs(queue.shares, oldestMs, nowMs), nowMs, verifier, queue);
  }

  #sendAt(dueMs: number, nowMs: number, verifier: string, queue: Queue): void {
    if (dueMs <= nowMs) return this.#send(verifier, queue);
    if (queue.ringsMs <= dueMs) return;
    // Never called off: the runtime would keep what is left of it for as long as the relay lives (decision 69).
    queue.ringsMs = dueMs;
    this.#deps.clock.after(dueMs - nowMs, () => {
      if (queue.ringsMs === dueMs) queue.ringsMs = Infinity;
      if (queue.waiting.length > 0) this.#send(verifier, queue);
    });
  }

  #send(verifier: string, queue: Queue): void {
    const asked = queue.waiting;
    [queue.waiting, queue.shares] = [[], 0];
    void this.#ask(verifier, asked, this.#deps.clock.nowMs());
  }

  async #ask(verifier: string, asked: readonly Held[], nowMs: number): Promise<void> {
    const { clock, submitAll } = this.#deps;
    const shares = asked.flatMap(({ shares: own, sinceMs }) =>
      own.map((share) => ({ ...share, waitedMs: (share.waitedMs ?? 0) + Math.max(0, nowMs - sinceMs) + WAY_MS })),
    );
    const call = async () => await submitAll(verifier, shares, STRAGGLE_MS);
    const verdicts = await within(
      clock,
      LONGEST_MS,
      call().catch(() => null),
      null,
    );
    this.#held -= shares.length;
    let at = 0;
    for (const { shares: own, answer } of asked) {
      answer(verdicts?.slice(at, at + own.length) ?? null);
      at += own.length;
    }
  }
}

/** Since when the first of its shares waits for others, in its session and here. A session's clock may have been put back meanwhile. */
function beganMs({ shares, sinceMs }: Held): number {
  return sinceMs - Math.max(0, ...shares.map((share) => share.waitedMs ?? 0));
}
