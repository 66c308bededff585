import type { PauseFlag } from "../admin/pause.ts";
import { type Clock, sleep, within } from "../clock.ts";
import type { WorkHealth } from "../health/judge.ts";
import type { Logger } from "../log.ts";
import { FallWatch } from "./fall-watch.ts";
import type { FanOut } from "./fan-out.ts";
import type { HeaderTerms, NodeJob, WorkSnapshot } from "./job.ts";
import type { NodeClient } from "./node-client.ts";
import { type NodeStateWriter, nodeStatesOf } from "./node-state.ts";
import { NodeProbe } from "./node-probe.ts";
import { parseNotify } from "./node-work.ts";
import { OnceLog } from "./once-log.ts";
import { reportFall, reportUpstream } from "./work-reports.ts";
import { type RelayPort, RelayTree } from "./relay-tree.ts";
import { PollPace } from "./poll-pace.ts";
import { Poller } from "./poller.ts";
import { PushPace } from "./push-pace.ts";
import type { AlarmPort, TemplateStore } from "./template-ports.ts";
import {
  acceptWork,
  marked,
  closeRound,
  snapshotOf,
  withdrawWork,
  type OfferOutcome,
  type TemplateState,
  type WorkOffer,
} from "./template.ts";
import { nodeHealthOf, type UpstreamHealth } from "./upstream-health.ts";
import type { WorkCheck } from "./work-check.ts";

export interface TemplateRootDeps {
  readonly store: TemplateStore;
  readonly alarm: AlarmPort;
  readonly fanOut: FanOut;
  readonly relays: RelayPort;
  /** `jobRelays`; null: as many as there should be. */
  readonly fixedRelays: number | null;
  readonly health: UpstreamHealth;
  readonly nodes: readonly NodeClient[];
  readonly check: WorkCheck;
  readonly nodeState: NodeStateWriter;
  /** Whether the operator has paused the pool; outlives the object. */
  readonly paused: PauseFlag;
  readonly log: Logger;
  readonly clock: Clock;
  /** Another height than before is being mined: verifiers may want its light cache. */
  readonly onHeight: (height: number) => void;
  /** Its work is for logins that mine solo. Left out: common work. */
  readonly solo?: boolean;
  readonly poolName: string;
  /** What new headers are stamped with. */
  readonly terms: HeaderTerms;
  readonly refreshIntervalMs: number;
  readonly recommitIntervalMs: number;
  readonly checkIntervalMs: number;
  readonly maxAgeMs: number;
}

/** Somebody who asks for work without subscribing (HTTP getwork) keeps the loop running for so long. */
const INTEREST_MS = 60_000;
/** How long the first miner waits for the first poll before hearing that there is no work yet; ethminer's patience is 2 s. */
const FIRST_POLL_MS = 1000;
/** Whoever asks for the pool's health waits so long for nodes that were not asked yet. */
const PROBE_WAIT_MS = 3_000;
/** Without an answer for so long, the next node is asked as well. */
const PATIENCE_MS = { least: 500, most: 1000 } as const;
/** A node has the work after a block of its own within some tens of ms; after these the next round is near anyway. */
const REFRESH_PAUSES_MS = [0, 50, 150, 300] as const;
/** A round waits so long for the sessions to hear that it closes. */
const CLOSING_MS = 500;
/**
 * The store need not have confirmed a write before the work goes out. After a restart the count goes on beyond whatever may have
 * gone out and was not written.
 */
const UNCONFIRMED_ROOM = 1000;
/** A header that is held back waits so much longer for a poll that comes anyway, before it has one of its own. */
const HELD_LONGER_MS = 5_000;
/** An alarm so late is lost. */
const LOST_ALARM_MS = 10_000;

/** The pool's one source of work: takes it from nodes, keeps it, hands it out. The loop runs while anyone mines. */
export class TemplateRoot {
  readonly #deps: TemplateRootDeps;
  readonly #poller: Poller;
  readonly #once: OnceLog;
  readonly #falls = new FallWatch();
  #state: TemplateState;
  /** Work is written when somebody gets it, and not at all while nobody does. */
  #isSaved = true;
  #height: number | null = null;
  readonly #tree: RelayTree;
  readonly #pushes: PushPace;
  readonly #polls: PollPace;
  #interestUntilMs = -Infinity;
  #isRunning = false;
  #nextRoundMs = -Infinity;
  #firstRound: Promise<void> | null = null;
  /** The sessions hear of the rounds that were closed so far. */
  #closing: Promise<unknown> = Promise.resolve();
  readonly #prober = new NodeProbe(() => this.#poller.tick());

