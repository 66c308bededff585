/** The ledgers that the benchmark writes to, and what each of them counts. */
import { RedisReplyError, type RedisCommand, type RedisPort } from "../../core/ledger/contract/redis-port.ts";
import type { ShareRecord } from "../../core/ledger/contract/records.ts";
import { ledgerKeys } from "../../core/ledger/contract/keys.ts";
import { createLedgerWriter } from "../../core/ledger/write-path/ledger-writer.ts";

/** One way to write a batch of shares. */
export interface ShareSink {
  readonly name: string;
  write(batch: readonly ShareRecord[]): Promise<void>;
}

/** This pool: one script call a batch. */
export function scriptSink(name: string, redis: RedisPort): ShareSink {
  const writer = createLedgerWriter({ redis, coin: "eth", hashrateExpirationMs: 10_800_000, nowMs: () => Date.now() });
  return {
    name,
    async write(batch) {
      const outcomes = await writer.recordShares(batch, false);
      if (outcomes.some((outcome) => outcome !== "recorded")) throw new Error(`${name}: a share was not recorded`);
    },
  };
}

/**
 * open-ethereum-pool's way: for every share the sweep and the duplicate check, then six writes between MULTI and EXEC, one share after
 * the other as its goroutines would send them, but all in one pipeline, which is more than the reference does.
 */
export function referenceSink(name: string, redis: RedisPort): ShareSink {
  const keys = ledgerKeys("eth");
  const commands = (share: ShareRecord): RedisCommand[] => {
    const ts = Math.floor(share.timestampMs / 1000);
    const diff = String(share.shareDifficulty);
    return [
      ["ZREMRANGEBYSCORE", keys.pow, "-inf", `(${share.height - 8}`],
      ["ZADD", keys.pow, share.height, `${share.nonce}:${share.header}:${share.mixDigest}`],
      ["MULTI"],
      ["HINCRBY", keys.roundCurrent, share.login, diff],
      ["ZADD", keys.hashrate, ts, `${diff}:${share.login}:${share.worker}:${share.timestampMs}`],
      ["ZADD", keys.hashrateOf(share.login), ts, `${diff}:${share.worker}:${share.timestampMs}`],
      ["EXPIRE", keys.hashrateOf(share.login), 10_800],
      ["HSET", keys.miner(share.login), "lastShare", ts],
      ["HINCRBY", keys.stats, "roundShares", diff],
      ["EXEC"],
    ];
  };
  return {
    name,
    async write(batch) {
      const replies = await redis.pipeline(batch.flatMap(commands));
      const failed = replies.find((reply) => reply instanceof RedisReplyError);
      if (failed) throw failed;
    },
  };
}

/** Commands that a Redis has counted, those inside scripts included, MULTI and EXEC not: over REST the request itself is the transaction. */
export async function countedCommands(redis: RedisPort): Promise<number> {
  const info = String(await redis.command(["INFO", "commandstats"]));
  let total = 0;
  for (const [, name = "", calls = "0"] of info.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm))
    if (!/^(info|config|client|hello|multi|exec)/.test(name)) total += Number(calls);
  return total;
}
