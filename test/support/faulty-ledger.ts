import type { Clock } from "../../core/clock.ts";
import { identityOf } from "../../core/share-identity.ts";
import type { BlockRecord, LedgerWriter, RecordOutcome, ShareRecord } from "../../core/ledger/contract/records.ts";
import { RedisReplyError, RedisUnreachableError } from "../../core/ledger/contract/redis-port.ts";

/** What may happen to one request between the pool and Redis. */
export type Fault =
  | { readonly kind: "none"; readonly delayMs: number }
  /** Connection refused: it certainly did not run. */
  | { readonly kind: "refused" }
  /** Redis says no (out of memory, read-only replica, quota): nothing was written. */
  | { readonly kind: "denied" }
  /** Lost on the way there. */
  | { readonly kind: "lostBefore"; readonly delayMs: number }
  /** Executed, and the answer lost. */
  | { readonly kind: "lostAfter"; readonly delayMs: number }
  /** Given up by the client and executed later all the same. */
  | { readonly kind: "late"; readonly delayMs: number; readonly executedAfterMs: number };

const powKey = (record: ShareRecord): string => `${record.nonce}:${record.header}:${record.mixDigest}`;

/** Books in memory that keep the contract of {@link LedgerWriter} to the letter, behind a line that fails as it is told. */
export class FaultyLedger {
  /** Who was credited last for which proof of work. */
  readonly credited = new Map<string, string>();
  /** Identities in the order in which they were credited; one that is there twice was paid twice. */
  readonly credits: string[] = [];
  readonly candidates: string[] = [];
  /** Requests that arrived at the same time, at most. */
  mostInFlight = 0;
  requests = 0;
  /** Requests that were given up and are still to be executed. */
  late = 0;
  /** Logins one of whose keys has a wrong type. */
  readonly refusedLogins = new Set<string>();
  /** What Redis says to them, and whether a look at the keys shows why. */
  refusal = "WRONGTYPE Operation against a key holding the wrong kind of value";
  explains = true;
  /** A key that all need has a wrong type. */
  refusesAll = false;
  /** What was written when, and how to take it back. */
  #journal: { readonly atMs: number; readonly undo: () => void }[] = [];
  #inFlight = 0;
  /** The greatest height of a block. */
  #closedHeight = -1;
  readonly #evidence = new Set<string>();
  /** Proof of work by height, swept below eight heights as the real one is. */
  readonly #pow = new Map<string, number>();
  #sweptBelow = 0;
  readonly #clock: Clock;
  readonly #nextFault: (shares: number) => Fault;

  /** @param nextFault what happens to a request that writes so many shares */
  constructor(clock: Clock, nextFault: (shares: number) => Fault) {
    this.#clock = clock;
    this.#nextFault = nextFault;
  }

  /** Sum of the credited difficulties, per login. */
  readonly totals = new Map<string, bigint>();

