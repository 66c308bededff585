import { epochOf, type ChainSpec } from "../chain-spec.ts";
import type { NodeJob } from "./job.ts";

/**
 * Says what is wrong with a job's seed hash, and what to do; null when it is the configured chain's.
 * @param isSameChain the node is known to be on the configured chain: then the setting is right, and the node wrong
 */
type SeedCheck = (job: NodeJob, isSameChain: boolean) => string | null;

/** Beyond any block that will be mined: the rounds of block 122,880,000. */
const MOST_ROUNDS = 4096;
/** The seed hash advances once in so many blocks, whatever the epoch's length. */
const SEED_BLOCKS = 30_000;

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
  return (job, isSameChain) => {
    const rounds = roundsAt(chain, job.height);
    if (rounds === null) return `block ${job.height} is beyond the last epoch that chain = "${chain.name}" can have`;
    const expected = seedAfter(rounds);
    if (expected === job.seed) return null;
    const found = `the seed hash of block ${job.height} is ${job.seed} at this node, and ${expected} by chain = "${chain.name}"`;
    const fault = epochFault(chain, job, seedAfter);
    const isKnown = others.some(({ name }) => name === chain.name);
    if (isSameChain && fault !== null)
      return `${found}: the node is at fault. ${fault}, and leave chain = "${chain.name}" as it is: the node's chain id says so too`;
    const fitting = others.filter((other) => {
      const otherRounds = other.name === chain.name ? null : roundsAt(other, job.height);
      return otherRounds !== null && seedAfter(otherRounds) === job.seed;
    });
    const names = fitting.map((other) => `"${other.name}"`).join(" or ");
    if (isSameChain && isKnown)
      return `${found}: the node says that it is on "${chain.name}", so it is at fault: update or replace it, and leave chain as it is`;
    if (fault !== null)
      return `${found}: ask the node for eth_chainId. If that is "${chain.name}"'s, the node is at fault: ${fault}, and leave chain as it is. If not, it is on ${names || "another chain"}: set upstream to a node of "${chain.name}"`;
    if (fitting.length > 0 && !isSameChain)
      return `${found}: the node seems to be on ${names}. Set upstream to a node of "${chain.name}"; change chain only if the node's eth_chainId and your miners agree to that`;
    for (let round = 0; round < MOST_ROUNDS; round += 1) {
      if (seedAfter(round) !== job.seed) continue;
      return `${found}: the node is ${round} seed rounds in, not ${rounds}; the epoch settings of chain are wrong`;
    }
    return `${found}: that is no Ethash seed hash; upstream is not a node of an Ethash chain`;
  };
}

/**
 * What to do about nodes that make the seed hash of an ECIP-1099 epoch from the block's number instead of the epoch's first block: core-geth
 * before December 2020 (its issue 234). Null where the seed hash is not that one.
 */
function epochFault(chain: ChainSpec, { height, seed }: NodeJob, seedAfter: (rounds: number) => string): string | null {
  const { ecip1099Block } = chain;
  if (ecip1099Block === null || height < ecip1099Block) return null;
  if (seedAfter(Math.floor(height / SEED_BLOCKS)) !== seed) return null;
  return `It makes the seed hash from the block's number and not from its ECIP-1099 epoch, as core-geth did before December 2020: update the node`;
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
