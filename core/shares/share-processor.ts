import { BoundedMap } from "../bounded-map.ts";
import { createEpochLookup, type ChainSpec, type Epoch } from "../chain-spec.ts";
import { within, type Clock } from "../clock.ts";
import { NAMED, type ShardHealth } from "../health/shard-health.ts";
import { GroupCommit } from "../ledger/write-path/group-commit.ts";
import { Outbox } from "../ledger/write-path/outbox.ts";
import type { HeldStage, OutboxStore } from "../ledger/write-path/outbox-store.ts";
import { settleUnresolved } from "../ledger/write-path/settle-unresolved.ts";
import type { OperatorView, Settlement } from "../ledger/write-path/unresolved-records.ts";
import type { BlockRecord, LedgerWriter, ShareRecord } from "../ledger/contract/records.ts";
import type { Logger } from "../log.ts";
import { identityOf, proofOf } from "../share-identity.ts";
import { BlockPath, type BlockNode } from "./block-path.ts";
import type { CacheKeeper } from "./cache-keeper.ts";
import { Copies, type Decision } from "./copies.ts";
import { endVerdict, HeldSubmissions, type HeldOutcome } from "./held-submissions.ts";
import { isGood, judgeClaim, type GoodJudgement, type Judgement } from "./judgement.ts";
import { ProofChecks } from "./proof-checks.ts";
import { RefutedClaims } from "./refuted-claims.ts";
import { isLate, verdictOf, unavailable, type ShareSubmission, type ShareVerdict } from "./share.ts";
import { VerificationQueue } from "./verification-queue.ts";

/**
 * After so long a miner is told what is certain by then. ethminer gives up a submit after 2 s; half of that is left to the network.
 * A submission that is durable is accepted then, whatever is still to be done with it.
 */
const ANSWER_WITHIN_MS = 1_000;

/** So many blocks before its first one the next epoch's cache is prepared, where it fits beside the current one. */
const LOOK_AHEAD_BLOCKS = 100;

/** Beside those that wait for their verification, so many may wait for the ledger in memory: it takes no more in one write. */
const MOST_WRITTEN = 1_000;

/** Most answers that are remembered: about 1 MB. */
const REMEMBERED = 8_192;

/** What a processor of shares works with. */
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
  /** How long a share may wait for its verification where nothing can be said before it. */
  readonly queueTimeoutMs: number;
  /** Asks for a {@link ShareProcessor.wake} at this Unix time in ms, also in another life of the object. */
  readonly wakeAt: (atMs: number) => void;
  /** A node accepted a block: there is new work. */
  readonly onBlock: (block: BlockRecord) => void;
  /** A block is about to close a round (see {@link HeldSubmissions}). */
  readonly onClosing: (height: number) => Promise<void>;
  /** A claim that was accepted before it was verified has been refuted. @param client who sent it, where that is known */
  readonly onRefuted: (record: ShareRecord, client: string | undefined) => void;
  readonly log: Logger;
}

const ACCEPTED: ShareVerdict = { kind: "accepted", block: false };
const DUPLICATE: ShareVerdict = { kind: "duplicate" };
const STALE: ShareVerdict = { kind: "stale" };
const LISTED = 1_000;

/** The whole way of a share from its submission to the ledger (docs/ARCHITECTURE.md, "One share"). */
export class ShareProcessor {
  readonly #options: ShareProcessorOptions;
  readonly #epochOf: (height: number) => Epoch;
  readonly #queue: VerificationQueue;
  readonly #checks: ProofChecks;
  readonly #outbox: Outbox;
  readonly #commit: GroupCommit;
  readonly #held: HeldSubmissions;
  readonly #running = new Map<string, Promise<ShareVerdict>>();
  readonly #copies: Copies;
  /** Who sent what was accepted on its claim, by identity. */
  readonly #clients = new Map<string, string | undefined>();
  /**
   * By proof of work, whose submission of it was accepted and as what: a retry gets the answer of its first attempt, and a copy is a
   * duplicate without a hash and without a request to Redis. Forgetting is harmless, the ledger decides then.
   */
  readonly #recent = new BoundedMap<string, { readonly owner: string; readonly verdict: ShareVerdict }>(REMEMBERED);
  /** Height of the work that the template gives out now. */
  #workHeight = 0;
  /** The same, or less: a found block far below it is too old to be offered. Sessions only lower it: too long an offer costs nothing. */
  #offerHeight = 0;
  readonly #refuted = new RefutedClaims();
  #lateStale = 0;
  #lastError: string | null = null;

