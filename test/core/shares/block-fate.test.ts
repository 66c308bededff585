import * as fc from "fast-check";
import { expect, it } from "vitest";
import type { Clock } from "../../../core/clock.ts";
import type { BlockNode } from "../../../core/shares/block-path.ts";
import type { BlockSearch } from "../../../core/work/block-search.ts";
import type { SubmitWorkResult } from "../../../core/work/node-client.ts";
import { campaignRuns } from "../../support/campaign-runs.ts";
import type { Fault } from "../../support/faulty-ledger.ts";
import { blockVerifier, foundBlock, HEIGHT, type VerifierLife } from "./found-block.ts";

/** What a request to a node comes to. `lost`: carried out, and the answer is lost. */
type Line = "up" | "down" | "lost";

/** The one chain of the world. The block is in it as soon as any node has taken it, unless it is orphaned. */
class Chain {
  head = HEIGHT - 1;
  taken = false;
  readonly end: "block" | "uncle" | "orphan";

  constructor(end: "block" | "uncle" | "orphan") {
    this.end = end;
  }
}

class SimulatedNode implements BlockNode {
  readonly name: string;
  line: Line = "up";
  /** Work is forgotten by a node that starts again. */
  knowsWork: boolean;
  readonly #chain: Chain;
  readonly #clock: () => Clock;

  constructor(name: string, knowsWork: boolean, chain: Chain, clock: () => Clock) {
    this.name = name;
    this.knowsWork = knowsWork;
    this.#chain = chain;
    this.#clock = clock;
  }

  submitWork(): Promise<SubmitWorkResult> {
    return this.#answer(() => {
      const takes = this.knowsWork && this.#chain.head + 1 - HEIGHT <= 7;
      this.#chain.taken ||= takes;
      return { kind: takes ? "accepted" : "rejected" };
    });
  }

  findBlock(): Promise<BlockSearch> {
    return this.#answer(() => {
      const { taken, end, head } = this.#chain;
      if (taken && end !== "orphan" && head >= HEIGHT) return { kind: "found", as: end };
      return head >= HEIGHT + 7 ? { kind: "absent" } : { kind: "error", reason: "not synced" };
    });
  }

  async #answer<T>(carryOut: () => T): Promise<T | { readonly kind: "error"; readonly reason: string }> {
    const { line } = this;
    await new Promise<void>((resolve) => void this.#clock().after(20, resolve));
    const answer = line === "down" ? null : carryOut();
    await new Promise<void>((resolve) => void this.#clock().after(20, resolve));
    return line === "up" && answer !== null ? answer : { kind: "error", reason: line };
  }
}

const NODES = 2;
const node = fc.nat(NODES - 1);
const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant("wait" as const), ms: fc.integer({ min: 0, max: 30_000 }) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("wait" as const), ms: fc.integer({ min: 0, max: 100 }) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("blocks" as const), count: fc.integer({ min: 1, max: 9 }) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("line" as const),
      node,
      line: fc.constantFrom<Line>("up", "down", "lost"),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("restart" as const), node }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("kill" as const) }) },
);
const run = fc.record({
  end: fc.constantFrom("block" as const, "uncle" as const, "orphan" as const),
  lines: fc.tuple(fc.constantFrom<Line>("up", "down", "lost"), fc.constantFrom<Line>("up", "down", "lost")),
  /** Work is one node's: the other one rejects it, unless it happens to make the same. */
  bothKnow: fc.boolean(),
  ledger: fc.array(fc.constantFrom<Fault["kind"]>("none", "refused", "lostBefore", "lostAfter"), { maxLength: 4 }),
  steps: fc.array(step, { maxLength: 25 }),
});

const faultOf = (kind: Fault["kind"] | undefined): Fault =>
  kind === "refused" ? { kind } : kind === "lostBefore" || kind === "lostAfter" ? { kind, delayMs: 300 } : healthy;
const healthy: Fault = { kind: "none", delayMs: 10 };

const RUNS = campaignRuns(1500, 300);

it("has a candidate exactly when a node took it and the chain kept it, and one credit, whatever fails at whatever instant", async () => {
  const ends = { block: 0, share: 0 };
  await fc.assert(
    fc.asyncProperty(run, async ({ end, lines, bothKnow, ledger: faults, steps }) => {
      const chain = new Chain(end);
      const nodes = lines.map((line, at) => {
        const one = new SimulatedNode(`node-${at}`, at === 0 || bothKnow, chain, () => world.clock);
        one.line = line;
        return one;
      });
      const pending = [...faults];
      const world = blockVerifier({ nodes, fault: () => faultOf(pending.shift()) });
      let verifier: VerifierLife = world.start();
      let answered = false;
      const submit = (retry: boolean) => {
        const mine = verifier;
        void verifier.submit(foundBlock({ retry })).then((verdict) => {
          if (mine === verifier && verdict.kind === "accepted") answered = true;
        });
      };
      const mineBlocks = (count: number) => {
        chain.head += count;
        verifier.prepare(chain.head + 1);
      };
      submit(false);
      for (const action of steps) {
        if (action.do === "wait") await world.clock.pass(action.ms);
        else if (action.do === "blocks") mineBlocks(action.count);
        else if (action.do === "kill") {
          verifier.kill();
          verifier = world.start();
          if (!answered) submit(true);
        } else {
          const target = nodes[action.node];
          if (target && action.do === "line") target.line = action.line;
          else if (target) target.knowsWork = false;
        }
      }
      // Everything heals: the nodes are there, and the chain goes on.
      for (const one of nodes) one.line = "up";
      await world.clock.pass(60_000);
      mineBlocks(9);
      await world.clock.pass(120_000);

      expect(world.sql.exec("SELECT * FROM held")).toEqual([]);
      expect(world.ledger.credits).toHaveLength(1);
      const { candidates } = world.ledger;
      // What a node took and the network orphaned may be a candidate, as anything that a node accepts.
      if (chain.taken && end === "orphan") expect(candidates.length).toBeLessThanOrEqual(1);
      else expect(candidates).toHaveLength(chain.taken ? 1 : 0);
      ends[candidates.length > 0 ? "block" : "share"] += 1;
      world.sql.close();
    }),
    { seed: 20261122, numRuns: RUNS },
  );
  // Both ends are common: neither of them is what every run comes to.
  expect(Math.min(ends.block, ends.share)).toBeGreaterThan(RUNS / 10);
});
