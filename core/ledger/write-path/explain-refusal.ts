import type { LedgerKeys } from "../contract/keys.ts";
import { RedisReplyError, type RedisCommand, type RedisPort } from "../contract/redis-port.ts";
import type { RefusalCause } from "../contract/records.ts";

/** A sum beyond this may pass 2^63 - 1, where Redis' integers end, with the next share. */
const NEARLY_FULL = 2n ** 63n - 2n ** 60n;

const KINDS = { hash: "a hash", list: "a list", zset: "a sorted set" } as const;

interface Look {
  readonly whose: keyof RefusalCause;
  readonly command: RedisCommand;
  /** @returns what is wrong with the reply, null when nothing is */
  readonly judge: (reply: string | null) => string | null;
}

/** Looks at every key that a write of this login needs. @throws RedisUnreachableError */
export async function explainRefusal(redis: RedisPort, keys: LedgerKeys, login: string): Promise<RefusalCause> {
  const looks: readonly Look[] = [
    typed("shared", keys.pow, "zset"),
    typed("shared", keys.roundCurrent, "hash"),
    typed("shared", keys.hashrate, "zset"),
    typed("shared", keys.stats, "hash"),
    typed("shared", keys.finders, "zset"),
    typed("shared", keys.candidates, "zset"),
    typed("shared", keys.window, "list"),
    typed("shared", keys.blockTerms, "hash"),
    typed("shared", keys.folds, "hash"),
    summed("shared", keys.stats, "roundShares"),
    typed("own", keys.hashrateOf(login), "zset"),
    typed("own", keys.miner(login), "hash"),
    summed("own", keys.roundCurrent, login, /^(0|[1-9]\d*)$/),
    summed("own", keys.miner(login), "blocksFound"),
  ];
  const replies = await redis.pipeline(looks.map(({ command }) => command));
  const cause: { shared: string | null; own: string | null } = { shared: null, own: null };
  for (const [at, { whose, judge }] of looks.entries()) {
    const reply = replies[at];
    // The type of the key, which was asked for as well, says it better.
    if (reply instanceof RedisReplyError) continue;
    cause[whose] ??= judge(reply === null || reply === undefined ? null : String(reply));
  }
  return cause;
}

function typed(whose: keyof RefusalCause, key: string, type: keyof typeof KINDS): Look {
  const wanted = KINDS[type];
  return {
    whose,
    command: ["TYPE", key],
    judge: (found) => (found === type || found === "none" ? null : `${key} is a ${found}, and must be ${wanted}`),
  };
}

/** @param form of a sum that is written: what is only ever added to may have been set below 0, a sum of the round may not */
function summed(whose: keyof RefusalCause, key: string, field: string, form = /^(0|-?[1-9]\d*)$/): Look {
  return {
    whose,
    command: ["HGET", key, field],
    judge: (sum) => {
      if (sum === null || (form.test(sum) && BigInt(sum) < NEARLY_FULL)) return null;
      return `field ${field} of ${key} is ${sum.slice(0, 40)}, and must be a whole number below 2^63`;
    },
  };
}
