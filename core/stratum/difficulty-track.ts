import type { Job } from "../work/job.ts";

/**
 * Which difficulty a session was given with which job. A share counts at the difficulty it was issued at, and a change goes
 * out with a new job only, so it is enough to keep the job with which each difficulty began.
 */
export interface DifficultyTrack {
  /** In hashes; for every job from the newest of `began` on. */
  readonly current: bigint;
  /** Earlier difficulties and the job that ended each, newest first. Empty while nothing has changed. */
  readonly before: readonly { readonly difficulty: bigint; readonly endedBy: string }[];
}

/** Changes that are remembered; with a retarget time of a minute this is far more than a backlog of three heights. */
const MAX_CHANGES = 16;

export function startTrack(difficulty: bigint): DifficultyTrack {
  return { current: difficulty, before: [] };
}

/** From `header` on, jobs of the session carry `difficulty`. */
export function changeDifficulty(track: DifficultyTrack, difficulty: bigint, header: string): DifficultyTrack {
  if (difficulty === track.current) return track;
  const before = [{ difficulty: track.current, endedBy: header }, ...track.before].slice(0, MAX_CHANGES);
  return { current: difficulty, before };
}

/** Difficulty at which a job of the backlog (`jobs`, newest first) was given to the session. */
export function difficultyOf(track: DifficultyTrack, header: string, jobs: readonly Job[]): bigint {
  const age = jobs.findIndex((job) => job.header === header);
  let difficulty = track.current;
  for (const change of track.before) {
    const changeAge = jobs.findIndex((job) => job.header === change.endedBy);
    // A change whose job has left the backlog is older than every job in it.
    if (changeAge < 0 || changeAge >= age) return difficulty;
    difficulty = change.difficulty;
  }
  return difficulty;
}

/** Forgets changes that no job of the backlog can still ask for. */
export function pruneTrack(track: DifficultyTrack, jobs: readonly Job[]): DifficultyTrack {
  const before = track.before.filter((change) => jobs.some((job) => job.header === change.endedBy));
  return before.length === track.before.length ? track : { ...track, before };
}