  constructor(deps: TemplateRootDeps) {
    const { nodes, health, check, clock, checkIntervalMs } = deps;
    this.#deps = deps;
    this.#pushes = new PushPace(deps);
    this.#polls = new PollPace(deps);
    this.#once = new OnceLog(deps.log);
    this.#tree = new RelayTree({
      fanOut: deps.fanOut,
      kept: { get: () => deps.store.relays(), set: (relays) => deps.store.saveRelays(relays) },
      fixed: deps.solo === true ? 0 : deps.fixedRelays,
      port: deps.relays,
    });
    this.#state = deps.store.load();
    if (this.#state.sequence > 0) {
      this.#state = { ...this.#state, sequence: this.#state.sequence + UNCONFIRMED_ROOM };
      this.#isSaved = false;
    }
    for (const name of deps.store.subscribers()) deps.fanOut.add(name);
    this.#poller = new Poller({
      nodes,
      health,
      check,
      clock,
      checkIntervalMs,
      patienceMs: Math.min(Math.max(deps.refreshIntervalMs, PATIENCE_MS.least), PATIENCE_MS.most),
      bestHeight: () => this.#fresh()?.current.height ?? null,
      onWork: (offer) => void this.#offer(offer),
      onEvents: (events) => events.forEach((event) => reportUpstream(this.#once, event)),
      onWrongChain: (node) => this.#withdraw(node),
    });
  }

  /**
   * @param name a login, or a relay
   * @returns the work of now, which says whether a login should subscribe at a relay instead; null where there is none yet or it is too old
   */
  async subscribe(name: string): Promise<WorkSnapshot | null> {
    if (this.#tree.isOurs(name)) this.#add(name);
    const work = await this.#workNow();
    // Whoever cannot be told of the relays hears of them with the first work.
    if (work === null) this.#add(name);
    return work;
  }

  #add(name: string): void {
    const { fanOut, store } = this.#deps;
    if (fanOut.add(name)) store.addSubscriber(name);
  }

  unsubscribe(name: string): void {
    if (this.#deps.fanOut.remove(name)) this.#deps.store.removeSubscriber(name);
  }

  /** The same work without pushes. Keeps the loop running for {@link INTEREST_MS}. */
  async snapshot(): Promise<WorkSnapshot | null> {
    this.#interestUntilMs = this.#nowMs + INTEREST_MS;
    const work = await this.#workNow();
    const { work: pushed } = this.#pushes;
    // What is asked for here is mined through a session, which knows what was pushed and nothing newer.
    if (work === null || pushed === null || work.current.height !== pushed.current.height) return work;
    return { ...pushed, confirmedAtMs: work.confirmedAtMs, paused: work.paused };
  }

  /**
   * Work that a node pushed.
   * @param body of the node's POST
   * @param node the upstream's name where the notify URL says it
   */
  notify(body: string, node: string | null): { ok: boolean; reason: string } {
    const parsed = parseNotify(body);
    const reason = parsed.ok ? this.#pushProblem(parsed.job, node) : parsed.reason;
    if (!parsed.ok || reason !== null) {
      this.#once.problem("notify", "refused", "pushed work was refused", { reason, upstream: node });
      return { ok: false, reason: reason ?? "" };
    }
    this.#once.solved("notify", "pushed work is usable again");
    return { ok: true, reason: this.#offer({ job: parsed.job, node, via: "push", askedAtMs: this.#nowMs }) };
  }

  /** One round of the loop. Calls for the next one first, so that the loop goes on whatever happens in this one. */
  async tick(): Promise<void> {
    if (!this.#isWanted()) {
      this.#isRunning = false;
      return;
    }
    this.#callNextRound();
    if (!this.#isRunning) this.#begin();
    else await this.#round();
    await this.#firstRound;
  }

  /** Cron: brings a loop that should run and does not back to life; where none should, looks whether the nodes would have work. */
  async guard(): Promise<void> {
    if (!this.#isWanted()) return void (await Promise.all([this.#tree.guard(), this.#probe()]));
    const { alarm, log } = this.#deps;
    const atMs = await alarm.get();
    if (atMs === null || atMs <= this.#nowMs - LOST_ALARM_MS) {
      log.warn("the poll loop had stopped; cron starts it again");
      alarm.set(this.#nowMs);
    }
    await this.#tree.guard();
  }

  /** A block was found: polls at once and, while the node is still making the work that follows on it, a few times more. */
  async refresh(): Promise<void> {
    const before = this.#state.jobs[0]?.height;
    for (const pauseMs of REFRESH_PAUSES_MS) {
      if (!this.#isWanted() || this.#state.jobs[0]?.height !== before) return;
      await sleep(this.#deps.clock, pauseMs);
      await this.#round();
    }
  }

  /**
   * A block of the pool's is about to be recorded. Resolves when every session knows, or most do: a share of its round that is handed in
   * later is stale then, also while the nodes have no newer work.
   */
  async closeRound(height: number): Promise<void> {
    const state = closeRound(this.#state, height);
    if (state !== this.#state) {
      this.#state = state;
      this.#isSaved = false;
      this.#publish();
      this.#closing = Promise.all([this.#closing, this.#tree.delivered(CLOSING_MS)]);
    }
    // Also for whoever says the same again: the second nonce for a header must not overtake the first one on its way into the ledger.
    await this.#closing;
  }

  /** Pauses the pool or lets it go on: every session hears of it at once. */
  pause(paused: boolean): void {
    if (paused !== this.#deps.paused.get()) this.#deps.paused.set(paused);
    // A snapshot of its own, so that none of before comes after it.
    this.#state = { ...this.#state, sequence: this.#state.sequence + 1 };
    this.#isSaved = false;
    this.#publish();
  }

  /** How it is. Where nobody mines, the nodes are asked first if that was long ago: the first miner should not be the one to find out. */
  async health(): Promise<WorkHealth> {
    if (!this.#isWanted()) await within(this.#deps.clock, PROBE_WAIT_MS, this.#probe(), undefined);
    return this.#health;
  }

  get #nowMs(): number {
    return this.#deps.clock.nowMs();
  }

  get #health(): WorkHealth {
    const fresh = this.#fresh();
    const current = this.#state.jobs[0];
    return {
      height: fresh?.current.height ?? null,
      header: fresh?.current.header ?? null,
      networkDifficulty: fresh?.current.networkDifficulty.toString() ?? null,
      ageMs: current === undefined ? null : this.#nowMs - this.#state.confirmedAtMs,
      subscribers: this.#tree.logins,
      polling: this.#isRunning,
      paused: this.#deps.paused.get(),
      upstreams: this.#deps.health.statuses().map((status) => nodeHealthOf(status, this.#nowMs)),
    };
  }

  async #probe(): Promise<void> {
    const isWell = this.#deps.health.statuses().some(({ height, lastError }) => height !== null && lastError === null);
    await this.#prober.probe(isWell, this.#nowMs);
  }

  async #workNow(): Promise<WorkSnapshot | null> {
    if (!this.#isRunning) {
      this.#callNextRound();
      this.#begin();
    }
    if (this.#firstRound !== null) await within(this.#deps.clock, FIRST_POLL_MS, this.#firstRound, undefined);
    return this.#handOut();
  }

  #isWanted(): boolean {
    return this.#deps.fanOut.size > 0 || this.#nowMs < this.#interestUntilMs;
  }

  #callNextRound(): void {
    const [first] = this.#deps.health.order();
    const status = this.#deps.health.statuses().find(({ name }) => name === first);
    const isWell = status?.healthy === true && status.lastError === null;
    this.#roundAt(this.#nowMs + this.#polls.intervalMs(isWell, this.#nowMs));
  }

  #roundAt(atMs: number): void {
    this.#nextRoundMs = atMs;
    this.#deps.alarm.set(atMs);
  }

  /** The loop starts in this instance: whoever subscribed before a restart may have missed work that was on its way. */
  #begin(): void {
    this.#isRunning = true;
    this.#publish();
    this.#firstRound = this.#round().finally(() => (this.#firstRound = null));
  }

  async #round(): Promise<void> {
    await this.#poller.tick();
    this.#prober.noteAsked(this.#nowMs);
    const fresh = this.#fresh();
    if (fresh === null) this.#once.problem("work", "none", "no node gives work: miners hear `Work not ready`");
    else this.#once.solved("work", "there is work again", { height: fresh.current.height });
    this.#publishIfDue();
    const { paused, nodeState, poolName, health } = this.#deps;
    const states = nodeStatesOf(poolName, fresh, health.statuses());
    if (!paused.get()) void nodeState.offer(states, this.#nowMs, this.#once);
  }

  #offer(offer: WorkOffer): OfferOutcome {
    const { maxAgeMs, health, terms, log } = this.#deps;
    const [before] = this.#state.jobs;
    const falls = this.#falls;
    falls.heard(offer, before);
    const { node, job } = offer;
    const { state, outcome } = acceptWork(this.#state, offer, {
      nowMs: this.#nowMs,
      maxAgeMs,
      terms,
      // Behind every other: at the height that it lost, its header is dead and any other node's is alive.
      rankOf: (name) => health.rankOf(name) + (falls.hasFallen(name) ? this.#deps.nodes.length : 0),
      isFall: () => falls.hasFallen(node) && !health.isOutvoted(node ?? "", job.height, this.#nowMs),
      isDead: (held) => falls.isDead(held),
    });
    this.#state = state;
    const isHigher = outcome === "current" && job.height > (before?.height ?? -1);
    this.#polls.heard(offer.via, isHigher, this.#nowMs);
    if (outcome !== "current") return outcome;
    if (before !== undefined && job.height < before.height) reportFall(this.#once, node, before.height, job.height);
    this.#isSaved = false;
    const { header, height } = offer.job;
    log.debug("new work", { height, header, via: offer.via, upstream: offer.node, sequence: state.sequence });
    this.#publishIfDue();
    return outcome;
  }

  #pushProblem(job: NodeJob, node: string | null): string | null {
    const { nodes, health, check } = this.#deps;
    if (node !== null && !nodes.some(({ name }) => name === node))
      return `the notify URL names an upstream that is not configured; there are: ${nodes.map(({ name }) => name).join(", ")}`;
    return health.refusal(node) ?? check(job)?.reason ?? null;
  }

  /** Takes back what came from a node that is on another chain, or may have come from it. */
  #withdraw(node: string): void {
    const before = this.#state.sequence;
    this.#state = withdrawWork(this.#state, (from) => from === null || from === node);
    if (this.#state.sequence === before) return;
    this.#isSaved = false;
    this.#deps.log.warn("work of another chain is withdrawn", { upstream: node });
    if (this.#isWanted()) this.#publish();
  }

  /** Not every header is worth a push: see {@link PushPace}. */
  #publishIfDue(): void {
    const fresh = this.#fresh();
    const node = this.#state.jobs[0]?.node ?? null;
    if (fresh === null || !this.#isWanted()) return;
    if (this.#pushes.isDue(fresh, node, this.#nowMs)) return this.#publish();
    // What is held back must not wait for a poll that is far away.
    const isHeld = fresh.sequence !== this.#pushes.work?.sequence;
    if (isHeld && this.#nextRoundMs > this.#pushes.nextRecommitMs + HELD_LONGER_MS)
      this.#roundAt(this.#pushes.nextRecommitMs);
  }

  #publish(): void {
    this.#tree.adjust();
    const work = this.#handOut();
    if (work === null) return;
    this.#pushes.pushed(work, this.#state.jobs[0]?.node ?? null, this.#nowMs);
    this.#deps.fanOut.publish(work);
    if (work.current.height === this.#height) return;
    this.#height = work.current.height;
    this.#deps.onHeight(this.#height);
  }

  #handOut(): WorkSnapshot | null {
    const fresh = this.#fresh();
    if (fresh !== null && !this.#isSaved) {
      this.#deps.store.save(this.#state);
      this.#isSaved = true;
    }
    const { paused, solo = false } = this.#deps;
    return fresh && marked(fresh, { paused: paused.get(), solo, relays: this.#tree.count });
  }

  #fresh(): WorkSnapshot | null {
    return snapshotOf(this.#state, { nowMs: this.#nowMs, maxAgeMs: this.#deps.maxAgeMs });
  }
}
