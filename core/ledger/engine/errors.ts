import { RedisReplyError } from "../contract/redis-port.ts";

/** Redis' own error texts (7.x), in one place. */
export const WRONG_TYPE = "WRONGTYPE Operation against a key holding the wrong kind of value";
export const SYNTAX = "ERR syntax error";
export const NOT_AN_INTEGER = "ERR value is not an integer or out of range";
export const NOT_A_FLOAT = "ERR value is not a valid float";
export const HASH_NOT_AN_INTEGER = "ERR hash value is not an integer";
export const OVERFLOW = "ERR increment or decrement would overflow";
export const SCORE_NAN = "ERR resulting score is not a number (NaN)";
export const MIN_MAX_NOT_FLOAT = "ERR min or max is not a float";
export const NO_SUCH_KEY = "ERR no such key";
export const INVALID_CURSOR = "ERR invalid cursor";
export const NO_SCRIPT = "NOSCRIPT No matching script. Please use EVAL.";
export const EXEC_ABORT = "EXECABORT Transaction discarded because of previous errors.";
export const STRING_TOO_LONG = "ERR string exceeds maximum allowed size (proto-max-bulk-len)";

/** The error with a text of Redis. */
export function refuse(text: string): RedisReplyError {
  return new RedisReplyError(text);
}

/** @param command lower case */
export function wrongArity(command: string): RedisReplyError {
  return refuse(`ERR wrong number of arguments for '${command}' command`);
}

/** @param command lower case */
export function invalidExpire(command: string): RedisReplyError {
  return refuse(`ERR invalid expire time in '${command}' command`);
}
