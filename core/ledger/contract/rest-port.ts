import {
  RedisReplyError,
  RedisUnreachableError,
  type RedisCommand,
  type TransactionPort,
  type RedisValue,
} from "./redis-port.ts";

/** What a request of the Upstash REST protocol gives before a client would convert it. */
interface RawReply {
  readonly result?: unknown;
  readonly error?: unknown;
}

/** Sends a command (path empty) or several (paths `pipeline` and `multi-exec`) and gives the untouched reply. */
export type RawSend = (path: string[], body: string[] | string[][]) => Promise<unknown>;

/**
 * A port over whatever sends requests of the Upstash REST protocol: `@upstash/redis` below its commands, or the embedded ledger's object.
 * Nothing of a token, a command or its arguments gets into an error.
 */
export function restPort(send: RawSend): TransactionPort {
  const several = async (
    path: string,
    commands: readonly RedisCommand[],
  ): Promise<(RedisValue | RedisReplyError)[]> => {
    if (commands.length === 0) return [];
    const body = commands.map((command) => command.map(String));
    const replies = await send([path], body).catch((error: unknown) => {
      throw failure(error, body);
    });
    // A transaction that is refused as a whole has one error and not one for each command.
    const refusal = path === "multi-exec" && isRawReply(replies) ? valueOf(replies) : null;
    if (refusal instanceof RedisReplyError) throw refusal;
    if (!Array.isArray(replies) || replies.length !== commands.length) throw unexpected();
    return replies.map(valueOf);
  };
  return {
    async command(command) {
      const body = command.map(String);
      const reply = await send([], body).catch((error: unknown) => {
        throw failure(error, body);
      });
      const value = valueOf(reply);
      if (value instanceof RedisReplyError) throw value;
      return value;
    },
    pipeline: (commands) => several("pipeline", commands),
    transaction: (commands) => several("multi-exec", commands),
  };
}

function unexpected(): RedisUnreachableError {
  return new RedisUnreachableError("redis: the answer is not one of the Upstash REST protocol", "unknown");
}

function isRawReply(reply: unknown): reply is RawReply {
  return typeof reply === "object" && reply !== null && ("result" in reply || "error" in reply);
}

function valueOf(reply: unknown): RedisValue | RedisReplyError {
  if (!isRawReply(reply)) throw unexpected();
  if (typeof reply.error === "string") return new RedisReplyError(reply.error);
  if (!isRedisValue(reply.result)) throw unexpected();
  return reply.result;
}

function isRedisValue(value: unknown): value is RedisValue {
  if (value === null || typeof value === "string") return true;
  // Upstash writes integers as JSON numbers; beyond 2^53 digits are lost before anyone can see them, and wrong money is worse than none.
  if (typeof value === "number") {
    if (!Number.isSafeInteger(value)) throw new RedisReplyError("ERR integer reply beyond 2^53 was rounded on the way");
    return true;
  }
  return Array.isArray(value) && value.every(isRedisValue);
}

/** An error that begins like one of Redis (`ERR …`, `WRONGTYPE …`) was an answer; anything else leaves open what happened. */
function failure(error: unknown, body: readonly unknown[]): Error {
  if (error instanceof RedisReplyError || error instanceof RedisUnreachableError) return error;
  if (!(error instanceof Error)) return new RedisUnreachableError("redis: the request failed", "unknown");
  if (error.name === "UpstashError") {
    // The client appends the whole command, with every miner's data, to Redis' text.
    const tail = `, command was: ${JSON.stringify(body)}`;
    const text = error.message.endsWith(tail) ? error.message.slice(0, -tail.length) : "";
    if (/^[A-Z]{2,} /.test(text)) return new RedisReplyError(text);
    return new RedisUnreachableError("redis: the server answered with an error status", "unknown");
  }
  if (error.name === "UpstashJSONParseError")
    return new RedisUnreachableError("redis: the server's answer is no JSON", "unknown");
  if (error.name === "TimeoutError" || error.name === "AbortError")
    return new RedisUnreachableError("redis: no answer in time", "unknown");
  return neverConnected(error)
    ? new RedisUnreachableError("redis: connection refused", "no")
    : new RedisUnreachableError("redis: the connection broke", "unknown");
}

/** Only what certainly happened before the request was sent. */
function neverConnected(error: Error): boolean {
  const { cause } = error;
  const code = typeof cause === "object" && cause !== null && "code" in cause ? cause.code : undefined;
  return code === "ECONNREFUSED" || code === "ENOTFOUND" || /connection refused/i.test(error.message);
}

/**
 * `JSON.parse` that keeps integers beyond 2^53: they come as decimal strings, everything else as usual.
 * @throws SyntaxError when the text is no JSON
 */
export function parseExactJson(text: string): unknown {
  // Only texts with sixteen digits in a row can hold such a number; strings among them are stepped over.
  if (!/\d{16}/.test(text)) return JSON.parse(text);
  return JSON.parse(
    text.replace(/"[^"\\]*(?:\\.[^"\\]*)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g, (token) =>
      /^-?\d{16,}$/.test(token) && !Number.isSafeInteger(Number(token)) ? `"${token}"` : token,
    ),
  );
}
