/** A reply as Redis gives it: nothing is converted. 64-bit integers that a number cannot hold come as decimal strings. */
export type RedisValue = string | number | null | readonly RedisValue[];

/** A command and its arguments. Numbers are written in decimal. */
export type RedisCommand = readonly [name: string, ...args: (string | number)[]];

/** Redis refused a command: the text is Redis' own (`ERR …`, `WRONGTYPE …`, `NOSCRIPT …`). It was not executed, or failed while running. */
export class RedisReplyError extends Error {
  override readonly name = "RedisReplyError";
}

/**
 * Redis could not be asked, or the answer did not come back.
 * `executed` is `no` only when the request certainly never ran (connection refused); otherwise it may have.
 */
export class RedisUnreachableError extends Error {
  override readonly name = "RedisUnreachableError";
  readonly executed: "no" | "unknown";
  constructor(message: string, executed: "no" | "unknown", options?: ErrorOptions) {
    super(message, options);
    this.executed = executed;
  }
}

/** Whether the ledger could not be asked, and not what was asked is at fault. */
export const isUnreachable = (error: unknown): error is RedisUnreachableError => error instanceof RedisUnreachableError;

/** The one way to the books. Upstash, the embedded ledger and (in tests) a real Redis stand behind it; nothing above knows which. */
export interface RedisPort {
  /** Runs one command. Never retries. @throws RedisReplyError @throws RedisUnreachableError */
  command(command: RedisCommand): Promise<RedisValue>;
  /** Runs commands in order in one request, not atomically; a failed one gives its error in its place. @throws RedisUnreachableError */
  pipeline(commands: readonly RedisCommand[]): Promise<(RedisValue | RedisReplyError)[]>;
}

/** A port that also takes several commands as one step. */
export interface TransactionPort extends RedisPort {
  /**
   * MULTI … EXEC: nobody else's command comes in between; a command that fails while it runs gives its error in its place.
   * @throws RedisReplyError when nothing was run @throws RedisUnreachableError
   */
  transaction(commands: readonly RedisCommand[]): Promise<(RedisValue | RedisReplyError)[]>;
}
