/** The bridge as a library: what the program on the command line is made of. */
export { startBridge, type Bridge } from "./bridge.ts";
export type { BridgeStats, MinerStats, PoolStats, ShareCounts } from "./bridge-stats.ts";
export {
  BridgeOptionError,
  DEFAULT_TIMINGS,
  type BridgeLog,
  type BridgeOptions,
  type BridgeTimings,
  type ListenAddress,
} from "./options.ts";
