import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { StateFolderError } from "./state-lock.ts";

const CHAIN_FILE = "npm-start.chain";
/** Where the simulated node keeps its chain. */
export const SIMULATED_CHAIN_FILE = "simulated-chain.jsonl";

/** Whose blocks the books of a run are about. */
interface Run {
  readonly state: string;
  readonly geth: string | null;
  readonly chain: string;
}

/**
 * Keeps a state folder for the chain that it began with: a real node knows none of the blocks that a simulated one has paid for, and its pool
 * would wait for them, and owe for them, for ever. @throws StateFolderError where the folder is another chain's
 */
export function claimState({ state, geth, chain }: Run): void {
  const now = `${geth === null ? "the simulated node" : "a node of your own"}, ${chain}`;
  const before = chainOf(state);
  if (before !== null && before !== now && before !== now.split(",")[0])
    throw new StateFolderError(
      `state folder ${state} has the books of ${before}, and this run would be of ${now}; choose another with --state, or begin with empty books: --fresh`,
    );
  writeFileSync(join(state, CHAIN_FILE), `${now}\n`);
}

function chainOf(state: string): string | null {
  const file = join(state, CHAIN_FILE);
  if (existsSync(file)) return readFileSync(file, "utf8").trim();
  // Of a version that wrote down no more than the chain itself.
  return existsSync(join(state, SIMULATED_CHAIN_FILE)) ? "the simulated node" : null;
}
