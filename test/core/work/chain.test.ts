import { chainByName, customChain, type ChainSpec } from "@edgepool/ethash-wasm/chain-spec";
import { afterEach, describe, expect, it } from "vitest";
import { startNode, type DevNode, type NodeOptions } from "../../../devnet/node/node.ts";
import { createChainCheck, type ChainMarks } from "../../../core/work/chain-identity.ts";
import { TestPool } from "./support/test-pool.ts";

function chainOf(name: string): ChainSpec {
  const chain = chainByName(name);
  if (chain === undefined) throw new Error(`no chain ${name}`);
  return chain;
}

const started: DevNode[] = [];
afterEach(async () => {
  await Promise.all(started.splice(0).map((node) => node.close()));
});

async function start(options: NodeOptions): Promise<DevNode> {
  const node = await startNode({ recommitMs: null, blockTimeMs: null, difficulty: 1_000n, ...options });
  started.push(node);
  return node;
}

/** A pool on `chain` with one node, a round in. */
async function poolOn(chain: string, options: NodeOptions, prepare: (started: DevNode) => void = () => undefined) {
  const node = await start(options);
  prepare(node);
  const pool = new TestPool({ upstreams: [{ name: "main", url: node.url }], chain: chainOf(chain) });
  const first = await pool.root.subscribe("0xa");
  return { pool, node, first };
}

const pushOf = ({ chain: { current } }: DevNode) =>
  JSON.stringify([
    current.header,
    current.seedHash,
    `0x${current.target.toString(16)}`,
    `0x${current.height.toString(16)}`,
  ]);

describe("a node of another chain", () => {
  // Classic at an even epoch: its seed hash is Ethereum's, and no share of it is.
  const classic = { spec: chainOf("classic"), startHeight: 11_760_100 };

  it("is found out by its chain id with the first poll, where its seed hash says nothing", async () => {
    const { pool, first } = await poolOn("ethereum", { ...classic, startHeight: 21_787_982 });
    expect(first).toBeNull();
    await pool.rounds(3);
    expect(pool.pushes).toEqual([]);
    expect(pool.logs[0]).toMatchObject({
      message: "upstream is sick",
      reason:
        'the node is on "classic" (chain id 61), and the pool on "ethereum" (chain id 1): every share would be invalid. ' +
        'Set upstream to a node of "ethereum", or chain = "classic" if that is what is mined here',
    });
  });

  it("cannot bring its work in by a push either, before or after it was found out", async () => {
    const { pool, node } = await poolOn("ethereum", classic, ({ faults }) => (faults.status = 500));
    expect(pool.root.notify(pushOf(node), null)).toMatchObject({ ok: true });
    expect(pool.pushes.length).toBe(1);
    node.faults.status = 0;
    await pool.round();
    expect(await pool.root.snapshot()).toBeNull();
    for (const name of [null, "main"]) {
      expect(pool.root.notify(pushOf(node), name)).toEqual({
        ok: false,
        reason: expect.stringMatching(/"main": the node is on "classic"/),
      });
    }
    expect(pool.said).toContain("main: work of another chain is withdrawn");
  });

  it("among others costs nothing: their work is handed out, with the first round", async () => {
    const node = await start(classic);
    const other = await start({ spec: chainOf("ethereum"), startHeight: 900 });
    const upstreams = [
      { name: "main", url: node.url },
      { name: "other", url: other.url },
    ];
    const pool = new TestPool({ upstreams, chain: chainOf("ethereum") });
    expect(await pool.root.subscribe("0xa")).toMatchObject({ current: { height: 900 } });
    expect(pool.said).toEqual(["main: upstream is sick"]);
  });

  it("is well again once it is on the right one", async () => {
    const { pool, node } = await poolOn("ethereum", classic);
    node.faults.chainId = 1;
    await pool.rounds(30);
    expect(pool.work?.current.height).toBe(11_760_100);
    expect(pool.root.notify(pushOf((node.advance(), node)), null)).toMatchObject({ ok: true });
  });
});

const byId = (chainId: number): ChainMarks => ({ chainId, blocks: [] });
const byBlocks = (...blocks: (string | null)[]): ChainMarks => ({ chainId: null, blocks });

