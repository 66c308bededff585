import type { VardiffConfig } from "../pool-config.ts";
import { classesOf, nearestClass, type DifficultyClass } from "../shares/difficulty-classes.ts";
import type { HeaderTerms } from "../work/job.ts";

/** What variable difficulty knows of a session. Plain data. */
export interface VardiffState {
  /** A difficulty asked for by password, in hashes: its class is kept; null without. */
  readonly fixed: bigint | null;
  /** When the running window began, Unix time in ms; 0 before the first job. */
  readonly sinceMs: number;
  /** Since when the session has the difficulty that it has now, within the window, Unix time in ms. */
  readonly segmentMs: number;
  /** Shares of the running window. */
  readonly windowShares: number;
  /** What the window would have given up to `segmentMs` at one hash a millisecond: the sum of time over difficulty. */
  readonly windowExposure: number;
  /** Shares of the windows before, and what those would have given. */
  readonly shares: number;
  readonly exposure: number;
}

/** Shares that are remembered: the estimate of the hashrate is then good to 5 %. */
const MEMORY_SHARES = 400;
/** Standard deviations by which a window must miss what was expected for the past to be forgotten. */
const SURPRISE = 4;
/** Classes lie a factor of 4 apart, so that half or double the wanted time between shares is the best that can be had. */
const HALF_STEP = 2;

const FIXED = /(?:^|[\s,;])d=(\d{1,19})(?=$|[\s,;])/;

export const NO_VARDIFF: VardiffState = {
  fixed: null,
  sinceMs: 0,
  segmentMs: 0,
  windowShares: 0,
  windowExposure: 0,
  shares: 0,
  exposure: 0,
};

/** The difficulty that a miner asks for by password, `d=2000000000` alone or among other settings, in hashes; null without one. */
export function askedDifficulty(password: string): bigint | null {
  const digits = FIXED.exec(password)?.[1];
  return digits === undefined ? null : BigInt(digits);
}

/** The class that comes nearest to a difficulty that was asked for, within the operator's bounds. */
export function askedClass(difficulty: bigint, terms: HeaderTerms, config: VardiffConfig | null): DifficultyClass {
  return config === null ? 0 : nearestClass(Number(difficulty), terms, config);
}

/** Windows begin with the first job. */
export function startWindow(state: VardiffState, nowMs: number): VardiffState {
  return { ...state, sinceMs: nowMs, segmentMs: nowMs, windowShares: 0, windowExposure: 0 };
}

/** Notes an accepted share. */
export function countShare(state: VardiffState): VardiffState {
  return { ...state, windowShares: state.windowShares + 1 };
}

/** The session's difficulty changes now. @param before what it was, in hashes */
export function changeSegment(state: VardiffState, before: bigint, nowMs: number): VardiffState {
  const windowExposure = state.windowExposure + (nowMs - state.segmentMs) / Number(before);
  return { ...state, windowExposure, segmentMs: nowMs };
}

/**
 * Reconsiders a session's class, once the retarget time is over. The hashrate is the shares so far over the chances that they had,
 * whatever the difficulties were; a window that does not fit what came before (a rig added, a card lost) makes the past forgotten.
 * One class at a time, and only where the shares leave no doubt: a rig that is merely lucky keeps its nonces.
 * @param current the session's difficulty now, in hashes
 */
export function retarget(
  state: VardiffState,
  current: { readonly difficulty: bigint; readonly class: DifficultyClass },
  terms: HeaderTerms,
  config: VardiffConfig,
  nowMs: number,
): { readonly state: VardiffState; readonly class: DifficultyClass } {
  const kept = current.class;
  if (state.fixed !== null || nowMs - state.sinceMs < config.retargetTimeMs) return { state, class: kept };
  const { windowShares, windowExposure } = changeSegment(state, current.difficulty, nowMs);
  const known = remember(state, { shares: windowShares, exposure: windowExposure });
  const next = { ...startWindow(state, nowMs), ...known };
  const { shares, exposure } = known;
  const difficulty = Number(current.difficulty);
  const tolerated = HALF_STEP * (1 + config.variancePercent / 100);
  /** How many shares there would be in the wanted time of one. */
  const speed = (count: number) => ((count / exposure) * config.targetTimeMs) / difficulty;
  const isFast = speed(shares - Math.sqrt(shares)) > tolerated;
  const isSlow = speed(shares + 1 + Math.sqrt(shares + 1)) < 1 / tolerated;
  if (!isFast && !isSlow) return { state: next, class: kept };
  const wanted = difficulty * speed(Math.max(shares, 0.5));
  const nearest = nearestClass(wanted, terms, config);
  const oneStep = classesOf(terms.classTable).filter((each) => Math.abs(each - kept) <= 2);
  const reached = oneStep.reduce((a, b) => (Math.abs(b - nearest) < Math.abs(a - nearest) ? b : a), kept);
  return { state: next, class: reached };
}

/** The running window added to those before; alone where it does not fit them. */
function remember(state: VardiffState, window: { shares: number; exposure: number }) {
  const { shares, exposure } = state;
  if (exposure === 0) return window;
  const expected = (Math.max(shares, 0.5) / exposure) * window.exposure;
  const tolerated = SURPRISE * Math.sqrt(Math.max(expected, window.shares, 1)) + 1;
  if (Math.abs(window.shares - expected) > tolerated) return window;
  const sum = { shares: shares + window.shares, exposure: exposure + window.exposure };
  const keep = Math.min(1, MEMORY_SHARES / Math.max(sum.shares, 1));
  return { shares: sum.shares * keep, exposure: sum.exposure * keep };
}
