import { afterAll, beforeAll, expect, it } from "vitest";
import { answersFrom } from "../support/api-golden.ts";
import { GOLDEN } from "../support/api-ledger.ts";
import { startRedis, type RedisServer } from "../support/redis-server.ts";

let server: RedisServer;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(async () => {
  await server.stop();
});

it("answers from the fixed ledger in a real Redis what the reference answers, to the byte", async () => {
  expect(await answersFrom(await server.connect())).toEqual(GOLDEN);
});
