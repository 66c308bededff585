import { spawnSync } from "node:child_process";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startRedisServer, type RedisServer } from "../../devnet/gateway/redis-server.ts";
import { connectRedis } from "../../scripts/ledger/node-redis.ts";
import { bytes } from "../support/payouts/test-chain.ts";
import { loginAt, UnlockerPool } from "../support/payouts/unlocker-pool.ts";

const HEIGHT = 20_000_100;
let server: RedisServer;
beforeAll(async () => (server = await startRedisServer()));
afterAll(() => server.stop());

function bookFallen(hash: string) {
  const args = ["book-fallen", `unix:${server.socketPath}`, "--height", String(HEIGHT), "--hash", hash];
  const { status, stdout, stderr } = spawnSync(process.execPath, ["scripts/unlocker/cli.ts", ...args], {
    encoding: "utf8",
  });
  return { status, stdout, stderr };
}

test("a block that fell out of the chain is booked from the command line, once, and only one that is listed", async () => {
  const redis = await connectRedis(`unix:${server.socketPath}`);
  const pool = new UnlockerPool(redis);
  const found = await pool.find(HEIGHT, { [loginAt(1)]: 1n });
  pool.put(found);
  pool.growTo(HEIGHT + 120);
  await pool.run();
  await pool.run();
  expect(await pool.amount(loginAt(1), "balance")).toBe(2_027_520_000n);
  const none = {
    status: 1,
    stdout: "",
    stderr: "unlocker: nothing was booked: no matured block of that height and hash is listed\n",
  };
  expect(bookFallen(bytes(32, "another"))).toEqual(none);
  expect(bookFallen(found.hash)).toMatchObject({ status: 0, stderr: "" });
  expect(await pool.amount(loginAt(1), "balance")).toBe(0n);
  expect(bookFallen(found.hash)).toEqual(none);
  await redis.close();
});
