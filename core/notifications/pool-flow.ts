import * as v from "valibot";
import type { HealthReport } from "../health/judge.ts";

const flowSchema = v.object({
  v: v.literal(1),
  /** Of the last look, Unix time in ms. */
  lookedMs: v.number(),
  /** Since when a rig's silence is its own. */
  wellSinceMs: v.number(),
  /** Shares that each verifier had recorded by then. */
  recorded: v.array(v.number()),
  /** Shares a minute, as they usually are. */
  usual: v.number(),
  /** When there was more than one login last, Unix time in ms. */
  severalMs: v.number(),
});

/** Whether shares get through the pool at all, from look to look. */
export type PoolFlow = v.InferOutput<typeof flowSchema>;

const storedFlow = v.pipe(v.string(), v.parseJson(), flowSchema);

export function readFlow(stored: unknown): PoolFlow | null {
  const parsed = v.safeParse(storedFlow, stored);
  return parsed.success ? parsed.output : null;
}

/** Looks are a minute apart. Whoever has not looked for longer does not know what was. */
const BLIND_MS = 150_000;
/** So many shares should have come since the last look, and none has: that is no chance. */
const EXPECTED = 15;
const SEVERAL_MS = 1_800_000;
/** Part of a new minute in what is usual. */
const WEIGHT = 0.05;

/**
 * What this look says. Silence is the pool's and no rig's while the ledger or a verifier does not answer, while something waits in the outbox, while
 * there is no work, and when of several logins none brings a share.
 * @param report null: it could not be had
 */
export function nextFlow(
  before: PoolFlow | null,
  report: HealthReport | null,
  nowMs: number,
): { readonly flow: PoolFlow; readonly well: boolean; readonly silent: boolean } {
  const recorded = report?.shards.map((shard) => shard?.recordedShares ?? 0) ?? before?.recorded ?? [];
  const old = before ?? { lookedMs: nowMs, wellSinceMs: nowMs, recorded, usual: 0, severalMs: 0 };
  const passedMs = nowMs - old.lookedMs;
  // A verifier that was started anew counts from 0.
  const news = recorded.reduce((sum, count, i) => {
    const known = old.recorded[i] ?? 0;
    return sum + (count >= known ? count - known : count);
  }, 0);
  const severalMs = (report?.work?.subscribers ?? 0) > 1 ? nowMs : old.severalMs;
  const silent =
    before !== null && news === 0 && (old.usual * passedMs) / 60_000 >= EXPECTED && nowMs - severalMs < SEVERAL_MS;
  const well = before !== null && passedMs <= BLIND_MS && report !== null && isWell(report) && !silent;
  const rate = passedMs > 0 ? (news * 60_000) / passedMs : old.usual;
  const flow: PoolFlow = {
    v: 1,
    lookedMs: nowMs,
    wellSinceMs: well ? old.wellSinceMs : nowMs,
    recorded,
    // What comes in an outage is not usual.
    usual: well || old.usual === 0 ? old.usual + WEIGHT * (rate - old.usual) : old.usual,
    severalMs,
  };
  return { flow, well, silent };
}

function isWell({ work, ledger, outbox, shards }: HealthReport): boolean {
  if (ledger.state !== "ok" || outbox.depth > 0 || work === null || work.paused === true) return false;
  if (shards.some((shard) => shard === null || shard.cacheError !== null)) return false;
  const { upstreams } = work;
  return upstreams.length === 0 || upstreams.some(({ healthy }) => healthy);
}
