import type { Job } from "../work/job.ts";

/**
 * Which nonces a session was to search with which job, by their first digits. A change goes out with a new job only, and shares of an
 * earlier job keep what that job had, so it is enough to keep the job with which each prefix ended.
 */
export interface PrefixTrack {
  /** Hex without `0x`, for every job from the newest of `before` on; empty where nobody knows. */
  readonly current: string;
  /** Earlier prefixes and the job that ended each, newest first. Empty while nothing has changed. */
  readonly before: readonly { readonly prefix: string; readonly endedBy: string }[];
}

/** Changes that are remembered; with a retarget time of a minute this is far more than a backlog of three heights. */
const MAX_CHANGES = 16;

export function startTrack(prefix: string): PrefixTrack {
  return { current: prefix, before: [] };
}

/** From the job `header` on, the session searches nonces that begin with `prefix`. */
export function changePrefix(track: PrefixTrack, prefix: string, header: string): PrefixTrack {
  if (prefix === track.current) return track;
  const before = [{ prefix: track.current, endedBy: header }, ...track.before].slice(0, MAX_CHANGES);
  return { current: prefix, before };
}

/** What a job of the backlog (`jobs`, newest first) was given to the session with. */
export function prefixOf(track: PrefixTrack, header: string, jobs: readonly Job[]): string {
  const age = jobs.findIndex((job) => job.header === header);
  let { current: prefix } = track;
  for (const change of track.before) {
    const changeAge = jobs.findIndex((job) => job.header === change.endedBy);
    // A change whose job has left the backlog is older than every job in it.
    if (changeAge < 0 || changeAge >= age) return prefix;
    prefix = change.prefix;
  }
  return prefix;
}

/** Forgets changes that no job of the backlog can still ask for. */
export function pruneTrack(track: PrefixTrack, jobs: readonly Job[]): PrefixTrack {
  const before = track.before.filter((change) => jobs.some((job) => job.header === change.endedBy));
  return before.length === track.before.length ? track : { ...track, before };
}
