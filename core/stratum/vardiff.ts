import type { VardiffConfig } from "../pool-config.ts";

/** What variable difficulty knows of a session. Plain data. */
export interface VardiffState {
  /** A difficulty chosen by password, which nothing changes; null without. */
  readonly fixed: bigint | null;
  /** When the running window began, Unix time in ms; 0 before the first job. */
  readonly sinceMs: number;
  /** Shares of the running window, each weighed by its difficulty over the session's. */
  readonly windowShares: number;
  /** Shares of the windows before. */
  readonly shares: number;
  /** What those windows would have given at one hash a millisecond: the sum of time over difficulty. */
  readonly exposure: number;
}

/** Fixed difficulties go no higher, so that sums of shares stay far inside Redis' 64-bit integers. */
const MAX_FIXED_DIFFICULTY = 10n ** 15n;
/** Shares that are remembered: the estimate of the hashrate is then good to 5 %. */
const MEMORY_SHARES = 400;
/** Until this many shares are known, difficulty aims at three shares in the time of one: the estimate is good sooner. */
const LEARNING_SHARES = 72;
const LEARNING_SPEED = 3;
/** Standard deviations by which a window must miss what was expected for the past to be forgotten. */
const SURPRISE = 4;
/** No retarget changes the difficulty by more than this factor. */
const MAX_STEP = 8;

const FIXED = /(?:^|[\s,;])d=(\d{1,19})(?=$|[\s,;])/;

export const NO_VARDIFF: VardiffState = { fixed: null, sinceMs: 0, windowShares: 0, shares: 0, exposure: 0 };

/**
 * The fixed difficulty that a miner asks for by password, `d=2000000000` alone or among other settings; null without one.
 * It is kept between the bounds of vardiff or, without vardiff, at the pool's difficulty or above: an easier one would only
 * make the pool verify more.
 */
export function fixedDifficulty(password: string, difficulty: bigint, vardiff: VardiffConfig | null): bigint | null {
  const digits = FIXED.exec(password)?.[1];
  if (digits === undefined) return null;
  const least = vardiff?.minDifficulty ?? difficulty;
  const most = vardiff?.maxDifficulty ?? (difficulty > MAX_FIXED_DIFFICULTY ? difficulty : MAX_FIXED_DIFFICULTY);
  return clamp(BigInt(digits), least, most);
}

/** Difficulty of a session's first job. */
export function firstDifficulty(state: VardiffState, difficulty: bigint, vardiff: VardiffConfig | null): bigint {
  if (state.fixed !== null) return state.fixed;
  return vardiff ? clamp(difficulty, vardiff.minDifficulty, vardiff.maxDifficulty) : difficulty;
}

/** Notes an accepted share. */
export function countShare(state: VardiffState, shareDifficulty: bigint, current: bigint): VardiffState {
  return { ...state, windowShares: state.windowShares + Number(shareDifficulty) / Number(current) };
}

/**
 * Reconsiders the difficulty, once the retarget time is over. The hashrate is the shares so far over the chances that they had,
 * whatever the difficulties were; a window that does not fit what came before (a rig added, a card lost) makes the past forgotten.
 */
export function retarget(
  state: VardiffState,
  current: bigint,
  config: VardiffConfig,
  nowMs: number,
): { readonly state: VardiffState; readonly difficulty: bigint } {
  const elapsedMs = nowMs - state.sinceMs;
  if (state.fixed !== null || elapsedMs < config.retargetTimeMs) return { state, difficulty: current };
  const known = remember(state, elapsedMs / Number(current));
  const next = { ...state, ...known, sinceMs: nowMs, windowShares: 0 };
  // Half a share for none: it is slower than one in the time that has passed, nobody knows how much.
  const hashesPerMs = Math.max(known.shares, 0.5) / known.exposure;
  const aimMs = config.targetTimeMs / (known.shares < LEARNING_SHARES ? LEARNING_SPEED : 1);
  const intervalMs = Number(current) / hashesPerMs;
  if (Math.abs(intervalMs - aimMs) * 100 <= config.variancePercent * aimMs) return { state: next, difficulty: current };
  const wanted = BigInt(Math.max(1, Math.round(hashesPerMs * aimMs)));
  const step = BigInt(MAX_STEP);
  const bounded = clamp(wanted, current / step > 1n ? current / step : 1n, current * step);
  return { state: next, difficulty: clamp(bounded, config.minDifficulty, config.maxDifficulty) };
}

/** The running window added to those before; alone where it does not fit them. */
function remember(state: VardiffState, windowExposure: number): { shares: number; exposure: number } {
  const { shares, exposure, windowShares } = state;
  const window = { shares: windowShares, exposure: windowExposure };
  if (exposure === 0) return window;
  const expected = (Math.max(shares, 0.5) / exposure) * windowExposure;
  if (Math.abs(windowShares - expected) > SURPRISE * Math.sqrt(Math.max(expected, windowShares, 1)) + 1) return window;
  const sum = { shares: shares + windowShares, exposure: exposure + windowExposure };
  const keep = Math.min(1, MEMORY_SHARES / Math.max(sum.shares, 1));
  return { shares: sum.shares * keep, exposure: sum.exposure * keep };
}

function clamp(value: bigint, least: bigint, most: bigint): bigint {
  if (value < least) return least;
  return value > most ? most : value;
}
