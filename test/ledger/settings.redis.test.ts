import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { RedisCommand, RedisPort } from "../../core/ledger/contract/redis-port.ts";
import { CHANGE_SETTINGS } from "../../core/ledger/contract/scripts/embedded.ts";
import { embeddedLedger } from "../support/embedded-ledger.ts";
import { readBooks } from "../support/ledger-records.ts";
import { settingsSuite } from "../support/settings-suite.ts";
import { useRedisServer } from "../support/redis-server.ts";

const redis = useRedisServer();

settingsSuite("a real Redis", async () => {
  await redis.command(["FLUSHALL"]);
  return redis;
});

const scriptCall = (...args: string[]): RedisCommand => [
  "EVAL",
  CHANGE_SETTINGS.text,
  4,
  "eth:settings:x",
  "eth:hidden",
  "eth:solo",
  "eth:notified",
  "x",
  ...args,
];
const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc
      .tuple(
        fc.constantFrom("0", "1", "2"),
        fc.constantFrom("1", "2", "3"),
        fc.constantFrom("", "7", "999999999999999999"),
        fc.constantFrom("0", "1"),
        fc.constantFrom("0", "1", ""),
        fc.constantFrom("", "none", "telegram 1 offline"),
      )
      .map((args) => scriptCall(...args)),
  },
  fc.constantFrom<RedisCommand>(
    ["SET", "eth:hidden", "s"],
    ["SET", "eth:solo", "s"],
    ["DEL", "eth:hidden"],
    ["DEL", "eth:solo"],
    ["SET", "eth:notified", "s"],
    ["DEL", "eth:notified"],
    ["SADD", "eth:solo", "x", "y"],
    ["SET", "eth:settings:x", "s"],
    ["DEL", "eth:settings:x"],
    ["HSET", "eth:settings:x", "nonce", "junk"],
  ),
);

const answerOf = async (port: RedisPort, command: RedisCommand): Promise<unknown> =>
  await port.command(command).catch((error: unknown) => String(error));

test("the twin of change-settings does what the script does, whatever comes, billed commands and all", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async (steps) => {
      await redis.command(["FLUSHALL"]);
      const twin = embeddedLedger();
      for (const command of steps) expect(await answerOf(twin, command)).toEqual(await answerOf(redis, command));
      expect(await readBooks(twin)).toEqual(await readBooks(redis));
    }),
    { seed: Number(process.env["EDGEPOOL_SEED"] ?? 7), numRuns: Number(process.env["EDGEPOOL_TWIN_RUNS"] ?? 300) },
  );
});
