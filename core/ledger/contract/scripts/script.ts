/** A Lua script of the pool. One verb a file; the text is a module so that Node, Vite and wrangler load it alike. */
export interface LedgerScript {
  readonly name: string;
  /** What EVAL gets. */
  readonly text: string;
  /** SHA-1 of `text`, 40 hex digits, for EVALSHA. Written down because `core` has no synchronous digest; a test computes it again. */
  readonly sha1: string;
}

/** What became of one record; the scripts answer with these codes. */
export const OUTCOME_CODES = { duplicate: 0, recorded: 1, unresolved: 2 } as const;

/** Members of `pow` older than this many heights are swept. Signed arithmetic: below height 8 nothing is old (defect 6). */
export const POW_HEIGHTS = 8;
