import type { Clock } from "../../../core/clock.ts";
import { Outbox } from "../../../core/ledger/write-path/outbox.ts";
import { OutboxStore, type HeldSubmission } from "../../../core/ledger/write-path/outbox-store.ts";
import type { UnresolvedRecord } from "../../../core/ledger/write-path/unresolved-records.ts";
import type { SqlPort } from "../../../core/sql-port.ts";
import { GroupCommit } from "../../../core/ledger/write-path/group-commit.ts";
import type { BlockRecord, LedgerWriter, RecordOutcome } from "../../../core/ledger/contract/records.ts";
import { virtualAlarm } from "../../support/virtual-alarm.ts";

/** What gives a life its connection; one that has ended hears nothing more of it. */
interface Ledger {
  connect(alive: () => boolean): LedgerWriter;
}

/** One life of a verifier's writing half: it ends at any instant, and the next one begins from what is durable. */
export class Life {
  readonly store: OutboxStore;
  readonly outbox: Outbox;
  readonly commit: GroupCommit;
  readonly failures: unknown[] = [];
  readonly unresolved: UnresolvedRecord[] = [];
  #alive = true;

  constructor(sql: SqlPort, ledger: Ledger, clock: Clock, random: () => number, commitIntervalMs = 0) {
    const own: Clock = {
      nowMs: () => clock.nowMs(),
      after: (delayMs, work) => clock.after(delayMs, () => this.#alive && work()),
    };
    const bell = virtualAlarm(own, () => this.commit.wake());
    const writer = ledger.connect(() => this.#alive);
    // A superseded Durable Object cannot reach its storage any more.
    const exec: SqlPort["exec"] = (statement, ...parameters) => {
      if (!this.#alive) throw new Error("this life is over");
      return sql.exec(statement, ...parameters);
    };
    this.store = new OutboxStore({ ...sql, exec }, { onUnresolved: (one) => void this.unresolved.push(one) });
    this.outbox = new Outbox(this.store, writer, own, random, { onRival: (held) => void this.#confirm(held) });
    this.commit = new GroupCommit({
      writer,
      store: this.store,
      outbox: this.outbox,
      clock: own,
      commitIntervalMs,
      answerWithinMs: 1_000,
      wakeAt: (atMs) => bell.ringAt(atMs),
      onFailure: (error) => void this.failures.push(error),
    });
    this.commit.wake();
  }

  /** Goes on with the blocks that an earlier life held. */
  resumeBlocks(): void {
    for (const held of this.store.held())
      void (held.stage === "rival" ? this.#confirm(held) : this.#seal(held, true)).catch(() => undefined);
  }

  /** Holds a block that a node took and brings it into the ledger; where it is a rival, the chain has it. */
  async commitBlock(record: BlockRecord, retry: boolean): Promise<RecordOutcome> {
    return await this.#seal(this.store.hold("sealed", record, retry), retry);
  }

  async #seal(held: HeldSubmission, retry: boolean): Promise<RecordOutcome> {
    const outcome = await this.commit.commit({ kind: "block", record: held.record, retry, heldId: held.id });
    if (outcome !== "rival") return outcome;
    this.store.setStage(held, "rival");
    return await this.#confirm(held);
  }

  #confirm({ id, record }: HeldSubmission): Promise<RecordOutcome> {
    return this.commit.commit({ kind: "block", record: { ...record, inChain: true }, retry: true, heldId: id });
  }

  kill(): void {
    this.#alive = false;
  }
}
