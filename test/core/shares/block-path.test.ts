import { describe, expect, it } from "vitest";
import { OutboxStore } from "../../../core/ledger/write-path/outbox-store.ts";
import type { BlockRecord } from "../../../core/ledger/contract/records.ts";
import type { BlockNode } from "../../../core/shares/block-path.ts";
import type { BlockSearch } from "../../../core/work/block-search.ts";
import type { SubmitWorkResult } from "../../../core/work/node-client.ts";
import { makeJob, submission } from "../../support/proofs.ts";
import { settled } from "../../support/virtual-clock.ts";
import { blockVerifier, foundBlock, HEIGHT } from "./found-block.ts";

const accepted: SubmitWorkResult = { kind: "accepted" };
const rejected: SubmitWorkResult = { kind: "rejected" };
const lost: SubmitWorkResult = { kind: "error", reason: "connection reset" };
const inChain: BlockSearch = { kind: "found", as: "block" };
const uncle: BlockSearch = { kind: "found", as: "uncle" };
const absent: BlockSearch = { kind: "absent" };
const away: BlockSearch = { kind: "error", reason: "cannot be reached: connection refused" };
const notSynced: BlockSearch = { kind: "error", reason: "block 1007: the node does not have it" };
const malformed: BlockSearch = { kind: "error", reason: "block 1000: the mix hash is not 32 bytes of 0x hex" };

/** A node that gives these answers one after the other, and the last of each kind from then on. */
class ScriptedNode implements BlockNode {
  readonly name: string;
  offers: SubmitWorkResult[];
  searches: BlockSearch[];
  offered = 0;
  searched = 0;
  readonly #mixDigest: string | null;

  constructor(offers: SubmitWorkResult[], searches: BlockSearch[], name = "main", mixDigest = foundBlock().mixDigest) {
    this.name = name;
    this.#mixDigest = mixDigest;
    this.offers = offers;
    this.searches = searches;
  }

  async submitWork(): Promise<SubmitWorkResult> {
    this.offered += 1;
    const [answer] = this.offers.length > 1 ? this.offers.splice(0, 1) : this.offers;
    if (!answer) throw new Error("it must not be offered");
    return answer;
  }