  /** A connection; what is sent over it after `alive()` has become false never comes back, but may be executed. */
  connect(alive: () => boolean = () => true): LedgerWriter {
    let workHeight = Infinity;
    return {
      workAt: (height) => void (workHeight = height),
      billedCommands: 0,
      serverChanges: 0,
      closedHeight: async () => this.#closedHeight,
      explainRefusal: async (login) => ({
        shared: this.refusesAll ? "eth:stats is a string, and must be a hash" : null,
        own:
          this.explains && this.refusedLogins.has(login)
            ? `eth:hashrate:${login} is a string, and must be a sorted set`
            : null,
      }),
      recordShares: (batch, retry, late) =>
        this.#send(alive, batch.length, () => {
          this.#refuse(batch);
          if (!retry) this.sweep(Math.min(workHeight, ...batch.map((share) => share.height)));
          return batch.map((share) => this.#share(share, retry, share.late === true || late?.has(share)));
        }),
      recordBlock: (block, retry) =>
        this.#send(alive, 1, () => {
          this.#refuse([block]);
          return this.#block(block, retry);
        }),
    };
  }

  /** As Redis does for a key of the wrong type: nothing of the batch is written. */
  #refuse(batch: readonly ShareRecord[]): void {
    if (this.refusesAll || batch.some(({ login }) => this.refusedLogins.has(login)))
      throw new RedisReplyError(this.refusal);
  }

  #share(share: ShareRecord, retry: boolean, late = false): RecordOutcome {
    const key = powKey(share);
    // The trace may be of another share: pow says that this one was not written where it would still have it.
    const isTraced = retry && this.#evidence.has(identityOf(share));
    if (isTraced && (this.#pow.has(key) || share.height < this.#sweptBelow)) return "recorded";
    if (this.#pow.has(key)) return "duplicate";
    if (late && share.height <= this.#closedHeight) return "stale";
    this.#pow.set(key, share.height);
    this.credited.set(key, identityOf(share));
    this.credits.push(identityOf(share));
    this.#evidence.add(identityOf(share));
    this.totals.set(share.login, (this.totals.get(share.login) ?? 0n) + share.shareDifficulty);
    this.#wrote(() => {
      this.#pow.delete(key);
      this.credited.delete(key);
      this.credits.splice(this.credits.lastIndexOf(identityOf(share)), 1);
      this.#evidence.delete(identityOf(share));
      this.totals.set(share.login, (this.totals.get(share.login) ?? 0n) - share.shareDifficulty);
    });
    return "recorded";
  }

  #block(block: BlockRecord, retry: boolean): RecordOutcome {
    const known = this.candidates.includes(powKey(block));
    const rivalled = this.candidates.some((other) => other.split(":")[1] === block.header && other !== powKey(block));
    if (rivalled && block.inChain !== true && !(retry && this.#evidence.has(identityOf(block)))) return "rival";
    const outcome = this.#share(block, retry);
    if (outcome === "recorded" && !known) {
      this.candidates.push(powKey(block));
      this.#closedHeight = Math.max(this.#closedHeight, block.height);
      this.#wrote(() => void this.candidates.splice(this.candidates.lastIndexOf(powKey(block)), 1));
    }
    return outcome;
  }

  #wrote(undo: () => void): void {
    this.#journal.push({ atMs: this.#clock.nowMs(), undo });
  }

  /** A follower takes over that does not have the last `ms` of what was acknowledged. */
  loseLast(ms: number): void {
    const since = this.#clock.nowMs() - ms;
    for (const { undo } of this.#journal.filter(({ atMs }) => atMs >= since).toReversed()) undo();
    this.#journal = this.#journal.filter(({ atMs }) => atMs < since);
  }

  /** What the write of any shard at this height does to the proofs of work of old heights. */
  sweep(height: number): void {
    this.#sweptBelow = Math.max(this.#sweptBelow, height - 8);
    for (const [key, at] of this.#pow) if (at < height - 8) this.#pow.delete(key);
  }

  async #send<T>(alive: () => boolean, shares: number, execute: () => T): Promise<T> {
    this.requests += 1;
    if (!alive()) return new Promise(() => undefined);
    this.mostInFlight = Math.max(this.mostInFlight, ++this.#inFlight);
    try {
      return await this.#line(shares, execute);
    } finally {
      this.#inFlight -= 1;
      if (!alive()) await new Promise(() => undefined);
    }
  }

  async #line<T>(shares: number, execute: () => T): Promise<T> {
    const fault = this.#nextFault(shares);
    const pause = (delayMs: number) => new Promise<void>((resolve) => void this.#clock.after(delayMs, resolve));
    switch (fault.kind) {
      case "none":
        await pause(fault.delayMs);
        return execute();
      case "refused":
        throw new RedisUnreachableError("connection refused", "no");
      case "denied":
        throw new RedisReplyError("OOM command not allowed when used memory > 'maxmemory'.");
      case "lostBefore":
        await pause(fault.delayMs);
        throw new RedisUnreachableError("connection reset", "unknown");
      case "lostAfter":
        execute();
        await pause(fault.delayMs);
        throw new RedisUnreachableError("connection reset", "unknown");
      case "late":
        this.late += 1;
        this.#clock.after(fault.executedAfterMs, () => {
          this.late -= 1;
          try {
            execute();
          } catch {
            // Refused by then; nobody hears of it.
          }
        });
        await pause(fault.delayMs);
        throw new RedisUnreachableError("timed out", "unknown");
    }
  }
}
