import type { PoolConfig } from "../pool-config.ts";
import type { Explorer } from "./explorer.ts";

/** `/api/pool`: what the page needs to know of the configuration; nothing secret. */
export interface PoolFacts {
  readonly name: string;
  readonly coin: string;
  readonly chain: string;
  /** Hashes, decimal; with vardiff only the difficulty that a session starts with. */
  readonly shareDifficulty: string;
  readonly vardiff: boolean;
  /** Seconds, as all that follow. */
  readonly statsCollectInterval: number;
  readonly hashrateWindow: number;
  readonly hashrateLargeWindow: number;
  /** Percent that the pool keeps of blocks found from now on, decimal; null where this pool credits nobody, as is the scheme then. */
  readonly poolFee: string | null;
  readonly scheme: string | null;
  /** Under `pplns`: how many times the network difficulty of shares a block pays, decimal; else null. */
  readonly pplnsWindow: string | null;
  /** Percent that the pool keeps of a block of a login that has chosen solo, decimal; null where no login can. */
  readonly soloFee: string | null;
  /** Shannon that a balance has to pass to be paid; null where this pool pays nobody itself. */
  readonly payoutThreshold: number | null;
  readonly explorer: Explorer | null;
  /** Blocks an epoch, and the first block whose epochs are twice as long; null where there is none. */
  readonly epochLength: number;
  readonly ecip1099Block: number | null;
}

/** Percent that the pool keeps of a block that is found now, decimal; null where it credits nobody. */
export function feeOf({ unlocker, payouts }: Pick<PoolConfig, "unlocker" | "payouts">): string | null {
  if (unlocker === null) return null;
  return payouts.scheme === "solo" ? payouts.soloFee : unlocker.settings.terms.poolFee;
}

/** The body of `/api/pool`. */
export function poolFacts({ name, coin, chain, stratum, api, unlocker, payouts, payer, work }: PoolConfig): PoolFacts {
  return {
    name,
    coin,
    chain: chain.name,
    shareDifficulty: stratum.difficulty.toString(),
    vardiff: stratum.vardiff !== null,
    statsCollectInterval: api.statsCollectIntervalMs / 1000,
    hashrateWindow: api.hashrateWindowMs / 1000,
    hashrateLargeWindow: api.hashrateLargeWindowMs / 1000,
    poolFee: feeOf({ unlocker, payouts }),
    scheme: unlocker && payouts.scheme,
    pplnsWindow: unlocker && payouts.scheme === "pplns" ? payouts.pplnsWindow : null,
    soloFee: unlocker && work.soloUpstreams.length > 0 ? payouts.soloFee : null,
    payoutThreshold: payer && Number(payer.settings.threshold),
    explorer: api.explorer,
    epochLength: chain.epochLength,
    ecip1099Block: chain.ecip1099Block,
  };
}
