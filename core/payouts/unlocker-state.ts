import * as v from "valibot";

/** A block that could not be taken further, and why. */
const waitSchema = v.object({
  list: v.picklist(["candidates", "immature", "matured"]),
  height: v.number(),
  reason: v.string(),
  /** Unix time in ms of the first run that could not, and of the last. */
  sinceMs: v.number(),
  triedMs: v.number(),
  /** It has waited for so long that somebody was told. */
  told: v.exactOptional(v.boolean()),
});

/** A matured block that a reorganisation deeper than `depth` took out of the chain. */
const fallenSchema = v.object({ member: v.string(), height: v.number(), hash: v.string(), sinceMs: v.number() });

const stateSchema = v.object({
  v: v.literal(1),
  lastRunMs: v.nullable(v.number()),
  lastSuccessMs: v.nullable(v.number()),
  /** By member. */
  waiting: v.record(v.string(), waitSchema),
  /** What concerns no single block: a node, the ledger, a member that cannot be read. */
  problems: v.array(v.string()),
  fallen: v.array(fallenSchema),
  /** A block of the chain that everything older stands on; when it is no longer there, the chain was reorganised deeper than `depth`. */
  anchor: v.nullable(v.object({ height: v.number(), hash: v.string() })),
  oldestCandidate: v.nullable(v.number()),
  /** Logins whose account cannot be written. */
  owed: v.array(v.string()),
  /** Elements of the window's log under `pplns`, as it was trimmed last; null under another scheme. Earlier versions left it out. */
  windowElements: v.optional(v.nullable(v.number()), null),
});

/** What the unlocker remembers between runs. None of it is money: losing it costs the times since when a block waits. */
export type UnlockerState = v.InferOutput<typeof stateSchema>;
export type WaitingBlock = v.InferOutput<typeof waitSchema>;
export type FallenBlock = v.InferOutput<typeof fallenSchema>;

export const EMPTY_STATE: UnlockerState = {
  v: 1,
  lastRunMs: null,
  lastSuccessMs: null,
  waiting: {},
  problems: [],
  fallen: [],
  anchor: null,
  oldestCandidate: null,
  owed: [],
  windowElements: null,
};

/** @param stored whatever the store has, of any version */
export function readState(stored: unknown): UnlockerState {
  const parsed = v.safeParse(stateSchema, stored);
  return parsed.success ? parsed.output : EMPTY_STATE;
}
