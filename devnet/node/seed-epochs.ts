import { Ethash, toHex } from "@edgepool/ethash-wasm";
import { epochOf, type ChainSpec, type Epoch } from "@edgepool/ethash-wasm/chain-spec";
import { loadKernel } from "@edgepool/ethash-wasm/node";

/** Blocks up to here are searched: far beyond any chain alive, and an end for a seed that no epoch has. */
const LAST_BLOCK = 60_000_000;

/**
 * Finds the epoch that a seed hash stands for. Stratum names the epoch of a job by its seed only, so a miner walks the
 * chain's epochs until the seeds agree.
 */
export class SeedEpochs {
  readonly #chain: ChainSpec;
  readonly #keccak = Ethash.instantiate(loadKernel());
  readonly #known = new Map<string, Epoch>();
  #rounds = 0;
  #seed = this.#keccak.seedHash(0);
  #nextBlock = 0;

  constructor(chain: ChainSpec) {
    this.#chain = chain;
  }

  /** @param seed 64 hex digits, `0x` optional. @returns undefined where no epoch of the chain has that seed. */
  find(seed: string): Epoch | undefined {
    const wanted = seed.toLowerCase().replace(/^0x/, "");
    while (!this.#known.has(wanted) && this.#nextBlock <= LAST_BLOCK)
      this.#learn(epochOf(this.#chain, this.#nextBlock));
    return this.#known.get(wanted);
  }

  #learn(epoch: Epoch): void {
    for (; this.#rounds < epoch.seedRounds; this.#rounds++) this.#seed = this.#keccak.keccak256(this.#seed);
    this.#known.set(toHex(this.#seed), epoch);
    this.#nextBlock = epoch.lastBlock + 1;
  }
}
