import { BoundedMap } from "../../../core/bounded-map.ts";
import type { Answer, Refusal } from "../../../core/stratum/answers.ts";
import type { Login, MinerLine } from "../miner-side/miner-line.ts";
import type { Tracked } from "./requests.ts";
import { shareClaim } from "./unclaimed-shares.ts";

/** The fate of a share is known. */
export interface ShareFate {
  readonly accepted: boolean;
  readonly claim: string;
  /** Null when it was accepted. */
  readonly refusal: Refusal | null;
  /** Its number on the bridge's disk. */
  readonly kept: number | null;
  /** The miner had been told yes before. */
  readonly answeredBefore: boolean;
}

/** A submit that has no answer of the pool yet. */
export type TrackedShare = Tracked & { readonly parsed: Extract<MinerLine, { kind: "submit" }> };

const MAX_DEFERRALS = 30;
const RECENT_SHARES = 512;

export function isShare(tracked: Tracked): tracked is TrackedShare {
  return tracked.parsed.kind === "submit";
}

/** What becomes of the shares of one miner. */
export class ShareFates {
  readonly #takeClaim: (claim: string) => boolean;
  /** Shares that were accepted of late: again they are duplicates of the miner's own. */
  readonly #recent = new BoundedMap<string, true>(RECENT_SHARES);

  /** @param takeClaim true once for each share that was recorded for a miner that had gone before the answer came */
  constructor(takeClaim: (claim: string) => boolean) {
    this.#takeClaim = takeClaim;
  }

  /** What an answer of the pool means for a share; null when it has to be asked again later. */
  judge(share: TrackedShare, login: Login | null, answer: Answer): ShareFate | null {
    const refusal = answer.kind === "granted" ? null : answer.refusal;
    const resent = share.sends > 1 || share.deferrals > 0;
    // Right after a restart a pool has no work yet. In quieter times the miner is told at once.
    const patient = share.answered || ((resent || share.waited) && share.deferrals < MAX_DEFERRALS);
    if (patient && refusal?.reason === "notReady") {
      share.deferrals += 1;
      return null;
    }
    const claim = claimOf(share, login);
    // The first sending was recorded and only its answer was lost: to this miner the share is new, and it counts.
    const duplicate = refusal?.reason === "duplicate";
    const recorded = duplicate && ((resent && !this.#recent.has(claim)) || this.#takeClaim(claim));
    if (refusal !== null && !recorded) return fateOf(share, claim, refusal);
    this.#recent.set(claim, true);
    return fateOf(share, claim, null);
  }
}

/** A share that no pool is asked about any more. */
export function lostShare(share: TrackedShare, login: Login | null, refusal: Refusal): ShareFate {
  return fateOf(share, claimOf(share, login), refusal);
}

function claimOf({ extranonce, parsed }: TrackedShare, login: Login | null): string {
  return shareClaim(login, extranonce, parsed.shareKey);
}

function fateOf({ kept, answered }: TrackedShare, claim: string, refusal: Refusal | null): ShareFate {
  return { accepted: refusal === null, claim, refusal, kept, answeredBefore: answered };
}
