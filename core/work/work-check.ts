import { cacheShortage } from "../cache-memory.ts";
import { CHAINS, createEpochLookup } from "../chain-spec.ts";
import type { PoolConfig } from "../pool-config.ts";
import { createChainCheck, NO_MARKS, type ChainMarks } from "./chain-identity.ts";
import type { NodeJob } from "./job.ts";
import { nodeFailure, type NodeFailure } from "./node-rpc.ts";
import { createSeedCheck } from "./seed-check.ts";

/**
 * What is wrong with a node's work, null for work that the pool can hand out and whose shares it can verify.
 * @param marks what the node says of its chain; left out for work of an unknown sender
 */
export type WorkCheck = (job: NodeJob, marks?: ChainMarks) => NodeFailure | null;

/** The chain first: of another chain's work neither the seed hash nor the size of the cache says anything. */
export function createWorkCheck(
  { chain, chainId, devnet }: Pick<PoolConfig, "chain" | "chainId" | "devnet">,
  keccak256: (data: Uint8Array) => Uint8Array,
): WorkCheck {
  const checkChain = createChainCheck(chain, chainId, devnet);
  const checkSeed = createSeedCheck(chain, CHAINS, keccak256);
  const epochAt = createEpochLookup(chain);
  return (job, marks = NO_MARKS) => {
    const finding = checkChain(marks);
    if (finding.kind === "other") return nodeFailure("wrongChain", finding.reason);
    const seedProblem = checkSeed(job, finding.kind === "same");
    if (seedProblem !== null) return nodeFailure("wrongSeed", seedProblem);
    const shortage = cacheShortage(epochAt(job.height));
    if (shortage === null) return null;
    const reason = `shares of "${chain.name}" at block ${job.height} cannot be verified here, so none are taken: ${shortage}. This chain has outgrown a Worker: point the miners to another pool`;
    return nodeFailure("tooLarge", reason);
  };
}
