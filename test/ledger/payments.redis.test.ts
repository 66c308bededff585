import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { RedisCommand, RedisPort } from "../../core/ledger/contract/redis-port.ts";
import { LEDGER_SCRIPTS } from "../../core/ledger/contract/scripts/embedded.ts";
import { runScript } from "../../core/ledger/write-path/run-script.ts";
import { embeddedLedger } from "../support/embedded-ledger.ts";
import { readBooks } from "../support/ledger-records.ts";
import { payerCampaign } from "../support/payouts/payer-campaign.ts";
import { paymentsSuite } from "../support/payouts/payments-suite.ts";
import { loginAt } from "../support/payouts/unlocker-pool.ts";
import { useRedisServer } from "../support/redis-server.ts";

const redis = useRedisServer();

paymentsSuite("a real Redis", async () => {
  await redis.command(["FLUSHALL"]);
  return redis;
});

const LOGINS = [1, 2, 3].map(loginAt);
const step = fc.record({
  kind: fc.constantFrom("debit", "debit", "debit", "close", "close", "lock", "spoil" as const),
  holder: fc.constantFrom("h1", "h1", "h1", "h2"),
  id: fc.constantFrom("1", "2", "3", "4"),
  login: fc.constantFrom(...LOGINS),
  amount: fc.constantFrom("1", "700", "999999999999999999", "0", "x"),
  least: fc.constantFrom("0", "0", "0", "5", "700"),
  target: fc.constantFrom("paid", "balance"),
  action: fc.constantFrom("take", "take", "release"),
  spoil: fc.constantFrom<RedisCommand>(
    ["SET", "eth:finances", "x"],
    ["DEL", "eth:finances"],
    ["HSET", `eth:miners:${LOGINS[0]}`, "balance", "1000"],
    ["HSET", `eth:miners:${LOGINS[1]}`, "balance", "999999999999999999", "paid", "3"],
    ["HSET", `eth:miners:${LOGINS[1]}`, "paid", "-3"],
    ["HSET", `eth:miners:${LOGINS[2]}`, "balance", "-7"],
    ["HSET", `eth:miners:${LOGINS[2]}`, "pending", "12.5"],
    ["DEL", `eth:miners:${LOGINS[2]}`],
    ["SET", `eth:miners:${LOGINS[2]}`, "x"],
    ["DEL", "eth:payments:pending"],
    ["SET", "eth:payments:pending", "x"],
    ["DEL", "eth:payouts:open"],
    ["SET", "eth:payments:all", "x"],
    ["DEL", "eth:payments:all"],
    ["HSET", "eth:payments:lock", "x", "y"],
    ["DEL", "eth:payments:lock"],
  ),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

async function play(port: RedisPort, one: Step): Promise<unknown> {
  const { holder, id, login, amount, least, target, action } = one;
  const [lock, open, miner] = ["eth:payments:lock", "eth:payouts:open", `eth:miners:${login}`];
  const keys = [lock, open, miner, "eth:finances", "eth:payments:pending"];
  switch (one.kind) {
    case "spoil":
      return await port.command(one.spoil);
    case "lock":
      return await runScript(port, LEDGER_SCRIPTS["lock-payments"], [lock], [holder, action]);
    case "debit":
      return await runScript(port, LEDGER_SCRIPTS["debit-payment"], keys, [holder, id, login, amount, "17", least]);
    case "close":
      return await runScript(
        port,
        LEDGER_SCRIPTS["close-payment"],
        [...keys, "eth:payments:all", `eth:payments:${login}`],
        [holder, id, login, amount, target, "18", "0xhash"],
      );
  }
}

test("the twins of the payer's scripts do what the scripts do, whatever comes", { timeout: 300_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 25 }), async (steps) => {
      await redis.command(["FLUSHALL"]);
      const ports = [redis, embeddedLedger()];
      for (const port of ports) {
        await port.command(["SET", "eth:payments:lock", "h1"]);
        for (const login of LOGINS) await port.command(["HSET", `eth:miners:${login}`, "balance", "1400"]);
      }
      for (const one of steps) {
        const answers = [];
        for (const port of ports)
          answers.push(
            await play(port, one).catch((error: unknown) => (error instanceof Error ? error.message : error)),
          );
        expect(answers[1]).toEqual(answers[0]);
      }
      expect(await readBooks(ports[1] ?? redis)).toEqual(await readBooks(redis));
    }),
    { seed: Number(process.env["EDGEPOOL_SEED"] ?? 7), numRuns: Number(process.env["EDGEPOOL_TWIN_RUNS"] ?? 400) },
  );
});

test("a campaign of everything that goes wrong adds up on a real Redis", { timeout: 300_000 }, async () => {
  for (const seed of [1, 2, 3]) {
    await redis.command(["FLUSHALL"]);
    const { wrong } = await payerCampaign(redis, seed, 20, 60);
    expect({ seed, wrong }).toEqual({ seed, wrong: [] });
  }
});
