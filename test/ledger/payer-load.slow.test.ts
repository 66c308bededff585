import { expect, test } from "vitest";
import type { RedisPort } from "../../core/ledger/contract/redis-port.ts";
import { embeddedLedger } from "../support/embedded-ledger.ts";
import { ACCOUNT, PayerPool } from "../support/payouts/payer-pool.ts";
import { loginAt } from "../support/payouts/unlocker-pool.ts";

const LOGINS = 10_000;

/** A ledger with logins that are all above their threshold, and how much it is asked: a request to it is one of an invocation's. */
async function counted() {
  const redis = embeddedLedger();
  for (let from = 1; from <= LOGINS; from += 500)
    await redis.pipeline(
      Array.from({ length: 500 }, (_, n) => ["HSET", `eth:miners:${loginAt(from + n)}`, "balance", 600_000_000]),
    );
  await redis.command(["HSET", "eth:finances", "balance", 600_000_000 * LOGINS]);
  const asked = { requests: 0, commands: 0 };
  const port: RedisPort = {
    command: async (command) => {
      asked.requests += 1;
      asked.commands += 1;
      return await redis.command(command);
    },
    pipeline: async (commands) => {
      asked.requests += 1;
      asked.commands += commands.length;
      return await redis.pipeline(commands);
    },
  };
  const pool = new PayerPool(port);
  pool.chain.funds.set(ACCOUNT, 10n ** 26n);
  const during = async (work: () => Promise<unknown>) => {
    Object.assign(asked, { requests: 0, commands: 0 });
    const began = performance.now();
    await work();
    if (process.env["EDGEPOOL_PAYER_LOAD"])
      process.stdout.write(`${JSON.stringify({ ...asked, ms: Math.round(performance.now() - began) })}\n`);
    return { ...asked };
  };
  return { pool, during };
}

test("one planning over 10,000 logins is some dozens of requests, whether they are paid, held or forgotten by the ledger", async () => {
  const { pool, during } = await counted();
  // The first run reads all of them and begins as many as may be under way.
  const first = await during(async () => await pool.run());
  expect(first.requests).toBeLessThan(250);
  expect(pool.payer.store.unsettled()).toHaveLength(10);
  // The next ones go on where it stands.
  expect((await during(async () => await pool.run())).requests).toBeLessThan(40);

  const forgotten = await counted();
  for (let n = 1; n <= LOGINS; n += 1) forgotten.pool.payer.store.setLogin(loginAt(n), { total: 1n });
  expect((await forgotten.during(async () => await forgotten.pool.run())).requests).toBeLessThan(80);
  expect(forgotten.pool.payer.status()).toMatchObject({ forgotten: LOGINS, waitingMore: LOGINS - 50 });
  expect(forgotten.pool.payer.waiting()).toHaveLength(LOGINS);
  // Nothing is written of who waits for the same as before.
  forgotten.pool.nowMs += 70_000;
  expect((await forgotten.during(async () => await forgotten.pool.run())).requests).toBeLessThan(80);
  const pages = await forgotten.during(async () => {
    for (let n = 1; n <= LOGINS; n += 1) forgotten.pool.payer.store.setLogin(loginAt(n), { total: 0n });
    for (let after: string | null = null, at = 0; at < 100; at += 1) {
      const page = await forgotten.pool.payer.mendPage(after, false);
      if (typeof page === "string") throw new Error(page);
      if (page.next === null) return;
      after = page.next;
    }
  });
  expect(pages.requests).toBeLessThan(100);
}, 120_000);
