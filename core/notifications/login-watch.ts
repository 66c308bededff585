import * as v from "valibot";
import { judgeRig, newRig, type Rig, type RigPresence, withShare } from "./rig-statistics.ts";

const rigSchema = v.object({
  shares: v.number(),
  spanMs: v.number(),
  work: v.number(),
  lastMs: v.number(),
  difficulty: v.number(),
  excusedMs: v.optional(v.number()),
  goneMs: v.optional(v.number()),
  offlineSinceMs: v.optional(v.number()),
  ownConnection: v.optional(v.boolean()),
  incident: v.optional(v.string()),
});

const stateSchema = v.object({
  v: v.literal(1),
  /** Up to when the ledger's entries have been read, Unix seconds. */
  readS: v.number(),
  rigs: v.record(v.string(), rigSchema),
  /** When its session was asked last, Unix time in ms. */
  askedMs: v.number(),
  /** Work and shares of stretches of ten minutes, by their number since 1970; the latest last. */
  stretches: v.array(v.tuple([v.number(), v.number(), v.number()])),
  /** The owner was told that the hashrate has fallen: since when, and what a stretch was worth before. */
  fallen: v.nullable(v.object({ sinceMs: v.number(), work: v.number() })),
});

/** What is kept of a login whose owner wants to be told of its rigs. */
export type LoginWatch = v.InferOutput<typeof stateSchema>;

const storedState = v.pipe(v.string(), v.parseJson(), stateSchema);

export const newWatch = (readS: number): LoginWatch => ({
  v: 1,
  readS,
  askedMs: 0,
  rigs: {},
  stretches: [],
  fallen: null,
});

/** @returns null for anything but what was stored, of this version */
export function readWatch(stored: unknown): LoginWatch | null {
  const parsed = v.safeParse(storedState, stored);
  return parsed.success ? parsed.output : null;
}

/** An entry of `hashrate:<login>`. */
interface Entry {
  readonly worker: string;
  readonly ms: number;
  readonly difficulty: number;
}

/** @param member `difficulty:worker:ms` */
export function parseEntry(member: string): Entry | null {
  const [, difficulty, worker, ms] = /^(\d+):([^:]+):(\d+)$/.exec(member) ?? [];
  return worker === undefined ? null : { worker, ms: Number(ms), difficulty: Number(difficulty) };
}

/** Rigs of a login that are judged at most: those that were heard last. */
const MOST_RIGS = 4_096;
/** A rig that was not heard of for so long is no rig of the login any more. */
const FORGOTTEN_MS = 3 * 86_400_000;
const STRETCH_MS = 600_000;
/** Half an hour against the two hours before it. */
const RECENT = 3;
const BEFORE = 12;
/** Shares that half an hour should have had: with fewer, half of it may be chance. Of 100, fifty or fewer come once in 100 million times. */
const EXPECTED = 100;
/** Percent above the fall at which the hashrate counts as up again. */
const RECOVERY = 25;
/** A fall that lasts is how it is now. */
const NEW_NORMAL_MS = 86_400_000;

/** A rig that is offline, or back. Rigs that are told of together have one incident. */
export interface RigNews {
  readonly worker: string;
  /** Its last share before, Unix time in ms. */
  readonly sinceMs: number;
  readonly incident: string;
}

/** What has become known of a login. */
export interface WatchNews {
  readonly offline: readonly RigNews[];
  readonly back: readonly RigNews[];
  readonly hashrate: { readonly phase: "opened" | "closed"; readonly sinceMs: number; readonly percent: number } | null;
}

/** Takes in what the ledger has of a login, from {@link LoginWatch.readS} on. @param excusedMs the pool was not well until then @returns who is back */
export function absorb(
  watch: LoginWatch,
  entries: readonly Entry[],
  readS: number,
  excusedMs: number,
): { readonly watch: LoginWatch; readonly back: WatchNews["back"] } {
  const rigs = new Map<string, Rig>(Object.entries(watch.rigs));
  const stretches = new Map(watch.stretches.map(([at, work, shares]) => [at, { work, shares }]));
  const back: RigNews[] = [];
  for (const { worker, ms, difficulty } of entries.toSorted((a, b) => a.ms - b.ms)) {
    const rig = rigs.get(worker);
    // What is read a second time is not counted a second time.
    if (rig !== undefined && ms <= rig.lastMs) continue;
    if (rig?.offlineSinceMs !== undefined)
      back.push({ worker, sinceMs: rig.offlineSinceMs, incident: rig.incident ?? "" });
    rigs.set(worker, rig === undefined ? newRig(ms, difficulty) : withShare(rig, ms, difficulty, excusedMs));
    const at = Math.floor(ms / STRETCH_MS);
    const { work = 0, shares = 0 } = stretches.get(at) ?? {};
    stretches.set(at, { work: work + difficulty, shares: shares + 1 });
  }
  const oldest = readS * 1000 - FORGOTTEN_MS;
  const kept = [...rigs].filter(([, { lastMs }]) => lastMs >= oldest).toSorted(([, a], [, b]) => b.lastMs - a.lastMs);
  const first = Math.floor((readS * 1000) / STRETCH_MS) - RECENT - BEFORE;
  return {
    watch: {
      ...watch,
      readS,
      rigs: Object.fromEntries(kept.slice(0, MOST_RIGS)),
      stretches: [...stretches]
        .filter(([at]) => at >= first)
        .toSorted(([a], [b]) => a - b)
        .map(([at, { work, shares }]) => [at, work, shares]),
    },
    back,
  };
}

/** What a login's session says of its rigs: the open connections by worker, with the difficulty that each was told last. */
export interface Presences {
  /** No work is given: silence tells nothing. */
  readonly paused: boolean;
  /** Somebody asks for work over HTTP, without a connection. */
  readonly polling: boolean;
  readonly connections: ReadonlyMap<string, number | null>;
}