  async findBlock(...seal: [number, string, string]): Promise<BlockSearch> {
    this.searched += 1;
    expect(seal).toEqual([HEIGHT, foundBlock().nonce, this.#mixDigest]);
    const [answer] = this.searches.length > 1 ? this.searches.splice(0, 1) : this.searches;
    if (!answer) throw new Error("it must not be asked");
    return answer;
  }
}

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
/** A height at whose writes the ledger forgets the proof of work of the block: only evidence tells that it was written. */
const MUCH_LATER = HEIGHT + 100;

type World = ReturnType<typeof blockVerifier>;
const expectBlock = ({ ledger, sql }: World) => {
  expect(ledger.candidates).toHaveLength(1);
  expect(ledger.credits).toHaveLength(1);
  expect(sql.exec("SELECT * FROM held")).toEqual([]);
};
const expectShare = ({ ledger, sql }: World) => {
  expect(ledger.candidates).toEqual([]);
  expect(ledger.credits).toHaveLength(1);
  expect(sql.exec("SELECT * FROM held")).toEqual([]);
};
const expectHeld = ({ ledger, sql }: World) => {
  expect(ledger.credits).toEqual([]);
  expect(sql.exec("SELECT * FROM held")).toHaveLength(1);
};

/** Finds a block, lets the chain go on for eight heights, and waits a minute. */
async function outlive(world: World) {
  const verifier = world.start();
  void verifier.submit(foundBlock());
  await settled();
  verifier.prepare(HEIGHT + 8);
  await world.clock.pass(MINUTE);
  return verifier;
}

describe("a block whose node never said what it did with it", () => {
  for (const [as, search] of [
    ["at its height", inChain],
    ["as an uncle", uncle],
  ] as const) {
    it(`is recorded as a block when the chain has it ${as}, and nobody is told of new work`, async () => {
      const node = new ScriptedNode([lost], [search]);
      const world = blockVerifier({ nodes: [node] });
      await outlive(world);
      expectBlock(world);
      expect(node.searched).toBe(1);
      expect(world.refreshed()).toBe(0);
    });
  }

  it("is credited as a share when the chain lacks it", async () => {
    const world = blockVerifier({ nodes: [new ScriptedNode([lost], [absent])] });
    await outlive(world);
    expectShare(world);
  });

  it("is searched for when its header is more than seven heights old, not before", async () => {
    for (const [height, searched] of [
      [HEIGHT + 7, 0],
      [HEIGHT + 8, 1],
    ] as const) {
      const node = new ScriptedNode([lost], [inChain]);
      const world = blockVerifier({ nodes: [node] });
      const verifier = world.start();
      void verifier.submit(foundBlock());
      await settled();
      verifier.prepare(height);
      await world.clock.pass(3_000);
      expect(node.searched).toBe(searched);
    }
  });

  it("is offered no more once its header is too old", async () => {
    const node = new ScriptedNode([lost], [notSynced]);
    const world = blockVerifier({ nodes: [node] });
    await outlive(world);
    expectHeld(world);
    const { offered, searched } = node;
    await world.clock.pass(MINUTE);
    expect(node.offered).toBe(offered);
    expect(node.searched).toBeGreaterThan(searched);
  });

  for (const [name, answer] of [
    ["is not synced far enough", notSynced],
    ["is away", away],
    ["answers nonsense", malformed],
  ] as const) {
    it(`stays held while the only node ${name}, for hours, and is recorded when it is found`, async () => {
      const node = new ScriptedNode([lost], [answer]);
      const world = blockVerifier({ nodes: [node] });
      const verifier = await outlive(world);
      await world.clock.pass(6 * HOUR);
      expectHeld(world);
      expect(verifier.state.outboxDepth).toBe(1);
      // With back-off: 15 s at most.
      expect(node.searched).toBeLessThan((6 * HOUR) / 7_000);
      node.searches = [inChain];
      await world.clock.pass(MINUTE);
      expectBlock(world);
      expect(verifier.state.outboxDepth).toBe(0);
    });
  }

  it("is searched for beside the offers after a while, also when nobody says that its header has become too old", async () => {
    const node = new ScriptedNode([lost], [notSynced]);
    const world = blockVerifier({ nodes: [node, new ScriptedNode([rejected], [notSynced], "other")] });
    void world.start().submit(foundBlock());
    await world.clock.pass(5_000);
    // The block is worth most in its first seconds, and a search would hold up its next offer.
    expect(node.searched).toBe(0);
    expect(node.offered).toBeGreaterThan(3);
    await world.clock.pass(30_000);
    expect(node.searched).toBeGreaterThan(0);
    expectHeld(world);
    const { offered } = node;
    await world.clock.pass(MINUTE);
    expect(node.offered).toBeGreaterThan(offered);
    node.searches = [inChain];
    await world.clock.pass(MINUTE);
    expectBlock(world);
  });

  it("is recorded when the node comes back and accepts it after all", async () => {
    const node = new ScriptedNode([lost], [notSynced]);
    const world = blockVerifier({ nodes: [node] });
    void world.start().submit(foundBlock());
    await world.clock.pass(MINUTE);
    node.offers = [accepted];
    await world.clock.pass(MINUTE);
    expectBlock(world);
    expect(world.refreshed()).toBe(1);
  });

  it("is logged as searched for once an answer, not once a question", async () => {
    const node = new ScriptedNode([lost], [away]);
    const world = blockVerifier({ nodes: [node] });
    await outlive(world);
    await world.clock.pass(10 * MINUTE);
    node.searches = [notSynced, notSynced, uncle];
    await world.clock.pass(MINUTE);
    const searches = world.log.filter(({ message }) => message === "block looked for");
    expect(searches.map(({ node: name, height, answer }) => [name, height, answer])).toEqual([
      ["main", HEIGHT, "cannot be reached: connection refused"],
      ["main", HEIGHT, "block 1007: the node does not have it"],
      ["main", HEIGHT, "found as uncle"],
    ]);
  });
});

describe("a block that is found after the node went back", () => {
  it.each([
    ["once the template has followed", true, false],
    ["also where the verifier was not told of the fall", false, false],
    ["also while a session still submits for the work from before", true, true],
  ])("is offered again when its first offer failed, %s", async (_when, isTold, hasOldSession) => {
    const node = new ScriptedNode([lost, accepted], [absent]);
    const world = blockVerifier({ nodes: [node] });
    const verifier = world.start();
    verifier.prepare(HEIGHT + 20);
    if (isTold) verifier.prepare(HEIGHT);
    void verifier.submit(foundBlock({ workHeight: HEIGHT }));
    const before = { nonce: "0x0000000000000001", mixDigest: `0x${"11".repeat(32)}` };
    if (hasOldSession) void verifier.submit(submission(makeJob(HEIGHT + 20, 64n), before, { workHeight: HEIGHT + 20 }));
    await settled();
    await world.clock.pass(MINUTE);
    expect(node.offered).toBe(2);
    expectBlock(world);
  });
});

describe("a block that every node rejects", () => {
  it("is a share at once where no offer can have reached a node", async () => {
    const nodes = [new ScriptedNode([rejected], []), new ScriptedNode([rejected], [], "other")];
    const world = blockVerifier({ nodes });
    const verdict = world.start().submit(foundBlock());
    await world.clock.pass(50);
    expect(await verdict).toEqual({ kind: "accepted", block: false });
    expectShare(world);
    expect(nodes.map(({ offered, searched }) => [offered, searched])).toEqual([
      [1, 0],
      [1, 0],
    ]);
  });

  for (const [search, name, expectEnd] of [
    [inChain, "recorded as a block when the chain has it", expectBlock],
    [absent, "a share when the chain lacks it", expectShare],
  ] as const) {
    // The node took it, its answer was lost, and it was started again: it knows its work no more.
    it(`after an offer without an answer is ${name}`, async () => {
      const node = new ScriptedNode([lost, rejected], [notSynced, notSynced, search]);
      const world = blockVerifier({ nodes: [node] });
      void world.start().submit(foundBlock());
      await world.clock.pass(300);
      expectHeld(world);
      await world.clock.pass(MINUTE);
      expectEnd(world);
      expect([node.offered, node.searched]).toEqual([2, 3]);
    });

    it(`and that an earlier life may have offered is ${name}`, async () => {
      const hanging: BlockNode = {
        name: "hangs",
        submitWork: () => new Promise(() => undefined),
        findBlock: async () => notSynced,
      };
      const node = new ScriptedNode([rejected], [notSynced, search]);
      const nodes: BlockNode[] = [hanging];
      const world = blockVerifier({ nodes });
      const first = world.start();
      void first.submit(foundBlock());
      await world.clock.pass(100);
      first.kill();
      nodes.splice(0, 1, node);
      world.start();
      await world.clock.pass(MINUTE);
      expectEnd(world);
      expect([node.offered, node.searched]).toEqual([1, 2]);
    });

    it(`and that its session sends again after a lost answer is ${name}`, async () => {
      const node = new ScriptedNode([rejected], [search]);
      const world = blockVerifier({ nodes: [node] });
      void world.start().submit(foundBlock({ retry: true }));
      await world.clock.pass(100);
      expectEnd(world);
      expect(node.searched).toBe(1);
    });
  }
});

const claim = (mixDigest: string): BlockRecord => {
  const { job, retry: _retry, ...share } = foundBlock({ mixDigest });
  return { ...share, ...job, mixDigest };
};

describe("a block that was offered on the strength of its claim", () => {
  const WRONG_MIX = `0x${"11".repeat(32)}`;

  it.each<[string, string, number]>([
    ["credited as a share when the chain lacks it and its mix digest is right", foundBlock().mixDigest ?? "", 1],
    ["dropped when the chain lacks it and its mix digest is wrong", WRONG_MIX, 0],
  ])("is %s", async (_what, mixDigest, credits) => {
    const node = new ScriptedNode([rejected], [absent], "main", mixDigest);
    const world = blockVerifier({ nodes: [node] });
    new OutboxStore(world.sql).hold("foundClaimed", claim(mixDigest));
    const verifier = world.start();
    await world.clock.pass(MINUTE);
    expect(node.searched).toBe(1);
    expect(world.ledger.candidates).toEqual([]);
    expect(world.ledger.credits).toHaveLength(credits);
    expect(verifier.state.refutedClaims).toBe(1 - credits);
    expect(world.sql.exec("SELECT * FROM held")).toEqual([]);
  });
});

const two = (mine: BlockSearch[], other: BlockSearch[]) => [
  new ScriptedNode([lost], mine),
  new ScriptedNode([rejected], other, "other"),
];

describe("nodes that say different things of the chain", () => {
  it.each<[string, BlockSearch[], BlockSearch[]]>([
    ["lacks it", [inChain], [absent]],
    ["is away", [inChain], [away]],
    ["is not synced", [notSynced], [uncle]],
    ["lacks it, whichever is asked first", [absent], [uncle]],
  ])("are believed where one has the block and the other one %s", async (_name, mine, other) => {
    const world = blockVerifier({ nodes: two(mine, other) });
    await outlive(world);
    expectBlock(world);
  });

  it.each([
    ["away", away],
    ["not synced", notSynced],
    ["talking nonsense", malformed],
  ])("make it a share where one lacks it and the other one, which may have taken it, is %s", async (_name, answer) => {
    const world = blockVerifier({ nodes: two([answer], [absent]) });
    await outlive(world);
    expectShare(world);
  });

  it("are all heard before one that lacks it decides", async () => {
    const late = Promise.withResolvers<BlockSearch>();
    const slow: BlockNode = {
      name: "slow",
      submitWork: async () => lost,
      findBlock: () => late.promise,
    };
    const world = blockVerifier({ nodes: [slow, new ScriptedNode([rejected], [absent], "other")] });
    await outlive(world);
    expectHeld(world);
    late.resolve(inChain);
    await world.clock.pass(100);
    expectBlock(world);
  });
});

describe("an object that ends while a block's fate is open", () => {
  it("comes to the same decision in its next life", async () => {
    const node = new ScriptedNode([lost], [away]);
    const world = blockVerifier({ nodes: [node] });
    const first = await outlive(world);
    first.kill();
    node.searches = [inChain];
    const second = world.start();
    second.prepare(HEIGHT + 8);
    await world.clock.pass(MINUTE);
    expectBlock(world);
  });

  it("writes a block that it had found in the chain, whatever the nodes say by then", async () => {
    const node = new ScriptedNode([lost], [inChain]);
    const faults = [{ kind: "lostAfter" as const, delayMs: 900 }];
    const world = blockVerifier({ nodes: [node], fault: () => faults.shift() ?? { kind: "none", delayMs: 10 } });
    const first = world.start();
    void first.submit(foundBlock());
    await settled();
    first.prepare(HEIGHT + 8);
    await world.clock.pass(400);
    first.kill();
    expect(world.sql.exec("SELECT stage FROM held")).toEqual([{ stage: "sealed" }]);
    node.offers = [rejected];
    node.searches = [absent];
    world.ledger.sweep(MUCH_LATER);
    world.start();
    await world.clock.pass(MINUTE);
    expectBlock(world);
  });

  for (const kind of ["lostAfter", "lostBefore"] as const) {
    it(`writes the share of one that the chain lacked, whatever the nodes say by then (${kind})`, async () => {
      const node = new ScriptedNode([lost], [absent]);
      const faults = [{ kind, delayMs: 900 }];
      const world = blockVerifier({ nodes: [node], fault: () => faults.shift() ?? { kind: "none", delayMs: 10 } });
      const first = world.start();
      void first.submit(foundBlock());
      await settled();
      first.prepare(HEIGHT + 8);
      await world.clock.pass(400);
      first.kill();
      expect(world.ledger.credits).toHaveLength(kind === "lostAfter" ? 1 : 0);
      expect(world.sql.exec("SELECT stage FROM held")).toEqual([{ stage: "claimed" }]);
      node.offers = [accepted];
      node.searches = [inChain];
      world.ledger.sweep(MUCH_LATER);
      world.start();
      await world.clock.pass(MINUTE);
      expectShare(world);
    });
  }

  it("is not written twice when its session sends it again after an earlier life had recorded it", async () => {
    const node = new ScriptedNode([accepted], []);
    const world = blockVerifier({ nodes: [node] });
    const first = world.start();
    void first.submit(foundBlock());
    await world.clock.pass(100);
    first.kill();
    expectBlock(world);
    world.ledger.sweep(MUCH_LATER);
    void world.start().submit(foundBlock({ retry: true }));
    await world.clock.pass(MINUTE);
    expectBlock(world);
  });

  // The ledger cannot resolve a retry that is older than its evidence (3 h); this is none.
  it("writes a block for the first time when it is found hours and lives later", async () => {
    const node = new ScriptedNode([lost], [away]);
    const world = blockVerifier({ nodes: [node] });
    const retries: boolean[] = [];
    const connect = world.ledger.connect.bind(world.ledger);
    world.ledger.connect = (alive) => {
      const writer = connect(alive);
      const recordBlock: typeof writer.recordBlock = (block, retry) => {
        retries.push(retry);
        return writer.recordBlock(block, retry);
      };
      return { ...writer, recordBlock };
    };
    (await outlive(world)).kill();
    const second = world.start();
    await world.clock.pass(4 * HOUR);
    second.kill();
    node.offers = [rejected];
    node.searches = [inChain];
    world.start();
    await world.clock.pass(MINUTE);
    expectBlock(world);
    expect(retries).toEqual([false]);
  });
});

const breakStorage = ({ sql }: World, when: string) => {
  sql.exec(`CREATE TRIGGER full BEFORE ${when} BEGIN SELECT RAISE(ABORT, 'disk full'); END`);
};
const mendStorage = ({ sql }: World) => sql.exec("DROP TRIGGER full");

describe("a block while durable storage fails", () => {
  it("is looked for in the chain when its acceptance could not be kept and the node knows it no more", async () => {
    const node = new ScriptedNode([accepted, rejected], [inChain]);
    const world = blockVerifier({ nodes: [node] });
    const verifier = world.start();
    breakStorage(world, "UPDATE ON held");
    void verifier.submit(foundBlock());
    await world.clock.pass(100);
    expectHeld(world);
    mendStorage(world);
    await world.clock.pass(MINUTE);
    expectBlock(world);
  });

  it("is written once when the ledger's answer was lost and could not be noted", async () => {
    const node = new ScriptedNode([accepted], []);
    const faults = [{ kind: "lostAfter" as const, delayMs: 100 }];
    const world = blockVerifier({ nodes: [node], fault: () => faults.shift() ?? { kind: "none", delayMs: 10 } });
    const verifier = world.start();
    breakStorage(world, "INSERT ON outbox");
    void verifier.submit(foundBlock());
    await world.clock.pass(500);
    mendStorage(world);
    world.ledger.sweep(MUCH_LATER);
    await world.clock.pass(MINUTE);
    expectBlock(world);
  });
});
