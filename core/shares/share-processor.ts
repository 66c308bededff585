import { toHex } from "ethash-wasm";
import type { ChainSpec, Epoch } from "../chain-spec.ts";
import { sleep, within, type Clock } from "../clock.ts";
import { Outbox } from "../ledger/write-path/outbox.ts";
import type { HeldStage, HeldSubmission, OutboxStore } from "../ledger/write-path/outbox-store.ts";
import { identityOf } from "../ledger/contract/record-codec.ts";
import type { BlockRecord, LedgerWriter, RecordOutcome, ShareRecord } from "../ledger/contract/records.ts";
import type { Logger } from "../log.ts";
import { BlockPath, type BlockNode, type EarlierAttempt } from "./block-path.ts";
import type { CacheKeeper } from "./cache-keeper.ts";
import { createEpochLookup } from "./epoch-lookup.ts";
import { GroupCommit } from "../ledger/write-path/group-commit.ts";
import { judgeClaim, judgeProof, type Judgement } from "./judgement.ts";
import { RecentShares } from "./recent-shares.ts";
import type { ShareSubmission, ShareVerdict } from "./share.ts";
import { VerificationQueue } from "./verification-queue.ts";

/**
 * When a miner is told what is certain by then. ethminer gives up a submit after 2 s; half of that is left to the network.
 * A submission that is durable is accepted then, whatever is still to be done with it.
 */
export const ANSWER_WITHIN_MS = 1_000;

/** So many blocks before its first one the next epoch's cache is prepared, where it fits beside the current one. */
const LOOK_AHEAD_BLOCKS = 100;

/** How long a held submission rests after something that should not fail has failed under it. */
const REST_MS = 5_000;

/** What a desk works with. */
export interface ShareProcessorOptions {
  readonly chain: ChainSpec;
  readonly keeper: CacheKeeper;
  readonly store: OutboxStore;
  readonly writer: LedgerWriter;
  readonly nodes: readonly BlockNode[];
  readonly clock: Clock;
  readonly random: () => number;
  readonly commitIntervalMs: number;
  /** Most shares that may be kept for the ledger. */
  readonly outboxBound: number;
  /** Most shares that may wait for their verification. */
  readonly queueBound: number;
  /** How long a share without a mix digest, which no cheap test can judge, may wait for its light cache. */
  readonly queueTimeoutMs: number;
  /** Asks for a {@link ShareProcessor.wake} at this Unix time in ms, also in another life of the object. */
  readonly wakeAt: (atMs: number) => void;
  /** A node accepted a block: there is new work. */
  readonly onBlock: () => void;
  readonly log: Logger;
}

const ACCEPTED: ShareVerdict = { kind: "accepted", block: false };
const unavailable = (reason: string): ShareVerdict => ({ kind: "unavailable", reason });

/** The whole way of a share from its submission to the ledger (design.md, "Share, step by step", 3 and 4). */
export class ShareProcessor {
  readonly #options: ShareProcessorOptions;
  readonly #epochOf: (height: number) => Epoch;
  readonly #queue: VerificationQueue;
  readonly #outbox: Outbox;
  readonly #commit: GroupCommit;
  readonly #blocks: BlockPath;
  readonly #recent = new RecentShares();
  readonly #running = new Map<string, Promise<ShareVerdict>>();
  /** Durable submissions whose fate is open. */
  readonly #held = new Map<string, HeldSubmission>();
  #newestHeight = 0;
  #recorded = 0;
  #refuted = 0;
  #lastError: string | null = null;

