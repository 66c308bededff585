import type { HeaderTerms, Job, NodeJob, WorkSnapshot } from "./job.ts";

/** A submit may name a job whose height is above `current.height - BACKLOG_HEIGHTS`; the node itself takes up to 7 (docs/protocol.md, section 6). */
const BACKLOG_HEIGHTS = 3;

/**
 * A node makes a new header of the same height every few seconds, and a height can last for minutes. Only the last ones are still
 * being hashed by anyone, and the whole list travels with every push.
 */
export const MAX_JOBS = 48;

/** Work as it came in. */
export interface WorkOffer {
  readonly job: NodeJob;
  /** The node that it is from; null for a push that does not say. */
  readonly node: string | null;
  /**
   * A pushed header is of an unknown moment before it arrived (geth keeps no order, docs/protocol.md, section 6).
   * A polled one is what the node held at some moment after `askedAtMs`.
   */
  readonly via: "push" | "poll";
  /** Unix time in ms when the poll was sent, or the push arrived. */
  readonly askedAtMs: number;
}

/** What the state machine must know of the world. */
export interface TemplateContext {
  readonly nowMs: number;
  /** Work that was not confirmed for this long has expired: whatever is offered then begins anew, lower heights included. */
  readonly maxAgeMs: number;
  /** Position of a node among the upstreams, the well ones first; 0 is where work should come from. */
  readonly rankOf: (node: string) => number;
  /** What a header that is taken in now is stamped with. */
  readonly terms: HeaderTerms;
  /** Whether a lower height is believed: its node went back, and no other one knows the higher work. */
  readonly isFall: (offer: WorkOffer) => boolean;
  /** Whether a job's node has lost it. */
  readonly isDead: (job: { readonly node: string | null; readonly height: number }) => boolean;
}

interface HeldJob extends Job {
  readonly node: string | null;
  readonly learnedAtMs: number;
}

/** The work and its backlog. Plain data; `jobs[0]` is the current job, the others follow newest first. */
export interface TemplateState {
  readonly sequence: number;
  readonly jobs: readonly HeldJob[];
  readonly confirmedAtMs: number;
}

/** What became of an offer. */
export type OfferOutcome =
  /** It is the current job now: push it. */
  | "current"
  /** It says what is known, of the height that is current. */
  | "confirmed"
  /** A lower height, or a header that an order of arrival shows to be older. */
  | "older"
  /** Of the current height, from a node further down than the one whose work is current. */
  | "outranked";

export const EMPTY_TEMPLATE: TemplateState = { sequence: 0, jobs: [], confirmedAtMs: 0 };

/**
 * Takes work from any source in any order. The height falls only when every node that is heard has gone back; within a height, work of the node
 * further up wins, and of one node what it said last.
 */
export function acceptWork(
  state: TemplateState,
  offer: WorkOffer,
  context: TemplateContext,
): { readonly state: TemplateState; readonly outcome: OfferOutcome } {
  const current = state.jobs[0];
  if (current === undefined || isExpired(state, context)) return promote(state, offer, context);
  if (offer.job.height < current.height)
    return context.isFall(offer) ? promote(state, offer, context) : { state, outcome: "older" };
  if (offer.job.height > current.height) return promote(state, offer, context);
  // From here on the height is the current one. Any node at this height confirms that the chain is no further.
  const confirmed = { ...state, confirmedAtMs: Math.max(state.confirmedAtMs, offer.askedAtMs) };
  if (offer.job.header === current.header) return { state: attribute(confirmed, offer.node), outcome: "confirmed" };
  const isKnown = state.jobs.some((job) => job.header === offer.job.header);
  if (offer.via === "push" && isKnown) return { state, outcome: "older" };
  // A push that does not say where it is from is as good as any; what a node says later, asked about this height, is better.
  const isKnownPair = offer.node !== null && current.node !== null;
  const rank = isKnownPair ? context.rankOf(offer.node) - context.rankOf(current.node) : 0;
  if (rank > 0) return { state: confirmed, outcome: "outranked" };
  const mayBeOlder = offer.via === "poll" && rank >= 0 && offer.askedAtMs < current.learnedAtMs;
  return mayBeOlder ? { state, outcome: "older" } : promote(state, offer, context);
}

