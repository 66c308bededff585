import { CHAINS, chainByName, customChain, type ChainSpec } from "@edgepool/ethash-wasm/chain-spec";
import { describe, expect, it } from "vitest";
import { createSeedCheck } from "../../../core/work/seed-check.ts";
import { keccak256 } from "./support/test-pool.ts";

function chainOf(name: string): ChainSpec {
  const chain = chainByName(name);
  if (chain === undefined) throw new Error(`no chain ${name}`);
  return chain;
}

function seedAfter(rounds: number): string {
  let seed: Uint8Array = new Uint8Array(32);
  for (let round = 0; round < rounds; round += 1) seed = keccak256(seed);
  return `0x${Buffer.from(seed).toString("hex")}`;
}

const jobOf = (height: number, seed: string) => ({
  header: `0x${"11".repeat(32)}`,
  seed,
  height,
  networkDifficulty: 1n,
});
const check = (chain: ChainSpec, height: number, rounds: number, isSameChain = false) =>
  createSeedCheck(chain, CHAINS, keccak256)(jobOf(height, seedAfter(rounds)), isSameChain);

describe("the seed hash of a node's work", () => {
  // docs/protocol.md, section 6: epoch 389 with 389 rounds up to block 11,699,999; epoch 195 with 390 rounds from the next one on.
  it.each([
    ["ethereum", 0, 0],
    ["ethereum", 29_999, 0],
    ["ethereum", 30_000, 1],
    ["classic", 11_699_999, 389],
    ["classic", 11_700_000, 390],
    ["classic", 11_760_000, 392],
    ["mordor", 2_520_000, 84],
  ])("is right on %s at block %i after %i rounds", (name, height, rounds) => {
    expect(check(chainOf(name), height, rounds)).toBeNull();
  });

  it("of another chain names the setting and the chain", () => {
    expect(check(chainOf("ethereum"), 11_790_000, 392)).toMatch(
      /seed hash of block 11790000 is 0x.* and 0x.* by chain = "ethereum": the node seems to be on "classic" or "mordor"\. Set upstream to a node of "ethereum"; change chain only if/,
    );
  });

  // Block 2,698,351 of Mordor, from a core-geth with its issue 234: 89 rounds, and 88 are right.
  it("of a node with the ECIP-1099 seed fault names the fault, and never another chain to set", () => {
    const known = check(chainOf("mordor"), 2_698_351, 89, true);
    expect(known).toMatch(/the node is at fault\. It makes the seed hash from the block's number.*update the node/);
    expect(known).toMatch(/leave chain = "mordor" as it is/);
    const unknown = check(chainOf("mordor"), 2_698_351, 89);
    expect(unknown).toMatch(/ask the node for eth_chainId\. If that is "mordor"'s, the node is at fault/);
    for (const text of [known, unknown]) expect(text).not.toMatch(/set chain to|change chain/);
  });

  it("that is wrong on the right chain is the node's fault, whatever other chain it would fit", () => {
    expect(check(chainOf("ethereum"), 11_790_000, 392, true)).toMatch(
      /at fault: update or replace it, and leave chain/,
    );
  });

  it("of other epoch settings says how many rounds were expected", () => {
    expect(check(customChain({ name: "mine", epochLength: 100 }), 250, 7)).toMatch(
      /7 seed rounds in, not 0; the epoch settings/,
    );
  });

  it("that is none at all says so", () => {
    const problem = createSeedCheck(chainOf("ethereum"), CHAINS, keccak256)(jobOf(1, `0x${"22".repeat(32)}`), false);
    expect(problem).toMatch(/no Ethash seed hash/);
  });

  it("at a height that no epoch has is refused instead of thrown over", () => {
    expect(check(chainOf("ethereum"), Number.MAX_SAFE_INTEGER, 0)).toMatch(/beyond the last epoch/);
  });
});
