import { epochOf, type ChainSpec, type Epoch } from "@edgepool/ethash-wasm/chain-spec";

/** Chains and their epoch rules are those of `@edgepool/ethash-wasm`; this is where the pool takes them from. */
export {
  CHAINS,
  chainByName,
  customChain,
  epochOf,
  type ChainSpec,
  type Epoch,
} from "@edgepool/ethash-wasm/chain-spec";

/** The epoch of a height. The last two answers are kept: the sizes of an epoch take a search for primes. */
export function createEpochLookup(chain: ChainSpec): (height: number) => Epoch {
  let recent: Epoch[] = [];
  return (height) => {
    const known = recent.find((epoch) => epoch.firstBlock <= height && height <= epoch.lastBlock);
    if (known) return known;
    const epoch = epochOf(chain, height);
    recent = [epoch, ...recent].slice(0, 2);
    return epoch;
  };
}
