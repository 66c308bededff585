/** What is known of a rig by its shares. Work and difficulties are statistics here, in hashes as doubles: no money comes of them. */
export interface Rig {
  /** Waits for a share that are counted below, and how long they were and what the shares were worth in all. Older ones fade. */
  readonly shares: number;
  readonly spanMs: number;
  readonly work: number;
  /** Of its last share, Unix time in ms, and what that was worth. */
  readonly lastMs: number;
  readonly difficulty: number;
  /** Silence before is not its own: the operator had paused its login. */
  readonly excusedMs?: number | undefined;
  /** Since when it is known to have no connection. */
  readonly goneMs?: number | undefined;
  /** Its owner was told that it is offline; when it fell silent. */
  readonly offlineSinceMs?: number | undefined;
  /** It was seen with a connection of its own, and not one that a proxy has for many. */
  readonly ownConnection?: boolean | undefined;
  /** Under which its owner was told that it is offline. */
  readonly incident?: string | undefined;
}

/** What the session's object knows of a rig. `present`: a connection of it is open. */
export interface RigPresence {
  readonly present: boolean;
  /** What its next share is worth, where a connection says so. */
  readonly difficulty: number | null;
}

/** So many waits and more are remembered. */
const REMEMBERED = 256;
/** Fewer say too little: a rig is judged from here on. */
const LEAST = 8;
/** Nobody is told sooner: a restart of the rig, a deploy of the pool. */
const SOONEST_MS = 300_000;
/** Mean share times without a share after which a rig without a connection is offline. */
const GONE_TIMES = 12;
/** For one with a connection only chance speaks: e^-20 of all waits are longer, less than one of a rig's in 1,000 months whatever its mean. */
const SILENT_TIMES = 20;
/** A connection was lost and the next is not there yet: a program comes back sooner than this. */
const AWAY_MS = 35_000;
/** Before the deadline its connections are looked at for the first time, and then again and again until it has passed. */
const FIRST_LOOK_MS = 75_000;
const NEXT_LOOK_MS = 10_000;
const LATER_LOOK_MS = 60_000;
/** So that it is told before the deadline and not after. */
const MARGIN_MS = 5_000;

/** A rig that sends its first share. */
export const newRig = (ms: number, difficulty: number): Rig => ({
  shares: 0,
  spanMs: 0,
  work: 0,
  lastMs: ms,
  difficulty,
});

/** The rig after a share; one that comes out of order changes nothing. @param excusedMs the pool was not well before: that wait tells nothing */
export function withShare(rig: Rig, ms: number, difficulty: number, excusedMs: number): Rig {
  if (ms <= rig.lastMs) return rig;
  const back = { ...newRig(ms, difficulty), ownConnection: rig.ownConnection };
  if (rig.offlineSinceMs !== undefined) return back;
  const { shares, spanMs, work } = rig;
  if (Math.max(excusedMs, rig.excusedMs ?? 0) > rig.lastMs) return { ...back, shares, spanMs, work };
  const kept = shares >= REMEMBERED ? 0.5 : 1;
  return {
    ...back,
    shares: shares * kept + 1,
    spanMs: spanMs * kept + (ms - rig.lastMs),
    work: work * kept + difficulty,
  };
}

/** Mean time between two shares at a difficulty, ms; null where too little is known. */
function meanShareMs({ shares, spanMs, work }: Rig, difficulty: number): number | null {
  return shares < LEAST || work <= 0 ? null : (spanMs / work) * difficulty;
}

/** `dueMs`: from when on something else could be said, Unix time in ms. `ask`: only its session can tell. */
export type Verdict =
  | { readonly kind: "well"; readonly dueMs: number }
  | { readonly kind: "ask" }
  | { readonly kind: "waiting"; readonly rig: Rig; readonly dueMs: number }
  | { readonly kind: "offline"; readonly rig: Rig };

/**
 * Whether a rig is offline (docs/decisions/0061-when-a-rig-is-offline.md). Told by `max(5 min, 12 m)` after its last share, m being its mean time
 * between two, where it has no connection; with one, where the silence is too long for chance.
 * @param wellSinceMs the pool has been well since then: only silence after it counts
 * @param presence null: not asked yet
 */
export function judgeRig(rig: Rig, nowMs: number, wellSinceMs: number, presence: RigPresence | null): Verdict {
  const meanMs = meanShareMs(rig, Math.max(rig.difficulty, presence?.difficulty ?? 0));
  if (meanMs === null) return { kind: "well", dueMs: nowMs + SOONEST_MS };
  const fromMs = Math.max(rig.lastMs, wellSinceMs, rig.excusedMs ?? 0);
  const silentMs = nowMs - fromMs;
  const toldAtMs = Math.max(SOONEST_MS, GONE_TIMES * meanMs) - MARGIN_MS;
  if (silentMs < toldAtMs - FIRST_LOOK_MS) return { kind: "well", dueMs: fromMs + toldAtMs - FIRST_LOOK_MS };
  if (presence === null) return { kind: "ask" };
  const told = (): Verdict => ({ kind: "offline", rig: { ...rig, offlineSinceMs: rig.lastMs } });
  const { goneMs: _gone, ...here } = rig;
  if (presence.present) {
    const byChanceMs = Math.max(SOONEST_MS - MARGIN_MS, silenceMs(meanMs, rig.shares));
    if (silentMs >= byChanceMs) return told();
    const againMs = silentMs < toldAtMs ? NEXT_LOOK_MS : LATER_LOOK_MS;
    return { kind: "waiting", rig: here, dueMs: Math.min(fromMs + byChanceMs, nowMs + againMs) };
  }
  const goneMs = rig.goneMs ?? nowMs;
  if (silentMs >= toldAtMs && nowMs - goneMs >= AWAY_MS) return told();
  const nextMs = Math.min(nowMs + NEXT_LOOK_MS, Math.max(fromMs + toldAtMs, goneMs + AWAY_MS));
  return { kind: "waiting", rig: { ...here, goneMs }, dueMs: nextMs };
}

/**
 * A silence as rare as e^-20, for a mean that was itself only measured: of n waits that were S long together, the next one is longer than t
 * with a probability of (1 + t/S)^-n.
 */
function silenceMs(meanMs: number, shares: number): number {
  return meanMs * shares * Math.expm1(SILENT_TIMES / shares);
}
