import { epochOf, type ChainSpec } from "../chain-spec.ts";
import type { Job } from "./job.ts";

/** Says what is wrong with a job's seed hash; null when it is the configured chain's. */
export type SeedCheck = (job: Job) => string | null;

/** Beyond any block that will be mined: the rounds of block 122,880,000. */
const MOST_ROUNDS = 4096;

/**
 * The seed hash of a block is Keccak-256 applied so many times to 32 zero bytes, as the chain's epoch rules have it. A node of
 * another chain, or the wrong rules, would make every share invalid: better one error that names the setting.
 * @param chain the configured chain
 * @param others the chains that a mismatch is compared with
 * @param keccak256 32 bytes to 32 bytes
 */
export function createSeedCheck(
  chain: ChainSpec,
  others: readonly ChainSpec[],
  keccak256: (data: Uint8Array) => Uint8Array,
): SeedCheck {
  const seedAfter = createSeedTable(keccak256);
  return (job) => {
    const rounds = roundsAt(chain, job.height);
    if (rounds === null) return `block ${job.height} is beyond the last epoch that chain = "${chain.name}" can have`;
    const expected = seedAfter(rounds);
    if (expected === job.seed) return null;
    const found = `the seed hash of block ${job.height} is ${job.seed} at this node, and ${expected} by chain = "${chain.name}"`;
    const fitting = others.filter((other) => {
      const otherRounds = other.name === chain.name ? null : roundsAt(other, job.height);
      return otherRounds !== null && seedAfter(otherRounds) === job.seed;
    });
    if (fitting.length > 0) {
      const names = fitting.map((other) => `"${other.name}"`).join(" or ");
      return `${found}: the node is on ${names}; set chain to that, or upstream to a node of "${chain.name}"`;
    }
    for (let round = 0; round < MOST_ROUNDS; round += 1) {
      if (seedAfter(round) !== job.seed) continue;
      return `${found}: the node is ${round} seed rounds in, not ${rounds}; the epoch settings of chain are wrong`;
    }
    return `${found}: that is no Ethash seed hash; upstream is not a node of an Ethash chain`;
  };
}

/** Null for a height that no epoch of the chain has. */
function roundsAt(chain: ChainSpec, height: number): number | null {
  try {
    return epochOf(chain, height).seedRounds;
  } catch {
    return null;
  }
}

/** Seed hashes as lower-case `0x` hex by rounds; each is computed once, from the one before. */
function createSeedTable(keccak256: (data: Uint8Array) => Uint8Array): (rounds: number) => string {
  const seeds: Uint8Array[] = [new Uint8Array(32)];
  return (rounds) => {
    let last = seeds.at(-1) ?? new Uint8Array(32);
    while (seeds.length <= rounds) seeds.push((last = keccak256(last).slice()));
    return `0x${Array.from(seeds[rounds] ?? last, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
  };
}
