import { describe, expect, it } from "vitest";
import type { BlockNode } from "../../../core/shares/block-path.ts";
import type { Fault } from "../../support/faulty-ledger.ts";
import { blockVerifier, foundBlock, HEIGHT, type VerifierLife } from "./found-block.ts";

const MINUTE = 60_000;
const FIRST = "0x00000000000000aa";
const SECOND = "0x00000000000000bb";

/** Says true to both nonces, as geth does; its chain has some of them once it is seven heights further. */
function nodeWith(...inChain: string[]) {
  const chain = { head: HEIGHT };
  const node: BlockNode = {
    name: "main",
    submitWork: async () => ({ kind: "accepted" }),
    findBlock: async (_height, nonce) => {
      if (chain.head < HEIGHT + 7) return { kind: "error", reason: "not synced" };
      return inChain.includes(nonce) ? { kind: "found", as: "block" } : { kind: "absent" };
    },
  };
  return { node, chain };
}

type World = ReturnType<typeof blockVerifier>;

const held = ({ sql }: World) => sql.exec("SELECT stage FROM held").map(({ stage }) => stage);
const nonces = ({ ledger }: World) => ledger.candidates.map((member) => member.slice(0, 18));

/** Submits both, the first one first, and waits for their verdicts. */
async function submitBoth({ clock }: World, verifier: VerifierLife) {
  const verdicts = [];
  for (const [at, nonce] of [FIRST, SECOND].entries()) {
    const verdict = verifier.submit(foundBlock({ nonce, timestampMs: 1_000 + at }));
    await clock.pass(2_000);
    verdicts.push(await verdict);
  }
  return verdicts;
}

describe("a second nonce for the header of a recorded block", () => {
  it("is held, and a share once the chain is certain to lack it; its miner is told a share", async () => {
    const { node, chain } = nodeWith(FIRST);
    const world = blockVerifier({ nodes: [node] });
    const verdicts = await submitBoth(world, world.start());
    expect(verdicts).toEqual([
      { kind: "accepted", block: true },
      { kind: "accepted", block: false },
    ]);
    await world.clock.pass(MINUTE);
    expect(held(world)).toEqual(["rival"]);
    expect(world.ledger.credits).toHaveLength(1);
    chain.head += 7;
    await world.clock.pass(MINUTE);
    expect(held(world)).toEqual([]);
    expect(nonces(world)).toEqual([FIRST]);
    expect(world.ledger.credits).toHaveLength(2);
  });

  it("is a block where the chain has it, whether or not the ledger answers then", async () => {
    for (const fault of [{ kind: "none", delayMs: 10 }, { kind: "refused" }] satisfies Fault[]) {
      const { node, chain } = nodeWith(SECOND);
      let now: Fault = { kind: "none", delayMs: 10 };
      const world = blockVerifier({ nodes: [node], fault: () => now });
      await submitBoth(world, world.start());
      now = fault;
      chain.head += 7;
      await world.clock.pass(MINUTE);
      now = { kind: "none", delayMs: 10 };
      await world.clock.pass(MINUTE);
      expect(held(world)).toEqual([]);
      expect(nonces(world)).toEqual([FIRST, SECOND]);
      expect(world.ledger.credits).toHaveLength(2);
    }
  });

  it("is the same after the object has ended, at any point", async () => {
    for (const has of [FIRST, SECOND])
      for (const afterMs of [0, 20, 500, 5_000]) {
        const { node, chain } = nodeWith(has);
        const world = blockVerifier({ nodes: [node] });
        const verifier = world.start();
        await submitBoth(world, verifier);
        await world.clock.pass(MINUTE);
        chain.head += 7;
        await world.clock.pass(afterMs);
        verifier.kill();
        world.start();
        await world.clock.pass(MINUTE);
        expect(held(world)).toEqual([]);
        expect(nonces(world)).toEqual(has === FIRST ? [FIRST] : [FIRST, SECOND]);
        expect(world.ledger.credits).toHaveLength(2);
      }
  });

  it("is found to be one also when it comes out of the outbox, and is not credited again by its repetition", async () => {
    const { node, chain } = nodeWith(FIRST);
    let fault: Fault = { kind: "refused" };
    const world = blockVerifier({ nodes: [node], fault: () => fault });
    const verifier = world.start();
    await submitBoth(world, verifier);
    expect(held(world)).toEqual([]);
    expect(world.sql.exec("SELECT id FROM outbox")).toHaveLength(2);
    fault = { kind: "none", delayMs: 10 };
    await world.clock.pass(MINUTE);
    expect(held(world)).toEqual(["rival"]);
    expect(world.sql.exec("SELECT id FROM outbox")).toEqual([]);
    const copy = verifier.submit(foundBlock({ nonce: SECOND, timestampMs: 5_000, login: `0x${"77".repeat(20)}` }));
    await world.clock.pass(1_000);
    expect(await copy).toEqual({ kind: "duplicate" });
    const again = verifier.submit(foundBlock({ nonce: SECOND, timestampMs: 1_001, retry: true }));
    await world.clock.pass(1_000);
    // As it was told when the ledger was away.
    expect(await again).toEqual({ kind: "accepted", block: true });
    chain.head += 7;
    await world.clock.pass(MINUTE);
    expect(held(world)).toEqual([]);
    expect(nonces(world)).toEqual([FIRST]);
    expect(world.ledger.credits).toHaveLength(2);
  });

  it("waits as long as no node can say, and over a login that Redis refuses meanwhile", async () => {
    const { node, chain } = nodeWith(FIRST);
    const world = blockVerifier({ nodes: [node] });
    const { login } = foundBlock();
    const verifier = world.start();
    void verifier.submit(foundBlock({ nonce: FIRST, timestampMs: 1_000 }));
    await world.clock.pass(2_000);
    world.ledger.refusedLogins.add(login);
    void verifier.submit(foundBlock({ nonce: SECOND, timestampMs: 1_001 }));
    await world.clock.pass(MINUTE);
    expect(verifier.health.setAsideShares).toBe(1);
    world.ledger.refusedLogins.delete(login);
    await world.clock.pass(20 * MINUTE);
    expect(verifier.health.setAsideShares).toBe(0);
    expect(held(world)).toEqual(["rival"]);
    chain.head += 7;
    await world.clock.pass(2 * MINUTE);
    expect(held(world)).toEqual([]);
    expect(nonces(world)).toEqual([FIRST]);
    expect(world.ledger.credits).toHaveLength(2);
  });
});
