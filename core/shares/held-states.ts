import type { HeldStage } from "../ledger/write-path/outbox-store.ts";

/** What is to be done next with a held submission. */
export type HeldTask = "offer" | "prove" | "recordShare" | "recordBlock" | "confirm" | "recordConfirmed";

/** What each task can come to. A task that throws has come to nothing: see {@link interrupted}. */
export const HELD_EVENTS = {
  /** A node took the block; a node's chain has it; no node and no chain has it, and none ever will. */
  offer: ["accepted", "inChain", "nobody"],
  /** The full verification found the claimed mix digest right, or wrong. */
  prove: ["proven", "refuted"],
  /** The ledger or the outbox has the record, or somebody else's of the same proof of work. */
  recordShare: ["recorded"],
  /** `rival`: the ledger has another nonce for the same header as a block, and nothing of this one. */
  recordBlock: ["recorded", "rival"],
  /** A node's chain has the block; no node's chain has it, and none ever will. */
  confirm: ["inChain", "nobody"],
  recordConfirmed: ["recorded"],
} as const satisfies Record<HeldTask, readonly string[]>;

type EventOf<T extends HeldTask> = (typeof HELD_EVENTS)[T][number];
export type HeldEvent = EventOf<HeldTask>;

/**
 * The states of a held submission. They are the stages that the store knows, which is where a new life begins; `share` and
 * `untaken` are only known to the life that came to them. `done` and `refuted` are ends, the second one uncredited.
 */
export type HeldState = HeldStage | "share" | "untaken";
export type HeldEnd = "done" | "refuted";

/** The furthest place where an earlier attempt may have been heard without anybody knowing. Each includes those before it. */
export type Reached = "nowhere" | "nodes" | "ledger";

type RowOf<T extends HeldTask> = {
  /** What the store says in this state. */
  readonly stage: HeldStage;
  readonly task: T;
  readonly on: Readonly<Record<EventOf<T>, HeldState | HeldEnd>>;
  /** Where an attempt that ended somewhere in this stage may have been heard. */
  readonly mayReach: Exclude<Reached, "nowhere">;
};

type Row = { [T in HeldTask]: RowOf<T> }[HeldTask];

/**
 * Who is paid, and for what: the whole way of a submission that was made durable before its fate was known. The ledger is written
 * as a share from the stage `claimed` and as a block from `sealed` and `confirmed` only, so that what was decided is never decided otherwise later.
 */
export const HELD_STATES = {
  /** Passed the cheap test for a share. */
  claimed: { stage: "claimed", task: "prove", on: { proven: "share", refuted: "refuted" }, mayReach: "ledger" },
  /** A share: verified, or a block that nobody took. */
  share: { stage: "claimed", task: "recordShare", on: { recorded: "done" }, mayReach: "ledger" },
  /** Passed the cheap test for a block. Its claim is as hard to forge as a block, and the node verifies it. */
  foundClaimed: {
    stage: "foundClaimed",
    task: "offer",
    on: { accepted: "sealed", inChain: "sealed", nobody: "untaken" },
    mayReach: "nodes",
  },
  /** A claimed block that nobody took: perhaps because its mix digest is wrong. */
  untaken: { stage: "foundClaimed", task: "prove", on: { proven: "share", refuted: "refuted" }, mayReach: "nodes" },
  /** A verified block. */
  found: {
    stage: "found",
    task: "offer",
    on: { accepted: "sealed", inChain: "sealed", nobody: "share" },
    mayReach: "nodes",
  },
  /** A block that a node took or has in its chain. */
  sealed: { stage: "sealed", task: "recordBlock", on: { recorded: "done", rival: "rival" }, mayReach: "ledger" },
  /** A second nonce for the header of a recorded block (docs/decisions/0047-rival-nonces.md). Nodes say true to both, and a chain has one of them, or the other as an uncle. */
  rival: { stage: "rival", task: "confirm", on: { inChain: "confirmed", nobody: "share" }, mayReach: "nodes" },
  /** A rival that the chain has. */
  confirmed: { stage: "confirmed", task: "recordConfirmed", on: { recorded: "done" }, mayReach: "ledger" },
} as const satisfies Record<HeldState, Row>;

/** Where a held submission is. */
export interface HeldSituation {
  readonly state: HeldState;
  readonly reached: Reached;
}

/** A submission that has just been held. @param retry it was sent again: an earlier attempt may have gone all the way */
export function opened(stage: HeldStage, retry: boolean): HeldSituation {
  return { state: stage, reached: retry ? "ledger" : "nowhere" };
}

/**
 * After something failed, or in a new life, nobody knows how far the attempt came: it begins again at what is durable.
 * @param stage what the store says
 * @param reached what is known of the attempts before
 */
export function interrupted(stage: HeldStage, reached: Reached): HeldSituation {
  return { state: stage, reached: reached === "ledger" ? reached : HELD_STATES[stage].mayReach };
}

/** @throws for an event that the state's task cannot come to */
export function nextState(state: HeldState, event: HeldEvent): HeldState | HeldEnd {
  const on: Readonly<Partial<Record<HeldEvent, HeldState | HeldEnd>>> = HELD_STATES[state].on;
  const next = on[event];
  if (next === undefined) throw new Error(`held submission: ${event} in state ${state}`);
  return next;
}
