import { beforeEach, describe, expect, test } from "vitest";
import { auditBooks } from "../../../core/ledger/books/audit.ts";
import { bookMap } from "../../../core/ledger/books/scan.ts";
import type { RedisPort } from "../../../core/ledger/contract/redis-port.ts";
import { PayerBooks } from "../../../core/payouts/payer/payer-books.ts";
import { readBooks } from "../ledger-records.ts";
import { loginAt } from "./unlocker-pool.ts";

const [A, B] = [loginAt(1), loginAt(2)];
const TS = 1_790_000_000;
const HASH = `0x${"ab".repeat(32)}`;

/** What every ledger must do with the payer's scripts. @param open an empty ledger */
export function paymentsSuite(name: string, open: () => Promise<RedisPort>): void {
  describe(`payments on ${name}`, () => {
    let redis: RedisPort;
    let books: PayerBooks;
    const payment = { id: "p:1", login: A, amount: 700n };
    beforeEach(async () => {
      redis = await open();
      books = new PayerBooks(redis, "eth", "edgepool:0xa:1");
      await redis.command(["HSET", `eth:miners:${A}`, "balance", "1000", "paid", "50"]);
      await redis.command(["HSET", "eth:finances", "balance", "1000", "paid", "50"]);
      await redis.command(["ZADD", "eth:payments:all", 1, `0xold:${A}:50`]);
      await redis.command(["ZADD", `eth:payments:${A}`, 1, "0xold:50"]);
      await books.takeLock();
    });
    const account = async (): Promise<Record<string, string>> =>
      Object.fromEntries(await bookMap(redis, `eth:miners:${A}`, "hash"));
    const sums = async (): Promise<string[]> =>
      (await auditBooks(redis, "eth"))
        .filter(({ check, ok }) => !ok && !/^(credits|total mined)$/.test(check))
        .map(({ check, detail }) => `${check}: ${detail}`);

    test("a debit, settled, is the reference's payment, member for member", async () => {
      expect(await books.debit(payment, 50n, TS)).toEqual({ kind: "done" });
      expect(await account()).toEqual({ balance: "300", pending: "700", paid: "50" });
      expect([...(await books.pending())]).toEqual([[`${A}:700`, String(TS)]]);
      expect(await sums()).toEqual([]);
      expect(await books.close(payment, { to: "paid", hash: HASH }, TS + 9)).toEqual({ kind: "done" });
      expect(await account()).toEqual({ balance: "300", pending: "0", paid: "750" });
      const written = await readBooks(redis);
      expect(written["eth:payments:all"]?.contents).toContain(`${HASH}:${A}:700`);
      expect(written[`eth:payments:${A}`]?.contents).toContain(`${HASH}:700`);
      expect(written["eth:payments:pending"]).toBeUndefined();
      expect(written["eth:payments:lock"]?.contents).toBe("edgepool:0xa:1");
      expect(await sums()).toEqual([]);
      await books.forget(payment.id);
      expect((await readBooks(redis))["eth:payouts:open"]).toBeUndefined();
    });

    test("sent again, a debit and its end change nothing", async () => {
      for (let i = 0; i < 3; i += 1) expect(await books.debit(payment, 50n, TS + i)).toEqual({ kind: "done" });
      const debited = await readBooks(redis);
      await books.debit(payment, 999_999n, TS + 9);
      expect(await readBooks(redis)).toEqual(debited);
      for (let i = 0; i < 3; i += 1) await books.close(payment, { to: "balance" }, TS + i);
      expect(await account()).toEqual({ balance: "1000", pending: "0", paid: "50" });
      expect(await books.debit(payment, 0n, TS)).toEqual({ kind: "done" });
      expect(await account()).toEqual({ balance: "1000", pending: "0", paid: "50" });
      expect(await books.close(payment, { to: "paid", hash: HASH }, TS)).toMatchObject({
        kind: "refused",
        unknown: false,
      });
      expect(await sums()).toEqual([]);
    });

    test("refuses what the balance does not have, a second payment of a login, an id of another payment, and a ledger that forgot", async () => {
      const refused = async (over: Partial<typeof payment>, least = 50n) =>
        await books.debit({ ...payment, ...over }, least, TS);
      expect(await refused({ amount: 1_001n })).toMatchObject({ reason: "its balance is 1000 Shannon by now" });
      expect(await refused({}, 51n)).toMatchObject({ kind: "refused", reason: expect.stringContaining("older state") });
      expect(await refused({ login: B }, 0n)).toMatchObject({ reason: "its balance is 0 Shannon by now" });
      await books.debit(payment, 50n, TS);
      expect(await refused({ id: "p:2", amount: 1n }, 750n)).toMatchObject({
        reason: "another payment of it is pending",
      });
      await expect(refused({ amount: 1n })).rejects.toThrow("ERR payment p:1 is another one");
      await expect(books.close({ ...payment, amount: 1n }, { to: "balance" }, TS)).rejects.toThrow("is another one");
      expect(await books.close({ ...payment, id: "p:9" }, { to: "balance" }, TS)).toMatchObject({ unknown: true });
    });

    test("one payer at a time: the lock is checked in every script, and is the reference's", async () => {
      const other = new PayerBooks(redis, "eth", "edgepool:0xb:2");
      expect(await other.takeLock()).toBe("edgepool:0xa:1");
      await expect(other.debit(payment, 50n, TS)).rejects.toThrow("is not ours");
      await books.debit(payment, 50n, TS);
      expect(await other.releaseLock()).toBe("edgepool:0xa:1");
      expect(await books.releaseLock()).toBeNull();
      expect(await books.releaseLock()).toBeNull();
      await expect(books.close(payment, { to: "balance" }, TS)).rejects.toThrow("is not ours");
      await redis.command(["SET", "eth:payments:lock", `${A}:700`]);
      expect(await books.takeLock()).toBe(`${A}:700`);
    });

    test.each([
      ["SET", "eth:finances", "x"],
      ["SET", "eth:payments:pending", "x"],
      ["SET", "eth:payouts:open", "x"],
      ["HSET", `eth:miners:${A}`, "balance", "12.5"],
      ["HSET", `eth:miners:${A}`, "pending", "-5"],
      ["HSET", "eth:finances", "pending", "x"],
    ])("with %s %s %s nothing is written", async (verb, ...args) => {
      if (verb === "SET") await redis.command(["DEL", args[0] ?? ""]);
      await redis.command([verb, ...args]);
      const before = await readBooks(redis);
      await expect(books.debit(payment, 50n, TS)).rejects.toThrow(/WRONGTYPE|integer/);
      expect(await readBooks(redis)).toEqual(before);
    });

    test.each([
      ["SET", "eth:payments:all", "x"],
      ["SET", `eth:payments:${A}`, "x"],
      ["HSET", "eth:finances", "paid", "x"],
    ])("with %s %s %s a payment is not ended, and is once that is mended", async (verb, ...args) => {
      await books.debit(payment, 50n, TS);
      if (verb === "SET") await redis.command(["DEL", args[0] ?? ""]);
      await redis.command([verb, ...args]);
      const before = await readBooks(redis);
      await expect(books.close(payment, { to: "paid", hash: HASH }, TS)).rejects.toThrow(/WRONGTYPE|integer/);
      expect(await readBooks(redis)).toEqual(before);
    });
  });
}
