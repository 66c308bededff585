/** A verified share as the ledger keeps it. Hex strings are lower case with `0x`. */
export interface ShareRecord {
  /** Lower-case `0x` address. */
  readonly login: string;
  readonly worker: string;
  /** 8 bytes. */
  readonly nonce: string;
  /** Header hash, 32 bytes (`powHash` in the reference's words). */
  readonly header: string;
  /** 32 bytes; the pool's own where the miner sent none. */
  readonly mixDigest: string;
  readonly height: number;
  /** Difficulty of the share in hashes. */
  readonly shareDifficulty: bigint;
  /** Unix time in ms, unique per login and worker: the identity of the submission. */
  readonly timestampMs: number;
  /** Its header is solo work: as a share it earns nothing and is in statistics only, as a block it is its finder's alone. */
  readonly solo?: boolean;
  /**
   * Its round was closed when it was handed in: what is held back until then would be worth more, under any scheme, so it is credited only where the ledger does not
   * have that block yet (docs/protocol.md, section 7).
   */
  readonly late?: boolean;
}

/** A share that met the network target and that a node accepted or has in its chain. */
export interface BlockRecord extends ShareRecord {
  /** The block's network difficulty (`roundDiff`). */
  readonly networkDifficulty: bigint;
  /** A node's chain has it, so that another nonce for its header that is recorded as a block does not stand in its way. */
  readonly inChain?: boolean;
}

/**
 * Per record, in the order given. On a retry a record that the earlier attempt wrote is `recorded`. `unresolved`, on a retry of shares only: the
 * record is so old that every trace of the earlier attempt may have expired; nothing was written, because crediting twice would be worse,
 * and the caller keeps the record for the operator (docs/decisions/0001-exactly-once-by-evidence.md). `stale`, of a late share only: a block
 * of the pool's at its height or above has closed the round that it was found in; nothing was written. `rival`, of a block that is not known
 * to be in the chain only: another nonce for its header is recorded, or may be; nothing was written, and the chain has to say which it has.
 */
export type RecordOutcome = "recorded" | "duplicate" | "unresolved" | "stale" | "rival";

/** Which key stands in the way of a write that Redis refused, in words for the operator; null where that is in order. */
export interface RefusalCause {
  /** A key that every login's writes need. */
  readonly shared: string | null;
  /** A key, or a field, of the login. */
  readonly own: string | null;
}

/** The write side of the ledger: atomic, and safe to send again with `retry`. Errors are those of {@link RedisPort}. */
export interface LedgerWriter {
  /**
   * Writes a batch of shares in one request and one atomic step.
   * @param late those of the batch whose round may be over (`isLate` in core/shares/share.ts) and that nobody was told yet to count, beside those that are
   * {@link ShareRecord.late} by themselves
   */
  recordShares(
    batch: readonly ShareRecord[],
    retry: boolean,
    late?: ReadonlySet<ShareRecord>,
  ): Promise<RecordOutcome[]>;
  /**
   * Height of the work that is mined now, or less; infinite until it is told. What shares of that work must be compared with stays in `pow`,
   * however much higher the shares are that are written: a chain may have gone back.
   */
  workAt(height: number): void;
  /** Writes a block, closes the round and adds the candidate, in one atomic step. */
  recordBlock(block: BlockRecord, retry: boolean): Promise<RecordOutcome>;
  /** Greatest height whose round is closed: of a block of the pool's that is a candidate still; -1 for none. One command. */
  closedHeight(): Promise<number>;
  /** After a refusal: looks at the keys that a write of this login needs. @throws RedisUnreachableError */
  explainRefusal(login: string): Promise<RefusalCause>;
  /** How often the server was seen to be another than before (it had lost a script that it had run): it may have lost writes as well. */
  readonly serverChanges: number;
  /** Commands that Upstash bills for what this writer had answered since it was made: EVALSHA or EVAL and every command inside. */
  readonly billedCommands: number;
}
