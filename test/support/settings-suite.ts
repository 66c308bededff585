import { beforeEach, describe, expect, test } from "vitest";
import { SettingsBooks } from "../../core/accounts/settings-books.ts";
import type { RedisPort } from "../../core/ledger/contract/redis-port.ts";
import { readBooks } from "./ledger-records.ts";

const LOGIN = `0x${"a1".repeat(20)}`;
const NONE = { payoutThreshold: null, solo: false, hidden: false, notifications: "none" };

/** What the script `change-settings` has to do on every ledger. @param open an empty one */
export function settingsSuite(name: string, open: () => Promise<RedisPort>): void {
  describe(`a miner's settings on ${name}`, () => {
    let redis: RedisPort;
    let books: SettingsBooks;
    beforeEach(async () => {
      redis = await open();
      books = new SettingsBooks(redis, "eth", LOGIN);
    });

    test("are written with their nonce in one step, each nonce once and in turn", async () => {
      expect(await books.read()).toEqual({ ...NONE, nonce: 0 });
      const told = "webhook https://example.org/rigs offline+payments quiet 22:00-07:00 UTC; telegram 12 payments";
      const all = { payoutThreshold: 999_999_999_999_999_999n, solo: true, hidden: true, notifications: told };
      expect(await books.write(all, 2, true)).toBe(false);
      expect(await books.write(all, 1, true)).toBe(true);
      expect(await books.write(NONE, 1, true)).toBe(false);
      expect(await books.read()).toEqual({ ...all, nonce: 1 });
      expect(await redis.command(["SMEMBERS", "eth:notified"])).toEqual([LOGIN]);
      expect(await books.write({ ...NONE, notifications: "unchanged" }, 2, false)).toBe(true);
      expect(await books.read()).toEqual({ ...NONE, notifications: told, solo: true, nonce: 2 });
      expect(await books.write(NONE, 3, true)).toBe(true);
      expect(await books.read()).toEqual({ ...NONE, nonce: 3 });
      expect(await redis.command(["SMEMBERS", "eth:hidden"])).toEqual([]);
      expect(await redis.command(["SMEMBERS", "eth:notified"])).toEqual([]);
    });

    test("keep a threshold that open-etc-pool's settings left there until the miner signs another", async () => {
      await redis.command(["HSET", `eth:settings:${LOGIN}`, "payoutthreshold", "700000000", "email", "x"]);
      expect(await books.read()).toMatchObject({ payoutThreshold: 700_000_000n, nonce: 0 });
      expect(await books.write(NONE, 1, true)).toBe(true);
      expect(await books.read()).toMatchObject({ payoutThreshold: null, nonce: 1 });
      expect(await redis.command(["HGET", `eth:settings:${LOGIN}`, "email"])).toBe("x");
    });

    test.each([`eth:settings:${LOGIN}`, "eth:hidden", "eth:solo", "eth:notified"])(
      "are not written in part where %s is of another kind",
      async (key) => {
        await redis.command(["SET", key, "x"]);
        const before = await readBooks(redis);
        const all = { payoutThreshold: 7n, solo: true, hidden: true, notifications: "telegram 1 offline" };
        await expect(books.write(all, 1, true)).rejects.toThrow("WRONGTYPE");
        expect(await readBooks(redis)).toEqual(before);
        // Who has targets stands in the hash as well: the set is only asked for all at once.
        const reading = books.read().then(
          () => "read",
          (error: unknown) => String(error),
        );
        expect(await reading).toContain(key === "eth:notified" ? "read" : "WRONGTYPE");
      },
    );
  });
}
