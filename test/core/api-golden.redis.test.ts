import { afterAll, beforeAll, expect, it } from "vitest";
import { startRedisServer, type RedisServer } from "../../devnet/gateway/redis-server.ts";
import { connectRedis, type RedisConnection } from "../../scripts/ledger/node-redis.ts";
import { answersFrom } from "../support/api-golden.ts";
import { GOLDEN } from "../support/api-ledger.ts";

let server: RedisServer;
let redis: RedisConnection;
beforeAll(async () => {
  server = await startRedisServer();
  redis = await connectRedis(`unix:${server.socketPath}`);
});
afterAll(async () => {
  await redis.close();
  await server.stop();
});

it("answers from the fixed ledger in a real Redis what the reference answers, to the byte", async () => {
  expect(await answersFrom(redis)).toEqual(GOLDEN);
});
