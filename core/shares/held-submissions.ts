import { sleep, within, type Clock } from "../clock.ts";
import type { GroupCommit } from "../ledger/write-path/group-commit.ts";
import type { HeldStage, HeldSubmission, OutboxStore } from "../ledger/write-path/outbox-store.ts";
import type { BlockRecord, RecordOutcome, ShareRecord } from "../ledger/contract/records.ts";
import { proofOf } from "../share-identity.ts";
import type { BlockPath } from "./block-path.ts";
import { verdictOf, type ShareVerdict } from "./share.ts";
import { HELD_STATES, interrupted, nextState, opened, type HeldEvent, type HeldSituation } from "./held-states.ts";

/** How long a held submission rests after something that should not fail has failed under it. */
const REST_MS = 5_000;

/** When the object asks to be woken for what it holds, should this life end before. */
const WAKE_AFTER_MS = 30_000;

/** A block is not recorded later than this for want of an answer from those who are told of it first. */
const TELL_WITHIN_MS = 1_000;

/** What became of a held submission. `refuted`: its proof of work was wrong, and it is not credited. */
export type HeldOutcome =
  | { readonly kind: "recorded"; readonly outcome: RecordOutcome; readonly block: boolean }
  | { readonly kind: "refuted" };

/** What is answered where somebody waits for it. */
export function endVerdict(end: HeldOutcome): ShareVerdict {
  return end.kind === "refuted" ? { kind: "invalid" } : verdictOf(end.outcome, end.block);
}

export interface HeldSubmissionsOptions {
  readonly store: OutboxStore;
  readonly commit: GroupCommit;
  readonly blocks: BlockPath;
  readonly clock: Clock;
  /** The full verification: whether the record's mix digest is the right one. */
  readonly proves: (record: BlockRecord) => Promise<boolean>;
  /** A node accepted a block: there is new work. */
  readonly onAccepted: (block: BlockRecord) => void;
  /** A block is about to close a round; awaited for a second at most. Never rejects. */
  readonly onClosing: (height: number) => Promise<void>;
  /** Something that should not fail has failed; it is tried again. */
  readonly onFailure: (error: unknown) => void;
  /** A submission has come to its end, in whatever life it began. */
  readonly onEnd: (record: BlockRecord, outcome: HeldOutcome) => void;
  readonly wakeAt: (atMs: number) => void;
}

/** Submissions that are durable and whose fate is open; carries each to its end, however long that takes, by the table in held-states.ts. */
export class HeldSubmissions {
  readonly #options: HeldSubmissionsOptions;
  readonly #open = new Map<string, HeldSubmission>();

  constructor(options: HeldSubmissionsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#open.size;
  }

  /** With its claimed mix digest: a wrong claim must not stand in the way of the right one. */
  find(claim: Pick<ShareRecord, "header" | "nonce" | "mixDigest">): HeldSubmission | undefined {
    return this.#open.get(claimKey(claim));
  }

  /** Goes on with what an earlier life left. */
  resume(): void {
    for (const held of this.#options.store.held()) this.takeUp(held);
  }

  /** Goes on with what is in the store already. */
  takeUp(held: HeldSubmission): void {
    void this.#carry(held, interrupted(held.stage, opened(held.stage, held.retry).reached));
  }

  /**
   * Makes a submission durable and carries it to its end. Never rejects.
   * @param retry an earlier attempt at it may have gone all the way
   * @param proof the outcome of a verification that is under way: whether the mix digest is right
   * @throws when durable storage refuses; nothing is kept then
   */
  hold(stage: HeldStage, record: BlockRecord, retry: boolean, proof?: () => Promise<boolean>): Promise<HeldOutcome> {
    const { store, clock, wakeAt } = this.#options;
    const held = store.hold(stage, record, retry);
    wakeAt(clock.nowMs() + WAKE_AFTER_MS);
    return this.#carry(held, opened(stage, retry), proof);
  }

  async #carry(held: HeldSubmission, begun: HeldSituation, proof?: () => Promise<boolean>): Promise<HeldOutcome> {
    const { store, clock, onAccepted, onFailure, onEnd } = this.#options;
    const { id, record } = held;
    this.#open.set(claimKey(record), held);
    let at = begun;
    let proves = proof ?? this.#options.proves;
    for (;;) {
      try {
        // What was decided is durable before a node or the ledger hears of it.
        await store.durable();
        const { event, outcome } = await this.#perform(at, held, proves);
        const next = nextState(at.state, event);
        if (next === "refuted") store.dropHeld(id);
        if (next === "refuted" || next === "done") {
          const end: HeldOutcome = outcome
            ? { kind: "recorded", outcome, block: HELD_STATES[at.state].task !== "recordShare" }
            : { kind: "refuted" };
          this.#open.delete(claimKey(record));
          onEnd(record, end);
          return end;
        }
        const { stage } = HELD_STATES[next];
        if (stage !== held.stage) store.setStage(held, stage);
        // The ledger has just said that it has nothing of a rival.
        at = { state: next, reached: event === "rival" ? "nodes" : at.reached };
        // A chain that has the block has gone on from it, and its work has been given out by now.
        if (event === "accepted") onAccepted(held.record);
      } catch (error) {
        onFailure(error);
        at = interrupted(held.stage, at.reached);
        proves = this.#options.proves;
        await sleep(clock, REST_MS);
      }
    }
  }

  async #perform(
    { state, reached }: HeldSituation,
    { id: heldId, record }: HeldSubmission,
    proves: HeldSubmissionsOptions["proves"],
  ): Promise<{ readonly event: HeldEvent; readonly outcome?: RecordOutcome }> {
    const { commit, blocks } = this.#options;
    const retry = reached === "ledger";
    switch (HELD_STATES[state].task) {
      case "offer":
        return { event: await blocks.fate(record, reached !== "nowhere") };
      case "prove":
        return { event: (await proves(record)) ? "proven" : "refuted" };
      case "recordShare":
        return { event: "recorded", outcome: await commit.commit({ kind: "share", record, retry, heldId }) };
      case "recordBlock": {
        await this.#tellClosing(record);
        const outcome = await commit.commit({ kind: "block", record, retry, heldId });
        return outcome === "rival" ? { event: outcome } : { event: "recorded", outcome };
      }
      case "confirm":
        return { event: await blocks.confirm(record) };
      case "recordConfirmed": {
        await this.#tellClosing(record);
        const confirmed = { ...record, inChain: true };
        return { event: "recorded", outcome: await commit.commit({ kind: "block", record: confirmed, retry, heldId }) };
      }
    }
  }

  /** Before a block is recorded, not after: whoever holds shares back until a round is closed must find that the pool knows. */
  async #tellClosing({ height, solo }: BlockRecord): Promise<void> {
    const { clock, onClosing } = this.#options;
    if (solo === true) return;
    await within(clock, TELL_WITHIN_MS, onClosing(height), undefined);
  }
}

function claimKey(claim: Pick<ShareRecord, "header" | "nonce" | "mixDigest">): string {
  return `${proofOf(claim)}${claim.mixDigest}`;
}
