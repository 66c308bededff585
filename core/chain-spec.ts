/** Chains and their epoch rules are those of `ethash-wasm`; this is where the pool takes them from. */
export { CHAINS, chainByName, customChain, epochOf, type ChainSpec, type Epoch } from "ethash-wasm/chain-spec";
