import { expect, it } from "vitest";
import { answersFrom } from "../support/api-golden.ts";
import { GOLDEN } from "../support/api-ledger.ts";
import { useRedisServer } from "../support/redis-server.ts";

const redis = useRedisServer();

it("answers from the fixed ledger in a real Redis what the reference answers, to the byte", async () => {
  expect(await answersFrom(redis)).toEqual(GOLDEN);
});
