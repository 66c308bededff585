import type { PoolConfig } from "../pool-config.ts";

/** The settings that the API reads. */
export type ApiConfig = Pick<PoolConfig, "coin" | "api">;

/** A window of the configuration in whole seconds. */
export function seconds(durationMs: number): number {
  return Math.floor(durationMs / 1000);
}

/** Hashrate counts from a miner's first share in the window, but never over less than this: one early lucky share proves little. */
const FLOOR_S = 600;

/**
 * Hashes per second as the reference computes them: the sum over the time since the first share, at least ten minutes, at
 * most the window; whole numbers.
 * @param coveredS how much of the window is known; less than the window only just after a start
 */
export function hashrate(sum: number, firstTs: number, nowS: number, windowS: number, coveredS: number): number {
  const floor = Math.min(FLOOR_S, Math.max(1, coveredS));
  const onlineS = Math.max(nowS - firstTs, floor);
  return Math.trunc(sum / Math.min(onlineS, windowS));
}

/** A miner or worker without a share for half the small window is offline. */
export function isOffline(lastTs: number, nowS: number, smallWindowS: number): boolean {
  return lastTs < nowS - smallWindowS / 2;
}
