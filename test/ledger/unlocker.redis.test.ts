import { unlockerSuite } from "../support/payouts/unlocker-suite.ts";
import { useRedisServer } from "../support/redis-server.ts";

const redis = useRedisServer();

unlockerSuite("a real Redis", async () => {
  await redis.command(["FLUSHALL"]);
  return redis;
});
