export { CacheBuild, SLICE_ITEMS } from "./cache-build.ts";
export * from "./chain-spec.ts";
export {
  ArgumentError,
  BuildAbandonedError,
  EthashError,
  KernelTrapError,
  MemoryError,
  NoCacheError,
  type EthashErrorKind,
} from "./errors.ts";
export { Ethash, type EthashOptions, type PowHash, type PowInput } from "./ethash.ts";
export { fromHex, toHex } from "./hex.ts";
export { MAX_BATCH, memoryFor } from "./kernel.ts";
export { meetsTarget, targetOf } from "./target.ts";
export { verify, type PowClaim, type PowVerdict } from "./verify.ts";
