import { array, assert, asyncProperty, constantFrom, integer, record } from "fast-check";
import { expect, it } from "vitest";
import { nodeFailure } from "../../../core/work/node-rpc.ts";
import { NO_MARKS } from "../../../core/work/chain-identity.ts";
import type { NodeClient, PollResult } from "../../../core/work/node-client.ts";
import { TestPool } from "./support/test-pool.ts";

const SEED = `0x${"00".repeat(32)}`;
const NAMES = ["first", "second", "third"] as const;
type Fault = "none" | "down" | "html" | "noWork" | "wrongSeed" | "lower" | "hang";

/** A node in memory. A poll that hangs is let go, with nothing to show for it, when the fault is over. */
class ScriptedNode implements NodeClient {
  readonly name: string;
  height = 1000;
  variant = 0;
  fault: Fault = "none";
  #hanging: ((result: PollResult) => void)[] = [];

  constructor(name: string) {
    this.name = name;
  }

  get header(): string {
    const number =
      (BigInt(this.height) << 32n) + BigInt(this.variant * 4 + NAMES.findIndex((name) => name === this.name));
    return `0x${number.toString(16).padStart(64, "0")}`;
  }

  async poll(): Promise<PollResult> {
    const job = { header: this.header, seed: SEED, height: this.height, networkDifficulty: 131_072n };
    switch (this.fault) {
      case "none":
        return { kind: "work", due: 0, marks: NO_MARKS, job };
      case "lower":
        return {
          kind: "work",
          due: 0,
          marks: NO_MARKS,
          job: { ...job, height: this.height - 7, header: `0x${"f".repeat(64)}` },
        };
      case "wrongSeed":
        return { kind: "work", due: 0, marks: NO_MARKS, job: { ...job, seed: `0x${"11".repeat(32)}` } };
      case "down":
        return nodeFailure("unreachable", "cannot be reached: connection refused");
      case "html":
        return nodeFailure("malformed", "answered with HTML or XML instead of JSON");
      case "noWork":
        return nodeFailure("noWork", "eth_getWork: no mining work available yet");
      case "hang":
        return await new Promise((resolve) => void this.#hanging.push(resolve));
    }
  }

  async submitWork(): Promise<never> {
    throw new Error("nothing is mined here");
  }

  async findBlock(): Promise<never> {
    throw new Error("nothing is mined here");
  }

  set(fault: Fault): void {
    this.fault = fault;
    for (const resolve of this.#hanging.splice(0)) resolve(nodeFailure("timeout", "no answer within 10000 ms"));
  }

  notifyBody(): string {
    const target = `0x${((1n << 256n) / 131_072n).toString(16)}`;
    return JSON.stringify([this.header, SEED, target, `0x${this.height.toString(16)}`]);
  }
}

const rounds = array(
  record({
    node: integer({ min: 0, max: 2 }),
    happening: constantFrom(
      "fault",
      "well",
      "block everywhere",
      "block at one",
      "new header",
      "push",
      "named push",
      "nothing",
    ),
    fault: constantFrom<Fault>("down", "html", "noWork", "wrongSeed", "lower", "hang"),
  }),
  { minLength: 20, maxLength: 80 },
);

it("has the best work of all well nodes within a check interval, never goes back while a well node has the height, and logs changes only, whatever three nodes do", async () => {
  await assert(
    asyncProperty(rounds, async (script) => {
      const nodes = NAMES.map((name) => new ScriptedNode(name));
      const pool = new TestPool({ upstreams: NAMES.map((name) => ({ name, url: "" })), nodes, patience: 0 });
      await pool.root.subscribe("0xa");
      let highest = 0;
      let well = new Set<ScriptedNode>();
      for (const { node: index, happening, fault } of script) {
        const node = nodes[index] ?? new ScriptedNode("none");
        if (happening === "fault") node.set(fault);
        if (happening === "well") node.set("none");
        if (happening === "block everywhere") for (const each of nodes) each.height += 1;
        if (happening === "block at one") node.height += 1;
        if (happening === "new header") node.variant += 1;
        if (happening === "push") pool.root.notify(node.notifyBody(), null);
        if (happening === "named push") pool.root.notify(node.notifyBody(), node.name);
        await pool.round();
        const height = pool.work?.current.height ?? 0;
        // It goes back only where no node that was well in the round before, and so has been asked, has the higher work.
        const above = nodes.filter((each) => each.fault === "none" && well.has(each) && each.height >= highest);
        well = new Set(nodes.filter((each) => each.fault === "none"));
        if (height < highest) expect(above).toEqual([]);
        highest = height;
      }
      const sequences = pool.pushes.map(({ sequence }) => sequence);
      expect(sequences).toEqual(sequences.toSorted((a, b) => a - b));
      for (const name of NAMES) {
        // A node that goes back twice is an event twice; all else is said when it changes.
        const states = pool.logs.filter(({ upstream, message }) => upstream === name && !/went back/.test(message));
        const kinds = states.map(({ message }) => message);
        expect(kinds.every((message, position) => message !== kinds[position - 1])).toBe(true);
      }
      // A check interval later the pool has the best that any well node has.
      await pool.rounds(6);
      const best = Math.max(0, ...nodes.filter(({ fault }) => fault === "none").map(({ height }) => height));
      expect(pool.work?.current.height ?? 0).toBeGreaterThanOrEqual(best);
      // All well and level again: in the end the work is the first one's.
      const top = Math.max(...nodes.map(({ height }) => height));
      for (const node of nodes) {
        node.set("none");
        node.height = top;
      }
      await pool.rounds(24 * 6);
      expect(pool.work?.current.header).toBe(nodes[0]?.header);
    }),
    { seed: 6, numRuns: 15 },
  );
});
