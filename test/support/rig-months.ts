import { absorb, judge, newWatch, type LoginWatch, type Presences } from "../../core/notifications/login-watch.ts";
import { judgeRig, newRig, type Rig, withShare } from "../../core/notifications/rig-statistics.ts";

/** 0 ≤ x < 1, the same for the same seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const MONTH_MS = 30 * 86_400_000;
const START_MS = 1_700_000_000_000;

/** The silence after which a rig with a connection is told to be offline, by the rule itself. */
function silenceOf(rig: Rig): number {
  let [low, high] = [0, 1e9];
  const presence = { present: true, difficulty: null };
  while (high - low > 1) {
    const middle = (low + high) / 2;
    const isTold = judgeRig(rig, rig.lastMs + middle, 0, presence).kind === "offline";
    if (isTold) high = middle;
    else low = middle;
  }
  return high;
}

/**
 * Expected false alarms of a healthy rig with a connection in a month: over many of its shares, the probability that the next one comes later
 * than the rule would wait. Counting alarms that happen would need thousands of months.
 */
export function expectedAlarms(meanMs: number, shares: number, random: () => number): number {
  let rig = newRig(START_MS, 1);
  let sum = 0;
  let judged = 0;
  for (let i = 0; i < shares; i += 1) {
    rig = withShare(rig, rig.lastMs + 1 + -meanMs * Math.log(1 - random()), 1, 0);
    if (i < 8 || i % 7 !== 0) continue;
    judged += 1;
    sum += Math.exp(-silenceOf(rig) / meanMs);
  }
  return ((sum / judged) * MONTH_MS) / meanMs;
}

/** A rig as it is, beyond what the pool knows. */
export interface SimulatedRig {
  readonly name: string;
  /** Mean time between two shares at difficulty 1. */
  readonly meanMs: number;
  /** When it loses its power, and whether its connection ends with it or has to be found dead; null: never. */
  readonly dies: { readonly atMs: number; readonly silently: boolean } | null;
  /** Its difficulty changes at random, by factors of up to four, every few hours. */
  readonly varies: boolean;
}

export interface Trouble {
  readonly fromMs: number;
  readonly toMs: number;
  /** `outage`: the pool or its ledger is away, and knows it. `deploy`: connections close, and come back within half a minute. */
  readonly kind: "outage" | "deploy";
}

interface Live {
  readonly rig: SimulatedRig;
  nextMs: number;
  difficulty: number;
  changesMs: number;
  lastMs: number;
  closedUntilMs: number;
}

/** Plays a login's rigs for a time and asks the rule whenever it wants to be asked. @returns who was told to be offline, and when after its last share */
export function playLogin(
  rigs: readonly SimulatedRig[],
  troubles: readonly Trouble[],
  lengthMs: number,
  random: () => number,
): { readonly name: string; readonly atMs: number; readonly silentMs: number }[] {
  const gap = (mean: number) => 1 + Math.round(-mean * Math.log(1 - random()));
  const live = rigs.map((rig): Live => ({
    rig,
    nextMs: START_MS + gap(rig.meanMs),
    difficulty: 1,
    changesMs: START_MS + random() * 10_800_000,
    lastMs: START_MS,
    closedUntilMs: 0,
  }));
  const told: { name: string; atMs: number; silentMs: number }[] = [];
  const held: { worker: string; ms: number; difficulty: number }[] = [];
  let watch: LoginWatch = newWatch(START_MS / 1000);
  let wellSinceMs = START_MS;
  let nowMs = START_MS;
  let at = 0;
  const endMs = START_MS + lengthMs;
  while (nowMs < endMs) {
    const entries = live.flatMap((one) => sharesUntil(one, nowMs, troubles, random, gap));
    const trouble = troubles[at];
    if (trouble !== undefined && START_MS + trouble.toMs <= nowMs) at += 1;
    const now = troubles.find(({ fromMs, toMs }) => START_MS + fromMs <= nowMs && nowMs < START_MS + toMs + 60_000);
    if (now?.kind === "outage") {
      // What came before the outage is read after it.
      held.push(...entries);
      nowMs += 60_000;
      wellSinceMs = nowMs;
      continue;
    }
    const readS = Math.floor(nowMs / 1000);
    const taken = absorb(watch, [...held.splice(0), ...entries], readS, wellSinceMs);
    let judged = judge(taken.watch, nowMs, wellSinceMs, null);
    if (judged.asks) judged = judge(taken.watch, nowMs, wellSinceMs, presencesOf(live, nowMs));
    watch = judged.watch;
    for (const { worker, sinceMs } of judged.offline)
      told.push({ name: worker, atMs: nowMs - START_MS, silentMs: nowMs - sinceMs });
    // The object is woken a little late.
    nowMs = Math.max(judged.dueMs, nowMs + 1_000) + Math.round(random() * 1_000);
  }
  return told;
}

function sharesUntil(
  one: Live,
  nowMs: number,
  troubles: readonly Trouble[],
  random: () => number,
  gap: (mean: number) => number,
) {
  const found: { worker: string; ms: number; difficulty: number }[] = [];
  const { rig } = one;
  while (one.nextMs <= nowMs) {
    const ms = one.nextMs;
    if (rig.dies !== null && ms >= START_MS + rig.dies.atMs) {
      one.nextMs = Infinity;
      break;
    }
    const trouble = troubles.find(({ fromMs, toMs }) => START_MS + fromMs <= ms && ms < START_MS + toMs);
    if (trouble === undefined) {
      found.push({ worker: rig.name, ms, difficulty: one.difficulty });
      one.lastMs = ms;
      one.nextMs = ms + gap(rig.meanMs * one.difficulty);
    } else {
      const backMs = START_MS + trouble.toMs + random() * 30_000;
      one.closedUntilMs = backMs;
      one.nextMs = backMs + gap(rig.meanMs * one.difficulty);
    }
    if (rig.varies && one.nextMs > one.changesMs) {
      one.difficulty = 2 ** Math.floor(random() * 3);
      one.changesMs += random() * 21_600_000;
    }
  }
  return found;
}

/** Whether each rig has a connection now: a dead one is found out by its silence, ten of its usual pauses and two minutes at least. */
function presencesOf(live: readonly Live[], nowMs: number): Presences {
  const connections = new Map<string, number | null>();
  for (const { rig, difficulty, lastMs, closedUntilMs } of live) {
    const closesMs = lastMs + Math.max(120_000, 10 * rig.meanMs * difficulty);
    const isDead = rig.dies !== null && nowMs >= START_MS + rig.dies.atMs;
    // Closed for its silence, a rig that lives is back after some ten seconds.
    const closedAgain = nowMs >= closesMs && (nowMs - closesMs) % (closesMs - lastMs) < 10_000;
    const isThere = isDead
      ? (rig.dies?.silently ?? false) && nowMs < closesMs + 13_000
      : nowMs >= closedUntilMs && !closedAgain;
    if (isThere) connections.set(rig.name, difficulty);
  }
  return { paused: false, polling: false, connections };
}