  /** Takes up whatever an earlier life of this object left in the store. */
  constructor(options: ShareProcessorOptions) {
    this.#options = options;
    this.#epochOf = createEpochLookup(options.chain);
    const { keeper, clock, random, store, queueBound: bound } = options;
    this.#queue = new VerificationQueue({
      keeper,
      clock,
      bound,
      onFailure: (error) => this.#failed("kernel failed", error),
    });
    this.#copies = new Copies({ clock, judgedWithinMs: options.queueTimeoutMs, endedWithinMs: ANSWER_WITHIN_MS });
    this.#checks = new ProofChecks(this.#queue, this.#epochOf);
    this.#workAt(0);
    this.#outbox = new Outbox(store, options.writer, clock, random, {
      onRival: (held) => this.#held.takeUp(held),
      // Told true all the same: where an answer cannot wait for the ledger, no verifier knows what another one holds.
      onDuplicate: ({ login, worker, height }) =>
        options.log.warn("accepted share was a duplicate", { login, worker, height }),
      onLate: (record) => this.#late(record),
    });
    this.#commit = this.#openCommit();
    this.#held = this.#openHeld();
    this.#held.resume();
    this.wake();
  }

  #openCommit(): GroupCommit {
    const { writer, store, clock, commitIntervalMs, wakeAt } = this.#options;
    return new GroupCommit({
      writer,
      store,
      outbox: this.#outbox,
      clock,
      commitIntervalMs,
      answerWithinMs: ANSWER_WITHIN_MS,
      wakeAt,
      onFailure: (error) => this.#failed("ledger failed", error),
    });
  }

  #openHeld(): HeldSubmissions {
    const { store, nodes, clock, random, wakeAt, onBlock, onClosing, log } = this.#options;
    const blocks = new BlockPath({
      nodes,
      clock,
      random,
      workHeight: () => this.#offerHeight,
      onAnswer: ({ height, header, nonce }, node, answer) =>
        log.info("block offered", { height, header, nonce, node, answer }),
      onSearch: ({ height, nonce }, node, answer) => log.info("block looked for", { height, nonce, node, answer }),
    });
    return new HeldSubmissions({
      store,
      commit: this.#commit,
      blocks,
      clock,
      proves: (record) => this.#checks.proves(record),
      onAccepted: onBlock,
      onClosing,
      onFailure: (error) => this.#failed("held submission not settled", error),
      onEnd: (record, end) => this.#ended(record, end),
      wakeAt,
    });
  }

  /** Judges a submission and records it. The same submission again (same login, worker, time) joins the first. Never throws. */
  submit(share: ShareSubmission): Promise<ShareVerdict> {
    const identity = identityOf(share);
    const key = `${identity}/${proofOf({ header: share.job.header, nonce: share.nonce })}`;
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
    this.#workHeight = height;
    this.#workAt(height);
    const { keeper } = this.#options;
    const epoch = this.#epochOf(height);
    if (!keeper.has(epoch)) return this.#queue.prepare(epoch);
    const next = this.#epochOf(height + LOOK_AHEAD_BLOCKS);
    if (next.firstBlock !== epoch.firstBlock && keeper.fitsBeside(next)) this.#queue.prepare(next);
  }

  #workAt(height: number): void {
    this.#offerHeight = height;
    this.#options.writer.workAt(height);
  }

  /** Goes on with what waits in durable storage, and asks to be woken again while something does. */
  wake(): void {
    const { clock, wakeAt } = this.#options;
    // First the alarm, in the same turn: this life may end at any later point.
    if (this.#outbox.depth > 0 || this.#held.size > 0) wakeAt(clock.nowMs() + 30_000);
    this.#commit.wake();
  }

  /** What waits and what has happened in this life. */
  get state() {
    return {
      outboxDepth: this.#outbox.depth + this.#held.size,
      waitingShares: this.#queue.size + this.#commit.pending,
      recordedShares: this.#outbox.recorded,
      refutedClaims: this.#refuted.count,
      unresolved: this.#options.store.unresolved.count,
      ledgerSick: this.#outbox.failing,
      lastError: this.#lastError,
    };
  }

  /** The same as an operator sees it, with the light caches and the ledger's costs. */
  get health(): ShardHealth {
    const { outboxBound, keeper, writer, clock } = this.#options;
    const { refutedClaims: refutedShares, unresolved: unresolvedShares, ledgerSick, ...rest } = this.state;
    const unreadable = this.#options.store.unreadable.summary();
    const { epoch: cacheEpoch, progress: cacheProgress, error: cacheError } = keeper.status;
    const refuted = this.#refuted.recent(clock.nowMs());
    return {
      ...rest,
      load: this.#queue.load,
      outboxBound,
      cacheEpoch,
      cacheProgress,
      cacheError,
      billedCommands: writer.billedCommands,
      unresolvedShares,
      refutedShares,
      lateDuplicates: this.#outbox.duplicates,
      lateStale: this.#lateStale,
      recentlyRefuted: { shares: refuted.shares, logins: refuted.logins.slice(0, NAMED) },
      refusedLogins: this.#outbox.refusedLogins.slice(0, NAMED),
      setAsideShares: this.#outbox.setAside,
      unreadableRows: unreadable.count,
      unreadableReasons: unreadable.reasons,
      ledger: ledgerSick ? "sick" : "ok",
    };
  }

  /** What waits for the operator. */
  get operatorView(): OperatorView {
    const { unresolved } = this.#options.store;
    return {
      unresolved: unresolved.list(LISTED),
      unresolvedCount: unresolved.count,
      settled: unresolved.settled(LISTED),
    };
  }

  /** See {@link settleUnresolved}. */
  settle(ids: readonly number[], action: Settlement, note: string): number[] {
    const { store, clock, wakeAt, log } = this.#options;
    const settled = settleUnresolved({ store, clock, outbox: this.#outbox }, ids, action, note);
    log.warn("unresolved records settled", { action, note, ids: settled.join(" ") });
    wakeAt(clock.nowMs());
    this.#commit.wake();
    return settled;
  }

  /** The ledger is suspected to have lost what it acknowledged last: the last minute of it is sent again. @returns how many records */
  reconcile(): number {
    const records = this.#outbox.doubt();
    this.#commit.wake();
    return records;
  }

  async #process(share: ShareSubmission, identity: string): Promise<ShareVerdict> {
    this.#workAt(Math.min(this.#offerHeight, share.workHeight ?? share.job.height));
    const known = this.#known(share, identity);
    if (known) return known;
    const claim = judgeClaim(share, (...of) => this.#options.keeper.resultOf(...of));
    if (claim && !isGood(claim)) return claim;
    const full = this.#ifFull();
    if (full && claim?.kind !== "block") return full;
    return await this.#copies.submit(
      proofOf({ header: share.job.header, nonce: share.nonce }),
      () => this.#checks.check(share),
      (begun) => this.#decide(share, claim, begun),
    );
  }

  /** The first submission of a proof of work, with a claim that is good enough or none. @param begun its full verification, where that is under way */
  async #decide(share: ShareSubmission, claim: GoodJudgement | null, begun?: Promise<Judgement>): Promise<Decision> {
    const { keeper, clock, queueTimeoutMs, writer } = this.#options;
    const epoch = this.#epochOf(share.job.height);
    const late = isLate(share, this.#workHeight);
    // A block must not wait for a cache, nor for room in the queue: its claim is as hard to forge as a block, and the node verifies it.
    if (claim?.kind === "block" && !keeper.has(epoch)) return this.#found("foundClaimed", share, claim.record);
    const judged = begun ?? this.#checks.check(share);
    const tried = claim?.kind === "block" ? judged.catch(() => null) : judged;
    let judgement = await within(clock, claim ? ANSWER_WITHIN_MS : queueTimeoutMs, tried, null);
    if (judgement === null && claim) {
      if (claim.kind === "block") return this.#found("foundClaimed", share, claim.record);
      const untilMs = clock.nowMs() + queueTimeoutMs;
      judgement = await this.#queue.settled(epoch, judged, untilMs);
      // What is promised on a claim must come true, by a cache and in its round. Where the cache is there, the answer is only a matter of turns.
      if (judgement === null && !keeper.has(epoch)) {
        if (!keeper.canHave(epoch)) return { answer: unavailable("no light cache") };
        const isClosed = claim.record.late === true || (late && share.job.height <= (await writer.closedHeight()));
        if (isClosed) return { answer: STALE };
        return this.#promise(share, claim.record, judged);
      }
      judgement ??= await within(clock, Math.max(0, untilMs - clock.nowMs()), judged, null);
    }
    if (judgement === null) return { answer: unavailable("not verified in time") };
    if (!isGood(judgement)) return { answer: judgement };
    this.#checks.trust(share);
    if (judgement.kind === "block") return this.#found("found", share, judgement.record);
    const { record } = judgement;
    const outcome = await this.#commit.commit({ kind: "share", record, retry: share.retry, heldId: null, late });
    const verdict = verdictOf(outcome, false);
    this.#remember(record, verdict);
    return { answer: verdict };
  }

  /** Accepts a share on its claim, durably. */
  #promise(share: ShareSubmission, record: ShareRecord, judged: Promise<Judgement>): Decision {
    const end = this.#hold("claimed", share, record, judged).then(endVerdict);
    this.#clients.set(identityOf(record), share.client);
    return { answer: ACCEPTED, end };
  }

  /** What is known of this proof of work without any work. */
  #known(share: ShareSubmission, identity: string): ShareVerdict | undefined {
    const { nonce, mixDigest, job } = share;
    const proof = { header: job.header, nonce };
    if (this.#checks.isRefuted(share)) return { kind: "invalid" };
    const recent = this.#recent.get(proofOf(proof));
    if (recent) return recent.owner === identity ? recent.verdict : DUPLICATE;
    const held = mixDigest === null ? undefined : this.#held.find({ ...proof, mixDigest });
    const known = held ? held.record : this.#outbox.find(proof);
    if (known === undefined) return undefined;
    // What waits of a closed round may come to nothing: nobody is told that it counts.
    if (known.late === true) return STALE;
    // A claim that is under way is judged with its copies.
    if (identityOf(known) !== identity)
      return held?.stage === "claimed" && this.#copies.has(proofOf(proof)) ? undefined : DUPLICATE;
    return { kind: "accepted", block: held !== undefined && held.stage !== "claimed" && held.stage !== "rival" };
  }

  /** What is answered where too much is under way, but to a block: none is lost to too many shares. */
  #ifFull(): ShareVerdict | null {
    const { outboxBound, queueBound } = this.#options;
    if (this.#running.size > queueBound + MOST_WRITTEN)
      return unavailable(`${this.#running.size} shares are under way`);
    if (this.#outbox.depth + this.#commit.pending + this.#held.size < outboxBound) return null;
    return unavailable(`${outboxBound} shares wait for the ledger`);
  }

  /** A found block: durable first, then to the nodes; the miner need not wait longer than it can. */
  async #found(stage: HeldStage, share: ShareSubmission, found: ShareRecord): Promise<Decision> {
    // Where nobody takes it, it is a share, and never late: whoever held it back risked a block for it, and it is told true before the nodes have spoken.
    const record = { ...found, late: false };
    const end = this.#hold(stage, share, record).then(endVerdict);
    const answer = await within(this.#options.clock, ANSWER_WITHIN_MS, end, null);
    return { answer: answer ?? { kind: "accepted", block: this.#held.find(record)?.stage !== "rival" }, end };
  }

  /** @param judged a full verification that is under way */
  #hold(stage: HeldStage, share: ShareSubmission, record: ShareRecord, judged?: Promise<Judgement>) {
    const { retry, job } = share;
    const proof = judged && (() => judged.then(({ kind }) => kind !== "invalid"));
    return this.#held.hold(stage, { ...record, networkDifficulty: job.networkDifficulty }, retry, proof);
  }

  #ended(record: BlockRecord, end: HeldOutcome): void {
    const identity = identityOf(record);
    const client = this.#clients.get(identity);
    this.#clients.delete(identity);
    if (end.kind === "recorded" && end.outcome === "stale") return this.#late(record);
    if (end.kind === "recorded") return this.#remember(record, endVerdict(end));
    // Accepted on the strength of its claim, and the mix digest was wrong.
    this.#refuted.add(record.login, this.#options.clock.nowMs());
    const { login, worker, height } = record;
    this.#options.log.warn("claimed mix digest refuted", { login, worker, height });
    this.#options.onRefuted(record, client);
  }

  /** A block may have been told true: there was no answer in time from the nodes, which decide. */
  #late({ login, worker, height }: ShareRecord): void {
    this.#lateStale += 1;
    this.#options.log.warn("what waited was of a closed round", { login, worker, height });
  }

  /** The first answer for a proof of work stays. */
  #remember(record: ShareRecord, verdict: ShareVerdict): void {
    const proof = proofOf(record);
    if (verdict.kind !== "accepted" || this.#recent.has(proof)) return;
    this.#recent.set(proof, { owner: identityOf(record), verdict });
  }

  #failed(event: string, error: unknown): string {
    const reason = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    // An outage fails in the same way again and again: said once.
    if (reason !== this.#lastError) this.#options.log.error(event, { reason });
    this.#lastError = reason;
    return reason;
  }
}
