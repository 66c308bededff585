/**
 * The rewards against go-ethereum's own: a chain of 1,500 blocks that its code has made and executed, served by its RPC. Needs Go; the
 * module is built where it stands.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createChainNode } from "../../core/payouts/chain-node.ts";
import { replay, type ReplayedBlock } from "../../core/payouts/replay.ts";
import { CLASSIC_REWARDS, rewardRulesOf, type RewardRules } from "../../core/payouts/reward-schedule.ts";
import { createNodeRpc } from "../../core/work/node-rpc.ts";
import { httpPost } from "../../durable-objects/platform/http-post.ts";
import { buildGo, freePort, killed } from "./support/programs.ts";

const BLOCKS = 1_500;

let folder = "";
let geth: ChildProcess | undefined;
let chain = { etherbase: "", url: "" };

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "edgepool-geth-"));
  const program = await buildGo("private-chain");
  geth = spawn(program, [String(BLOCKS), String(await freePort())], {
    cwd: folder,
    stdio: ["ignore", "pipe", "ignore"],
  });
  if (geth.stdout === null) throw new Error("no output");
  for await (const line of createInterface({ input: geth.stdout })) {
    const [ready, etherbase = "", , url = ""] = line.split(" ");
    if (ready !== "ready") continue;
    chain = { etherbase: etherbase.toLowerCase(), url };
    return;
  }
  throw new Error("the private chain ended before it was ready");
}, 600_000);

afterAll(async () => {
  await killed(geth);
  await rm(folder, { recursive: true, force: true });
});

async function replayed(rules: RewardRules, from: number, to: number): Promise<ReplayedBlock[]> {
  const rpc = createNodeRpc({ name: "geth", url: chain.url, timeoutMs: 30_000, secretHeaders: {} }, httpPost);
  const blocks: ReplayedBlock[] = [];
  const node = createChainNode("geth", rpc);
  for await (const block of replay({ rpc, node, rules, etherbase: chain.etherbase, from, to })) blocks.push(block);
  return blocks;
}

describe("a chain of go-ethereum's own making", () => {
  it("pays its account, block by block and to the Wei, what the pool's rules say", { timeout: 600_000 }, async () => {
    const rules = rewardRulesOf("ethereum-pow");
    if (rules === undefined) throw new Error("no rules");
    const blocks = await replayed(rules, 1, BLOCKS);
    expect(blocks).toHaveLength(BLOCKS);
    expect(blocks.filter(({ unexplainedWei }) => unexplainedWei !== 0n)).toEqual([]);
    // What the chain is made to hold: own blocks and uncles, payments in and out.
    expect(blocks.filter(({ earnedWei }) => earnedWei > 2n * 10n ** 18n).length).toBeGreaterThan(1_000);
    expect(blocks.filter(({ earnedWei }) => earnedWei > 0n && earnedWei < 2n * 10n ** 18n).length).toBeGreaterThan(20);
    expect(blocks.filter(({ receivedWei }) => receivedWei > 0n).length).toBeGreaterThan(400);
    expect(blocks.filter(({ spentWei }) => spentWei > 0n).length).toBeGreaterThan(200);
  });

  it("is not explained by another chain's rules", { timeout: 60_000 }, async () => {
    const blocks = await replayed(CLASSIC_REWARDS, 100, 120);
    expect(blocks.some(({ unexplainedWei }) => unexplainedWei !== 0n)).toBe(true);
  });
});
