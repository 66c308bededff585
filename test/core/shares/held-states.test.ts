import { describe, expect, it } from "vitest";
import {
  HELD_EVENTS,
  HELD_STATES,
  interrupted,
  nextState,
  opened,
  type HeldEvent,
  type HeldState,
} from "../../../core/shares/held-states.ts";

/** Every row: state, what the store says meanwhile, what is done, what that comes to, and what follows. */
const ROWS = [
  ["claimed", "claimed", "prove", "proven", "share"],
  ["claimed", "claimed", "prove", "refuted", "refuted"],
  ["share", "claimed", "recordShare", "recorded", "done"],
  ["foundClaimed", "foundClaimed", "offer", "accepted", "sealed"],
  ["foundClaimed", "foundClaimed", "offer", "inChain", "sealed"],
  ["foundClaimed", "foundClaimed", "offer", "nobody", "untaken"],
  ["untaken", "foundClaimed", "prove", "proven", "share"],
  ["untaken", "foundClaimed", "prove", "refuted", "refuted"],
  ["found", "found", "offer", "accepted", "sealed"],
  ["found", "found", "offer", "inChain", "sealed"],
  ["found", "found", "offer", "nobody", "share"],
  ["sealed", "sealed", "recordBlock", "recorded", "done"],
  ["sealed", "sealed", "recordBlock", "rival", "rival"],
  ["rival", "rival", "confirm", "inChain", "confirmed"],
  ["rival", "rival", "confirm", "nobody", "share"],
  ["confirmed", "confirmed", "recordConfirmed", "recorded", "done"],
] as const;

/** Where a submission goes on after a failure or in a new life, by what was known before of earlier attempts. */
const INTERRUPTIONS = [
  ["claimed", "nowhere", "ledger"],
  ["claimed", "nodes", "ledger"],
  ["claimed", "ledger", "ledger"],
  ["foundClaimed", "nowhere", "nodes"],
  ["foundClaimed", "nodes", "nodes"],
  ["foundClaimed", "ledger", "ledger"],
  ["found", "nowhere", "nodes"],
  ["found", "nodes", "nodes"],
  ["found", "ledger", "ledger"],
  ["sealed", "nowhere", "ledger"],
  ["sealed", "nodes", "ledger"],
  ["sealed", "ledger", "ledger"],
  ["rival", "nowhere", "nodes"],
  ["rival", "ledger", "ledger"],
  ["confirmed", "nowhere", "ledger"],
] as const;

const states = Object.keys(HELD_STATES) as HeldState[];
const events: readonly HeldEvent[] = [...new Set(Object.values(HELD_EVENTS).flat())];

describe("the states of a held submission", () => {
  it.each(ROWS)("%s (%s in the store): %s comes to %s, then %s", (state, stage, task, event, next) => {
    expect(HELD_STATES[state]).toMatchObject({ stage, task });
    expect(nextState(state, event)).toBe(next);
  });

  it("know no other event", () => {
    const known = new Set(ROWS.map(([state, , , event]) => `${state} ${event}`));
    for (const state of states)
      for (const event of events)
        if (!known.has(`${state} ${event}`))
          expect(() => nextState(state, event)).toThrow(`${event} in state ${state}`);
  });

  it.each(INTERRUPTIONS)(
    "%s, heard of %s before, is interrupted: begins again, heard at most by %s",
    (stage, before, reached) => {
      expect(interrupted(stage, before)).toEqual({ state: stage, reached });
    },
  );

  it("begin as what they are held as, and only a retry may have been heard of", () => {
    for (const stage of ["claimed", "foundClaimed", "found"] as const) {
      expect(opened(stage, false)).toEqual({ state: stage, reached: "nowhere" });
      expect(opened(stage, true)).toEqual({ state: stage, reached: "ledger" });
    }
  });

  it("write the ledger only from a stage that says so to a later life", () => {
    for (const state of states) {
      const { stage, task } = HELD_STATES[state];
      if (task === "recordShare") expect(stage).toBe("claimed");
      if (task === "recordBlock") expect(stage).toBe("sealed");
      if (task === "recordConfirmed") expect(stage).toBe("confirmed");
      if (task.startsWith("record")) expect(interrupted(stage, "nowhere").reached).toBe("ledger");
    }
  });

  it("never turn a block into a share once it is sealed, but for a rival that the chain lacks, nor a share into a block", () => {
    const after = (state: string, seen = new Set<string>()): Set<string> => {
      if (seen.has(state) || !(state in HELD_STATES)) return seen;
      seen.add(state);
      const { stage, on } = HELD_STATES[state as HeldState];
      for (const next of [stage, ...Object.values(on)]) after(next, seen);
      return seen;
    };
    expect([...after("sealed")]).toEqual(["sealed", "rival", "confirmed", "share", "claimed"]);
    expect([...after("confirmed")]).toEqual(["confirmed"]);
    expect([...after("claimed")].toSorted()).toEqual(["claimed", "share"]);
  });
});