/** A proxy brings shares of rigs that have no connection of their own, and some ask over HTTP: with any of that such a rig may be there. */
function presenceOf({ ownConnection }: Rig, worker: string, { connections, polling }: Presences): RigPresence {
  const own = connections.has(worker);
  const proxied = ownConnection !== true && (polling || connections.size > 0);
  return { present: own || proxied, difficulty: connections.get(worker) ?? null };
}

/** How a login's rigs are. */
export interface Judged {
  readonly watch: LoginWatch;
  readonly offline: WatchNews["offline"];
  /** When it has to be judged again, Unix time in ms. */
  readonly dueMs: number;
  /** Its session has to be asked before all is said. */
  readonly asks: boolean;
}

/** Judges the rigs of a login. @param presences null: not asked yet */
export function judge(watch: LoginWatch, nowMs: number, wellSinceMs: number, presences: Presences | null): Judged {
  const rigs = new Map<string, Rig>();
  const fallen: string[] = [];
  let dueMs = nowMs + LATEST_MS;
  let asks = presences === null && nowMs - watch.askedMs >= ASK_MS;
  for (const [worker, before] of Object.entries(watch.rigs)) {
    const rig = presences?.connections.has(worker) === true ? { ...before, ownConnection: true } : before;
    rigs.set(worker, rig);
    if (rig.offlineSinceMs !== undefined) continue;
    const presence = presences === null ? null : presenceOf(rig, worker, presences);
    const verdict = judgeRig(rig, nowMs, wellSinceMs, presence);
    if (verdict.kind === "ask") asks = true;
    else if (verdict.kind === "well") dueMs = Math.min(dueMs, verdict.dueMs);
    else if (presences?.paused === true) rigs.set(worker, { ...rig, excusedMs: nowMs });
    else {
      rigs.set(worker, verdict.rig);
      if (verdict.kind === "offline") fallen.push(worker);
      else dueMs = Math.min(dueMs, verdict.dueMs);
    }
  }
  // A farm that falls silent is told of at once, and not rig by rig.
  if (fallen.length > 0 && presences !== null)
    for (const [worker, rig] of rigs) {
      if (rig.goneMs === undefined || rig.offlineSinceMs !== undefined) continue;
      const soon = judgeRig(rig, nowMs + TOGETHER_MS, wellSinceMs, presenceOf(rig, worker, presences));
      if (soon.kind !== "offline") continue;
      rigs.set(worker, soon.rig);
      fallen.push(worker);
    }
  const askedMs = presences === null ? watch.askedMs : nowMs;
  const incident = fallen.length === 1 ? String(nowMs) : `${nowMs}${SEVERAL}${fallen.length}`;
  const offline = fallen.map((worker): RigNews => {
    const rig = rigs.get(worker);
    if (rig !== undefined) rigs.set(worker, { ...rig, incident });
    return { worker, sinceMs: rig?.lastMs ?? nowMs, incident };
  });
  return { watch: { ...watch, rigs: Object.fromEntries(rigs), askedMs }, offline, dueMs, asks };
}

/** Rigs without a connection that would be told of within so long are told of with the first. */
const TOGETHER_MS = 30_000;

/** In the incident of several rigs: it does not close with one of them. */
export const SEVERAL = "+";

/** So often a session is asked which rigs have a connection of their own, though all is well. */
const ASK_MS = 1_800_000;
/** However well all rigs are: what the login wants to be told of may have changed. */
const LATEST_MS = 300_000;

/**
 * Whether a login's hashrate has fallen. Rigs that are offline explain a fall, and while the pool was not well nothing is said.
 * @param percent of what it was, at which it has fallen
 */
export function judgeHashrate(
  watch: LoginWatch,
  nowMs: number,
  wellSinceMs: number,
  percent: number,
): { readonly watch: LoginWatch; readonly news: WatchNews["hashrate"] } {
  const now = Math.floor((watch.readS * 1000) / STRETCH_MS);
  const from = now - RECENT;
  const same = { watch, news: null };
  if (wellSinceMs > from * STRETCH_MS) return same;
  const sum = (low: number, high: number) =>
    watch.stretches
      .filter(([at]) => at >= low && at < high)
      .reduce((total, [, work, shares]) => ({ work: total.work + work, shares: total.shares + shares }), {
        work: 0,
        shares: 0,
      });
  const recent = sum(from, now);
  if (watch.fallen !== null) {
    const { sinceMs, work } = watch.fallen;
    const isAt = Math.round((100 * recent.work) / work);
    const up = isAt >= percent + RECOVERY;
    if (!up && nowMs - sinceMs < NEW_NORMAL_MS) return same;
    return { watch: { ...watch, fallen: null }, news: up ? { phase: "closed", sinceMs, percent: isAt } : null };
  }
  if (Object.values(watch.rigs).some(({ offlineSinceMs }) => offlineSinceMs !== undefined)) return same;
  const before = sum(from - BEFORE, from);
  const usual = (before.work * RECENT) / BEFORE;
  const share = recent.shares === 0 ? before.work / Math.max(1, before.shares) : recent.work / recent.shares;
  const whole = watch.stretches.some(([at]) => at <= from - BEFORE);
  const isAt = Math.round((100 * recent.work) / Math.max(1, usual));
  if (!whole || usual / Math.max(1, share) < EXPECTED || isAt > percent) return same;
  const fallen = { sinceMs: from * STRETCH_MS, work: usual };
  return { watch: { ...watch, fallen }, news: { phase: "opened", sinceMs: fallen.sinceMs, percent: isAt } };
}