/** Without the jobs of some nodes. @param isFrom a node's name; null: nobody knows whose */
export function withdrawWork(state: TemplateState, isFrom: (node: string | null) => boolean): TemplateState {
  const jobs = state.jobs.filter(({ node }) => !isFrom(node));
  if (jobs.length === state.jobs.length) return state;
  // Another snapshot than any that went out, so another number.
  return { ...state, sequence: state.sequence + 1, jobs };
}

/** The pool has found a block: what has been public by now, of its height and below, is of the round that it closes. */
export function closeRound(state: TemplateState, height: number): TemplateState {
  const closes = (job: Job) => job.height <= height && job.roundClosed !== true;
  if (!state.jobs.some(closes)) return state;
  const jobs = state.jobs.map((job) => (closes(job) ? { ...job, roundClosed: true } : job));
  return { ...state, sequence: state.sequence + 1, jobs };
}

/** True where there is no work, or none that a node has confirmed within `maxAgeMs`. */
function isExpired(state: TemplateState, { nowMs, maxAgeMs }: { nowMs: number; maxAgeMs: number }): boolean {
  return state.jobs.length === 0 || nowMs - state.confirmedAtMs > maxAgeMs;
}

/** A snapshot with what a session must know beside the work. */
export function marked(
  work: WorkSnapshot,
  { paused, solo, relays }: { readonly paused: boolean; readonly solo: boolean; readonly relays: number },
): WorkSnapshot {
  return { ...work, ...(paused && { paused }), ...(solo && { solo }), ...(relays > 0 && { relays }) };
}

/** What may be mined; null where there is none or it has expired. */
export function snapshotOf(
  state: TemplateState,
  moment: { readonly nowMs: number; readonly maxAgeMs: number },
): WorkSnapshot | null {
  const [current] = state.jobs;
  if (current === undefined || isExpired(state, moment)) return null;
  const jobs = state.jobs.map(bare);
  return { sequence: state.sequence, current: bare(current), jobs, confirmedAtMs: state.confirmedAtMs };
}

const bare = ({ node: _node, learnedAtMs: _learnedAtMs, ...job }: HeldJob): Job => job;

/** A push that did not say where it was from is known to be a node's as soon as that node is polled. */
function attribute(state: TemplateState, node: string | null): TemplateState {
  const [current, ...backlog] = state.jobs;
  if (current === undefined || current.node !== null || node === null) return state;
  return { ...state, jobs: [{ ...current, node }, ...backlog] };
}

function promote(state: TemplateState, offer: WorkOffer, context: TemplateContext) {
  // A header that was public keeps its terms and its round, whatever the settings are now.
  const known = state.jobs.find(({ header }) => header === offer.job.header) ?? context.terms;
  const held: HeldJob = {
    sinceMs: context.nowMs,
    ...known,
    ...offer.job,
    node: offer.node,
    learnedAtMs: context.nowMs,
  };
  const backlog = state.jobs.filter(
    (job) =>
      job.header !== held.header &&
      job.height > held.height - BACKLOG_HEIGHTS &&
      job.height <= held.height &&
      !context.isDead(job),
  );
  const isSame = state.jobs[0]?.header === held.header;
  return {
    state: {
      sequence: isSame ? state.sequence : state.sequence + 1,
      jobs: [held, ...backlog].slice(0, MAX_JOBS),
      confirmedAtMs: Math.max(state.confirmedAtMs, offer.askedAtMs),
    },
    outcome: isSame ? ("confirmed" as const) : ("current" as const),
  };
}
