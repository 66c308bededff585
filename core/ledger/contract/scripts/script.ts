/** A Lua script of the pool: the text of its `.lua` file with the prelude in it. */
export interface LedgerScript {
  readonly name: string;
  /** What EVAL gets. */
  readonly text: string;
  /** SHA-1 of `text`, 40 hex digits, for EVALSHA. */
  readonly sha1: string;
}

/** What became of one record; the scripts answer with these codes. */
export const OUTCOME_CODES = { duplicate: 0, recorded: 1, unresolved: 2, stale: 3, rival: 4 } as const;

/** Members of `pow` older than this many heights are swept. Signed arithmetic: below height 8 nothing is old (defect 6). */
export const POW_HEIGHTS = 8;
