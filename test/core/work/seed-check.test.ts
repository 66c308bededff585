import { CHAINS, chainByName, customChain, type ChainSpec } from "ethash-wasm/chain-spec";
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
const check = (chain: ChainSpec, height: number, rounds: number) =>
  createSeedCheck(chain, CHAINS, keccak256)(jobOf(height, seedAfter(rounds)));

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
      /seed hash of block 11790000 is 0x.* and 0x.* by chain = "ethereum": the node is on "classic" or "mordor"; set chain to that/,
    );
  });

  it("of other epoch settings says how many rounds were expected", () => {
    expect(check(customChain({ name: "mine", epochLength: 100 }), 250, 7)).toMatch(
      /7 seed rounds in, not 0; the epoch settings/,
    );
  });

  it("that is none at all says so", () => {
    const problem = createSeedCheck(chainOf("ethereum"), CHAINS, keccak256)(jobOf(1, `0x${"22".repeat(32)}`));
    expect(problem).toMatch(/no Ethash seed hash/);
  });

  it("at a height that no epoch has is refused instead of thrown over", () => {
    expect(check(chainOf("ethereum"), Number.MAX_SAFE_INTEGER, 0)).toMatch(/beyond the last epoch/);
  });
});