describe("what tells a chain", () => {
  const GENESIS = "0xd4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3";
  const CLASSIC_1920000 = "0x94365e3a8c0b35089c1d1195081fe7489b528a84b22199c916180db8b28ade7f";
  const MORDOR_GENESIS = "0xa68ebde7932eccb177d38d55dcc6461a019dd795a681e59b5a3e4f3a7259a3f1";
  const mine = customChain({ name: "mine", epochLength: 30_000 });
  const ownClassic = customChain({ name: "etc", epochLength: 30_000, ecip1099Block: 11_700_000 });

  it.each<[string, ChainSpec, number | null, ChainMarks, string]>([
    ["its chain id", chainOf("classic"), null, byId(61), "same"],
    ["the chain id of a chain of one's own", mine, 4711, byId(4711), "same"],
    ["no chain id that was not given", mine, null, byId(4711), "unknown"],
    ["nothing", chainOf("classic"), null, byBlocks(), "unknown"],
    ["blocks that it does not have yet", chainOf("classic"), null, byBlocks(GENESIS, null), "unknown"],
    ["its blocks", chainOf("classic"), null, byBlocks(GENESIS, CLASSIC_1920000), "unknown"],
    ["the epochs of classic under another name", ownClassic, null, byId(61), "unknown"],
    ["another known id", chainOf("ethereum-pow"), null, byId(1), "other"],
    ["an unknown id", chainOf("classic"), null, byId(1337), "other"],
    ["another id than the one given", mine, 4711, byId(4712), "other"],
    ["a known chain's id on one's own", mine, null, byId(61), "other"],
    ["the other side of 2016", chainOf("ethereum"), null, byBlocks(GENESIS, CLASSIC_1920000), "other"],
    ["another genesis", chainOf("classic"), null, byBlocks(MORDOR_GENESIS, null), "other"],
  ])("%s", (_what, chain, chainId, marks, kind) => {
    expect(createChainCheck(chain, chainId, false)(marks).kind).toBe(kind);
  });

  it("lets a private chain pass on this machine, and a known one never", () => {
    const check = createChainCheck(chainOf("classic"), null, true);
    expect([check(byId(1337)).kind, check(byId(63)).kind]).toEqual(["unknown", "other"]);
  });

  it("says how to name a private chain", () => {
    expect(createChainCheck(chainOf("classic"), null, false)(byId(1337))).toMatchObject({
      reason: expect.stringMatching(/set chain = \{ name, epochLength, chainId = 1337 \}/),
    });
  });
});

describe("a node that is at fault itself", () => {
  it("has its ECIP-1099 seed fault named, and nobody is told to set another chain", async () => {
    const mordor = { spec: chainOf("mordor"), startHeight: 2_698_351 };
    const { pool, first } = await poolOn("mordor", mordor, ({ faults }) => (faults.seedByBlock = true));
    expect(first).toBeNull();
    expect(pool.logs[0]?.reason).toMatch(/the node is at fault.*update the node, and leave chain = "mordor" as it is/);
    expect(pool.logs[0]?.reason).not.toMatch(/set chain/);
  });

  it("is sick when its work stays two heights behind its own chain, and well again when it catches up", async () => {
    const { pool, node, first } = await poolOn("classic", { spec: chainOf("classic") });
    expect(first?.current.height).toBe(1_000);
    node.faults.stuckWork = true;
    await pool.round();
    node.advance();
    await pool.rounds(5);
    expect(pool.said).toEqual([]);
    node.advance();
    await pool.rounds(3);
    expect(pool.logs).toMatchObject([{ message: "upstream is sick", reason: expect.stringMatching(/at 1002/) }]);
    node.faults.stuckWork = false;
    await pool.rounds(20);
    expect(pool.work?.current.height).toBe(1_002);
    expect(pool.said.at(-1)).toBe("main: upstream is well again");
  });

  it("gives work in vain where no verifier has room for the light cache: no miner gets it", async () => {
    const { pool, first } = await poolOn("ethereum-pow", { spec: chainOf("ethereum-pow"), startHeight: 25_500_000 });
    expect(first).toBeNull();
    await pool.rounds(2);
    expect(pool.pushes).toEqual([]);
    expect(pool.logs[0]?.reason).toMatch(/cannot be verified here, so none are taken: its light cache .* 122 MiB/);
  });
});
