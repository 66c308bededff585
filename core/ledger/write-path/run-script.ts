import { RedisReplyError, type RedisPort, type RedisValue } from "../contract/redis-port.ts";
import type { LedgerScript } from "../contract/scripts/script.ts";

/** EVALSHA, and EVAL only where Redis does not have the script. @returns its whole reply @throws as the port does */
export async function evalScript(
  redis: Pick<RedisPort, "command">,
  script: LedgerScript,
  keys: readonly string[],
  args: readonly string[],
): Promise<RedisValue> {
  const tail = [String(keys.length), ...keys, ...args];
  return await redis.command(["EVALSHA", script.sha1, ...tail]).catch((error: unknown) => {
    if (!(error instanceof RedisReplyError && error.message.startsWith("NOSCRIPT"))) throw error;
    return redis.command(["EVAL", script.text, ...tail]);
  });
}

/** Runs a script that says first what it is billed as. @returns what follows @throws as the port does */
export async function runScript(
  redis: RedisPort,
  script: LedgerScript,
  keys: readonly string[],
  args: readonly string[],
): Promise<RedisValue[]> {
  const reply = await evalScript(redis, script, keys, args);
  if (!Array.isArray(reply)) throw new RedisReplyError(`${script.name}: unexpected reply`);
  return reply.slice(1);
}
