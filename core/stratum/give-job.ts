import { epochOf } from "../chain-spec.ts";
import { classOf, shareWorth } from "../shares/difficulty-classes.ts";
import type { Job } from "../work/job.ts";
import { DIALECTS, workTriple } from "./dialects.ts";
import { changePrefix, prefixOf, pruneTrack, startTrack } from "./prefix-track.ts";
import { currentJob, type SessionContext, type SessionEffect, type SessionState, type SessionStep } from "./session.ts";
import { changeSegment, retarget, startWindow } from "./vardiff.ts";

/** Gives the current job, with what the dialect has to say before it. Nothing happens where there is none. */
export function announce(state: SessionState, context: SessionContext, nowMs: number): SessionStep {
  const job = currentJob(context, nowMs);
  if (!job || state.dialect === null) return { state, effects: [] };
  const given = give(state, job, context, nowMs);
  const extranonce = extranonceOf(given.state, job.header, context);
  const notice = {
    job,
    difficulty: given.difficulty,
    extranonce,
    epoch: epochOf(context.chain, job.height).number,
    told: state.told,
  };
  const lines = DIALECTS[state.dialect].job(notice);
  const told = { difficulty: notice.difficulty, epoch: notice.epoch, extranonce };
  const sends = lines.map((line): SessionEffect => ({ kind: "send", line }));
  return { state: { ...given.state, told }, effects: [...sends, ...given.effects] };
}

/** The peer has subscribed in EthereumStratum/1 and has no job: BzMiner 12 logs in only once it has one (docs/protocol.md, section 4). */
export function awaitsFirstJob({ dialect, login, extranonce, waiting, job, closed }: SessionState): boolean {
  return !closed && dialect === "es1" && login === null && extranonce !== "" && waiting === null && job === null;
}

/** The current job as an answer to `eth_getWork`, JSON text; null where there is none. */
export function workFor(
  state: SessionState,
  context: SessionContext,
  nowMs: number,
): { readonly state: SessionState; readonly work: string } | null {
  const job = currentJob(context, nowMs);
  if (!job) return null;
  const given = give(state, job, context, nowMs);
  return { state: given.state, work: workTriple(job, given.difficulty) };
}

/** What the nonces of a job of the backlog begin with; empty for a dialect whose miners choose them themselves. */
export function extranonceOf(state: SessionState, header: string, { work }: SessionContext): string {
  if (state.dialect === null || !DIALECTS[state.dialect].extranonce) return "";
  return prefixOf(state.track, header, work?.jobs ?? []);
}

/** What the session was told that a share of a job needs, in hashes. */
export function toldDifficulty(state: SessionState, job: Job, { work }: SessionContext): bigint {
  return shareWorth(prefixOf(state.track, job.header, work?.jobs ?? []), job);
}

/** Notes that the peer gets a job; the only moment at which its nonces and its difficulty may change. */
function give(
  state: SessionState,
  job: Job,
  context: SessionContext,
  nowMs: number,
): { readonly state: SessionState; readonly difficulty: bigint; readonly effects: readonly SessionEffect[] } {
  const jobs = context.work?.jobs ?? [];
  const hasExtranonce = state.dialect !== null && DIALECTS[state.dialect].extranonce;
  if (job.header === state.job) return { state, difficulty: toldDifficulty(state, job, context), effects: [] };
  const prefix = hasExtranonce ? state.extranonce : state.region.prefix;
  const isFirst = state.job === null;
  const track = isFirst ? startTrack(prefix) : changePrefix(pruneTrack(state.track, jobs), prefix, job.header);
  const difficulty = shareWorth(prefix, job);
  const given = { ...state, job: job.header, track };
  const { vardiff: config } = context;
  if (!hasExtranonce || config === null) return { state: given, difficulty, effects: [] };
  const before = state.told.difficulty;
  const begun = isFirst
    ? startWindow(state.vardiff, nowMs)
    : before === null || before === difficulty
      ? state.vardiff
      : changeSegment(state.vardiff, before, nowMs);
  const current = { difficulty, class: classOf(prefix, job.classTable) };
  const next = retarget(begun, current, context.terms, config, nowMs);
  const { worker, canMove: move } = state;
  const effects: SessionEffect[] =
    next.class === current.class ? [] : [{ kind: "retarget", worker, class: next.class, move }];
  return { state: { ...given, vardiff: next.state }, difficulty, effects };
}