  /** Takes up whatever an earlier life of this object left in the store. */
  constructor(options: ShareProcessorOptions) {
    const { chain, store, clock, random, nodes, onBlock, log } = options;
    this.#options = options;
    this.#epochOf = createEpochLookup(chain);
    const onFailure = (error: unknown) => this.#failed("kernel failed", error);
    this.#queue = new VerificationQueue({ keeper: options.keeper, clock, bound: options.queueBound, onFailure });
    const writer = this.#counting(options.writer);
    this.#outbox = new Outbox(store, writer, clock, random);
    this.#commit = new GroupCommit({
      writer,
      store,
      outbox: this.#outbox,
      clock,
      commitIntervalMs: options.commitIntervalMs,
      answerWithinMs: ANSWER_WITHIN_MS,
      wakeAt: options.wakeAt,
      onFailure: (error) => this.#failed("ledger failed", error),
    });
    this.#blocks = new BlockPath({
      store,
      commit: this.#commit,
      nodes,
      clock,
      random,
      newestHeight: () => this.#newestHeight,
      proves: (record) => this.#prove(record),
      onAccepted: onBlock,
      onAnswer: ({ height, nonce }, node, answer) => log.info("block offered", { height, nonce, node, answer }),
      onSearch: ({ height, nonce }, node, answer) => log.info("block looked for", { height, nonce, node, answer }),
    });
    for (const held of store.held()) void this.#carry(held, { offered: true, written: isWritten(held) });
    this.wake();
  }

  /** Judges a submission and records it. The same submission again (same login, worker, time) joins the first. Never throws. */
  submit(share: ShareSubmission): Promise<ShareVerdict> {
    const identity = identityOf(share);
    const key = `${identity}/${share.job.header}${share.nonce}`;
    const running = this.#running.get(key);
    if (running) return running;
    const verdict = this.#process(share, identity)
      .catch((error: unknown) => unavailable(this.#failed("share not judged", error)))
      .finally(() => this.#running.delete(key));
    this.#running.set(key, verdict);
    return verdict;
  }

  /** Work at this height is being mined. */
  prepare(height: number): void {
    this.#newestHeight = Math.max(this.#newestHeight, height);
    const { keeper } = this.#options;
    const epoch = this.#epochOf(height);
    if (!keeper.has(epoch)) return this.#queue.prepare(epoch);
    const next = this.#epochOf(height + LOOK_AHEAD_BLOCKS);
    if (next.firstBlock !== epoch.firstBlock && keeper.fitsBeside(next)) this.#queue.prepare(next);
  }

  /** Goes on with what waits in durable storage, and asks to be woken again while something does. */
  wake(): void {
    const { clock, wakeAt } = this.#options;
    // First the alarm, in the same turn: this life may end at any later point.
    if (this.#outbox.depth > 0 || this.#held.size > 0) wakeAt(clock.nowMs() + 30_000);
    this.#commit.wake();
  }

  /** For the health page. */
  get state() {
    return {
      outboxDepth: this.#outbox.depth + this.#held.size,
      waitingShares: this.#queue.size + this.#commit.pending,
      recordedShares: this.#recorded,
      refutedClaims: this.#refuted,
      unresolved: this.#options.store.unresolvedCount(),
      ledgerSick: this.#outbox.failing,
      lastError: this.#lastError,
    };
  }

  async #process(share: ShareSubmission, identity: string): Promise<ShareVerdict> {
    this.#newestHeight = Math.max(this.#newestHeight, share.job.height);
    const known = this.#known(share, identity);
    if (known) return known;
    const { keeper, clock, outboxBound, queueTimeoutMs } = this.#options;
    if (this.#outbox.depth + this.#commit.pending + this.#held.size >= outboxBound)
      return unavailable(`${outboxBound} shares wait for the ledger`);
    const claim = this.#judgeClaim(share);
    if (claim?.kind === "invalid") return claim;
    const epoch = this.#epochOf(share.job.height);
    // A block must not wait for a cache: its claim is as hard to forge as a block, and the node verifies it.
    if (claim?.kind === "block" && !keeper.has(epoch)) return this.#found("foundClaimed", share, claim.record);

    const judged = this.#queue
      .verify(epoch, { header: share.job.header, nonce: share.nonce })
      .then((proof) => judgeProof(share, proof));
    const judgement = await within(clock, claim ? ANSWER_WITHIN_MS : queueTimeoutMs, judged, null);
    if (judgement === null) {
      if (!claim) return unavailable("no light cache in time");
      if (claim.kind === "block") return this.#found("foundClaimed", share, claim.record);
      const held = this.#hold("claimed", share, claim.record);
      void this.#carry(held, { offered: false, written: share.retry }, judged);
      return ACCEPTED;
    }
    if (judgement.kind === "invalid") return judgement;
    if (judgement.kind === "block") return this.#found("found", share, judgement.record);
    const { record } = judgement;
    const outcome = await this.#commit.commit({ kind: "share", record, retry: share.retry, heldId: null });
    return this.#remember(record, verdictOf(outcome, false));
  }

  /** What is known of this header and nonce without any work. */
  #known({ job: { header }, nonce, mixDigest }: ShareSubmission, identity: string): ShareVerdict | undefined {
    const recent = this.#recent.find(header, nonce, identity);
    if (recent) return recent;
    const held = mixDigest === null ? undefined : this.#held.get(heldKey({ header, nonce, mixDigest }));
    const owner = held ? identityOf(held.record) : this.#outbox.find(header, nonce);
    if (owner === undefined) return undefined;
    if (owner !== identity) return { kind: "duplicate" };
    return { kind: "accepted", block: held !== undefined && held.stage !== "claimed" };
  }

  /** The cheap test; null where the miner claims no mix digest. */
  #judgeClaim(share: ShareSubmission): Judgement | null {
    const { mixDigest } = share;
    if (mixDigest === null) return null;
    return judgeClaim({ ...share, mixDigest }, this.#options.keeper.resultOf(share.job.header, share.nonce, mixDigest));
  }

  /** The full verification of a record that only passed the cheap test. */
  async #prove(record: ShareRecord): Promise<boolean> {
    const { header, nonce } = record;
    const proof = await this.#queue.verify(this.#epochOf(record.height), { header, nonce });
    return `0x${toHex(proof.mixDigest)}` === record.mixDigest;
  }

  /** A found block: durable first, then to the nodes; the miner need not wait longer than it can. */
  async #found(stage: HeldStage, share: ShareSubmission, record: ShareRecord): Promise<ShareVerdict> {
    const { clock } = this.#options;
    const held = this.#hold(stage, share, record);
    const carried = this.#carry(held, { offered: share.retry, written: share.retry });
    return within(clock, ANSWER_WITHIN_MS, carried, { kind: "accepted", block: true });
  }

  #hold(stage: HeldStage, share: ShareSubmission, record: ShareRecord): HeldSubmission {
    const { store, clock, wakeAt } = this.#options;
    const held = store.hold(stage, { ...record, networkDifficulty: share.job.networkDifficulty });
    wakeAt(clock.nowMs() + 30_000);
    this.#held.set(heldKey(record), held);
    return held;
  }

  /** Carries a durable submission to its end, however long that takes. Never throws. @param proof a verification that is under way */
  async #carry(held: HeldSubmission, before: EarlierAttempt, proof?: Promise<Judgement>): Promise<ShareVerdict> {
    const { clock, store } = this.#options;
    this.#held.set(heldKey(held.record), held);
    let pending = proof;
    let earlier = before;
    for (;;) {
      try {
        await store.durable();
        const verdict = await this.#settle(held, earlier, pending);
        this.#held.delete(heldKey(held.record));
        if (verdict.kind === "invalid") this.#refute(held.record);
        return this.#remember(held.record, verdict);
      } catch (error) {
        this.#failed("held submission not settled", error);
        pending = undefined;
        earlier = { offered: true, written: before.written || isWritten(held) };
        await sleep(clock, REST_MS);
      }
    }
  }

  async #settle(held: HeldSubmission, earlier: EarlierAttempt, proof?: Promise<Judgement>): Promise<ShareVerdict> {
    const { id, stage, record } = held;
    if (stage !== "claimed") {
      const end = await this.#blocks.settle(held, earlier);
      return end.kind === "invalid" ? end : verdictOf(end.outcome, end.kind === "block");
    }
    const proven = proof ? (await proof).kind !== "invalid" : await this.#prove(record);
    if (!proven) {
      this.#options.store.dropHeld(id);
      return { kind: "invalid" };
    }
    const outcome = await this.#commit.commit({ kind: "share", record, retry: earlier.written, heldId: id });
    return verdictOf(outcome, false);
  }

  #remember(record: ShareRecord, verdict: ShareVerdict): ShareVerdict {
    const { header, nonce } = record;
    if (verdict.kind === "accepted") this.#recent.remember(header, nonce, identityOf(record), verdict);
    return verdict;
  }

  /** Accepted on the strength of its claim, and the mix digest was wrong: it is not credited. */
  #refute({ login, worker, height }: BlockRecord): void {
    this.#refuted += 1;
    this.#options.log.warn("claimed mix digest refuted", { login, worker, height });
  }

  #counting(writer: LedgerWriter): LedgerWriter {
    const count = (outcomes: readonly RecordOutcome[]) => {
      this.#recorded += outcomes.filter((outcome) => outcome === "recorded").length;
    };
    return {
      async recordShares(batch, retry) {
        const outcomes = await writer.recordShares(batch, retry);
        count(outcomes);
        return outcomes;
      },
      async recordBlock(block, retry) {
        const outcome = await writer.recordBlock(block, retry);
        count([outcome]);
        return outcome;
      },
      get billedCommands() {
        return writer.billedCommands;
      },
    };
  }

  #failed(event: string, error: unknown): string {
    const reason = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    // An outage fails in the same way again and again: said once.
    if (reason !== this.#lastError) this.#options.log.error(event, { reason });
    this.#lastError = reason;
    return reason;
  }
}

function heldKey({ header, nonce, mixDigest }: Pick<ShareRecord, "header" | "nonce" | "mixDigest">): string {
  return `${header}${nonce}${mixDigest}`;
}

/** Whether an attempt that came to an unknown end in this stage may have reached the ledger. */
function isWritten({ stage }: HeldSubmission): boolean {
  return stage === "claimed" || stage === "sealed";
}

function verdictOf(outcome: RecordOutcome, block: boolean): ShareVerdict {
  if (outcome === "duplicate") return { kind: "duplicate" };
  if (outcome === "unresolved") return unavailable("too old to tell whether it is in the ledger");
  return { kind: "accepted", block };
}
