import { env } from "cloudflare:workers";
import { reset } from "cloudflare:test";
import { afterEach, expect, test } from "vitest";

const allocator = () => env.EXTRANONCE_ALLOCATOR.getByName("main");

afterEach(async () => await reset());

test("a session that comes back gets the extranonce that it had, whether or not it was known to have gone", async () => {
  const value = await allocator().acquire("rig");
  expect(await allocator().acquire("rig")).toBe(value);
  await allocator().release([{ value, session: "rig" }]);
  expect(await allocator().acquire("rig")).toBe(value);
  expect(await allocator().renew([{ value, session: "rig" }])).toEqual([]);
});

test("nobody else gets the extranonce of a session that has just gone", async () => {
  const value = await allocator().acquire("rig");
  await allocator().release([{ value, session: "rig" }]);
  const others = await Promise.all(["a", "b", "c"].map((session) => allocator().acquire(session)));
  expect(new Set([value, ...others]).size).toBe(4);
});

test("a session cannot give back what is another's", async () => {
  const value = await allocator().acquire("rig");
  await allocator().release([{ value, session: "thief" }]);
  expect(await allocator().renew([{ value, session: "rig" }])).toEqual([]);
  expect(await allocator().renew([{ value, session: "thief" }])).toEqual([value]);
});
