import { describe, expect, test } from "vitest";
import type { RedisPort } from "../../../core/ledger/contract/redis-port.ts";
import { termsOf } from "../../../core/payouts/block-terms.ts";
import { readBooks } from "../ledger-records.ts";
import { dyingLedger, wrongSums } from "./payout-sums.ts";
import { bytes, OTHER_MINER, TestNode, testBlock } from "./test-chain.ts";
import { FEE_LOGIN, loginAt, UnlockerPool, type PoolOptions } from "./unlocker-pool.ts";

const A = loginAt(1);
const B = loginAt(2);
const C = loginAt(3);
const HEIGHT = 20_000_100;

/**
 * What the unlocker does to a ledger, on any ledger.
 * @param emptyLedger gives one without anything in it
 * @param stride every how manieth request is one to be killed at: 1 where requests are cheap
 */
export function unlockerSuite(name: string, emptyLedger: () => Promise<RedisPort>, stride = 1): void {
  const newPool = async (options: PoolOptions = {}) => new UnlockerPool(await emptyLedger(), options);

  describe(`a block's way through ${name}`, () => {
    test("nothing happens before it is deep enough", async () => {
      const pool = await newPool();
      pool.put(await pool.find(HEIGHT, { [A]: 1n }));
      pool.growTo(HEIGHT + 19);
      const before = await readBooks(pool.redis);
      await pool.run();
      expect(await readBooks(pool.redis)).toEqual(before);
    });

    test("candidate, immature, matured: credits to the Shannon, and every sum agrees at each step", async () => {
      const pool = await newPool();
      const found = await pool.find(HEIGHT, { [A]: 3_000n, [B]: 1_000n });
      pool.put({ ...found, uncles: [testBlock(HEIGHT - 1)] });
      pool.growTo(HEIGHT + 20);
      await pool.run();
      expect(pool.waits()).toEqual([]);
      const member = (await pool.list("immature"))[0];
      expect(member).toBe(`0:0:${found.nonce}:${found.hash}:1790000000:1000:4000:2112000000000000000`);
      expect(await pool.list("candidates")).toEqual([]);
      const immature = { [A]: "1568160000", [B]: "522720000", [FEE_LOGIN]: "21120000" };
      expect(await pool.hash(`eth:credits:immature:${HEIGHT}:${found.hash}`)).toEqual(immature);
      expect(await pool.hash("eth:finances")).toEqual({ immature: "2112000000" });
      expect(await pool.amount(A, "immature")).toBe(1_568_160_000n);
      expect(await wrongSums(pool.redis)).toEqual([]);

      pool.growTo(HEIGHT + 119);
      await pool.run();
      expect(await pool.list("matured")).toEqual([]);
      pool.growTo(HEIGHT + 120);
      pool.nowMs += 60_000;
      await pool.run();
      expect(await pool.list("matured")).toEqual([member]);
      expect(await pool.list("immature")).toEqual([]);
      expect(await pool.hash(`eth:credits:${HEIGHT}:${found.hash}`)).toEqual(immature);
      expect(await pool.hash(`eth:credits:immature:${HEIGHT}:${found.hash}`)).toEqual({});
      expect(await pool.hash(`eth:shares:round${HEIGHT}:${found.nonce}`)).toEqual({});
      expect(await pool.redis.command(["ZRANGE", "eth:credits:all", 0, -1, "WITHSCORES"])).toEqual([
        `${found.hash}:1790000060:2112000000000000000`,
        String(HEIGHT),
      ]);
      expect(await pool.hash("eth:finances")).toEqual({
        immature: "0",
        balance: "2112000000",
        totalMined: "2112000000",
        lastCreditHeight: String(HEIGHT),
        lastCreditHash: found.hash,
      });
      expect([await pool.amount(A, "immature"), await pool.amount(A, "balance")]).toEqual([0n, 1_568_160_000n]);
      expect(await wrongSums(pool.redis)).toEqual([]);
    });

    test("as an uncle it stands at the including block's height, with an uncle's reward and its round renamed", async () => {
      const pool = await newPool();
      const found = await pool.find(HEIGHT, { [A]: 10n });
      pool.put(testBlock(HEIGHT + 2, { uncles: [testBlock(HEIGHT), found] }));
      pool.growTo(HEIGHT + 20);
      await pool.run();
      const member = `${HEIGHT}:0:${found.nonce}:${found.hash}:1790000000:1000:10:64000000000000000`;
      expect(await pool.list("immature")).toEqual([member]);
      expect(await pool.hash(`eth:shares:round${HEIGHT + 2}:${found.nonce}`)).toEqual({ [A]: "10" });
      expect(await pool.amount(A, "immature")).toBe(63_360_000n);
      pool.growTo(HEIGHT + 122);
      await pool.run();
      expect(await pool.list("matured")).toEqual([member]);
      expect(await pool.amount(A, "balance")).toBe(63_360_000n);
      expect(await wrongSums(pool.redis)).toEqual([]);
    });

    test("a block that became an uncle between 20 and 120 loses what it had and gets an uncle's reward", async () => {
      const pool = await newPool();
      const found = await pool.find(HEIGHT, { [A]: 1n, [B]: 1n });
      pool.put(found);
      pool.growTo(HEIGHT + 20);
      await pool.run();
      pool.put(testBlock(HEIGHT));
      pool.put(testBlock(HEIGHT + 1, { uncles: [found] }));
      pool.growTo(HEIGHT + 120);
      await pool.run();
      expect((await pool.list("matured"))[0]).toMatch(new RegExp(`^${HEIGHT}:0:${found.nonce}:${found.hash}:`));
      expect([await pool.amount(A, "immature"), await pool.amount(A, "balance")]).toEqual([0n, 31_680_000n]);
      expect(await wrongSums(pool.redis)).toEqual([]);
    });

    test("an orphan at 20 that is an uncle at 120 is credited", async () => {
      const pool = await newPool();
      const found = await pool.find(HEIGHT, { [A]: 7n });
      pool.growTo(HEIGHT + 20);
      await pool.run();
      expect(await pool.list("immature")).toEqual([`0:1:${found.nonce}:0x0:1790000000:1000:7:0`]);
      expect(await pool.hash("eth:finances")).toEqual({});
      pool.put(testBlock(HEIGHT + 6, { uncles: [found] }));
      pool.growTo(HEIGHT + 120);
      await pool.run();
      expect(await pool.list("matured")).toEqual([
        `${HEIGHT}:0:${found.nonce}:${found.hash}:1790000000:1000:7:64000000000000000`,
      ]);
      expect(await pool.amount(A, "balance")).toBe(63_360_000n);
      expect(await wrongSums(pool.redis)).toEqual([]);
    });

    test.each(["merge", "drop"] as const)(
      "an orphan's immature credits are taken back and its round is kept: %s",
      async (orphanedRounds) => {
        const pool = await newPool({ settings: { orphanedRounds } });
        await pool.redis.command(["HSET", "eth:shares:roundCurrent", A, "5", C, "9"]);
        await pool.redis.command(["HSET", "eth:stats", "roundShares", "14"]);
        const found = await pool.find(HEIGHT, { [A]: 100n, [B]: 50n });
        pool.put(found);
        pool.growTo(HEIGHT + 20);
        await pool.run();
        expect(await pool.amount(B, "immature")).toBeGreaterThan(0n);
        pool.put(testBlock(HEIGHT));
        pool.growTo(HEIGHT + 120);
        await pool.run();
        expect(await pool.list("matured")).toEqual([`0:1:${found.nonce}:${found.hash}:1790000000:1000:150:0`]);
        for (const login of [A, B, FEE_LOGIN]) expect(await pool.amount(login, "immature")).toBe(0n);
        expect(await pool.hash("eth:shares:roundCurrent")).toEqual(
          orphanedRounds === "merge" ? { [A]: "105", [B]: "50", [C]: "9" } : { [A]: "5", [C]: "9" },
        );
        expect(await pool.hash("eth:stats")).toEqual({ roundShares: orphanedRounds === "merge" ? "164" : "14" });
        expect(await pool.hash(`eth:shares:round${HEIGHT}:${found.nonce}`)).toEqual({});
        expect(await wrongSums(pool.redis)).toEqual([]);
      },
    );

    test("a candidate of another pool's books with a wrong height is found within sixteen, and its round goes along", async () => {
      const pool = await newPool();
      const found = await pool.find(HEIGHT, { [A]: 7n });
      pool.put({ ...found, height: HEIGHT - 12 });
      pool.growTo(HEIGHT + 20);
      await pool.run();
      expect((await pool.list("immature"))[0]).toMatch(new RegExp(`^0:0:${found.nonce}`));
      expect(await pool.hash(`eth:shares:round${HEIGHT - 12}:${found.nonce}`)).toEqual({ [A]: "7" });
      expect(await pool.hash(`eth:credits:immature:${HEIGHT - 12}:${found.hash}`)).toHaveProperty(A);
    });

    test("the same nonce with another mix digest is somebody else's block", async () => {
      const pool = await newPool();
      const found = await pool.find(HEIGHT, { [A]: 7n });
      pool.put({ ...found, mixHash: bytes(32, "forged") });
      pool.growTo(HEIGHT + 20);
      await pool.run();
      expect((await pool.list("immature"))[0]).toMatch(/^0:1:/);
      expect(await pool.amount(A, "immature")).toBe(0n);
    });

    test("a block is shared out under the terms that it was found under, and one of this pool's is not looked for elsewhere", async () => {
      const pool = await newPool();
      const found = await pool.find(HEIGHT, { [A]: 1n });
      const { terms } = pool.settings;
      const at = `${found.nonce}:1790000000`;
      const kept = termsOf(
        { ...terms, poolFee: "10" },
        { scheme: "prop", pplnsWindow: "2", soloFee: "1.0" },
        { mixDigest: found.mixHash, login: A, networkDifficulty: 1_000n },
      );
      await pool.redis.command(["HSET", "eth:blocks:terms", at, kept]);
      pool.growTo(HEIGHT + 20);
      await pool.run();
      expect((await pool.list("immature"))[0]).toMatch(/^0:1:/);
      expect(pool.node.calls.some(({ params }) => params[0] === `0x${(HEIGHT - 1).toString(16)}`)).toBe(false);
      pool.put(testBlock(HEIGHT + 1, { uncles: [found] }));
      pool.growTo(HEIGHT + 120);
      await pool.run();
      expect(await pool.amount(A, "balance")).toBe(57_600_000n);
    });

    test("terms that cannot be read stop their block, named, and no other", async () => {
      const pool = await newPool();
      const found = await pool.find(HEIGHT, { [A]: 1n });
      pool.put(found);
      pool.put(await pool.find(HEIGHT + 1, { [A]: 1n }));
      await pool.redis.command(["HSET", "eth:blocks:terms", `${found.nonce}:1790000000`, "{}"]);
      pool.growTo(HEIGHT + 30);
      await pool.run();
      expect(pool.waits()).toEqual(["its terms in eth:blocks:terms cannot be read"]);
      expect(await pool.list("immature")).toHaveLength(1);
    });

    test("terms are frozen when a block is seen first: a later fee touches later blocks only", async () => {
      const pool = await newPool();
      const found = await pool.find(HEIGHT, { [A]: 1n });
      pool.put(found);
      pool.growTo(HEIGHT + 20);
      await pool.run();
      const dearer = new UnlockerPool(pool.redis, {
        nodes: pool.nodes,
        settings: { terms: { ...pool.settings.terms, poolFee: "50" } },
      });
      dearer.growTo(HEIGHT + 120);
      await dearer.run();
      expect(await pool.amount(A, "balance")).toBe(2_027_520_000n);
    });
  });

  describe(`what ${name} refuses`, () => {
    test("a block waits, named, while its round is missing, empty or not what it says, and goes on when it is mended", async () => {
      const pool = await newPool();
      const found = await pool.find(HEIGHT, { [A]: 5n });
      pool.put(found);
      pool.growTo(HEIGHT + 20);
      const round = `eth:shares:round${HEIGHT}:${found.nonce}`;
      await pool.redis.command(["HSET", round, A, "4"]);
      await pool.run();
      expect(pool.waits()).toEqual([`${round} has 4 shares, the block says 5`]);
      await pool.redis.command(["DEL", round]);
      await pool.run();
      expect(pool.waits()).toEqual([`${round} is missing or empty`]);
      await pool.redis.command(["HSET", round, A, "5"]);
      await pool.run();
      expect(pool.waits()).toEqual([]);
      expect(await pool.amount(A, "immature")).toBe(2_027_520_000n);
    });

    test.each([
      ["eth:finances", "finances"],
      ["eth:blocks:immature", "the list"],
      ["eth:unlocker:owed", "what is owed"],
    ])("with a wrong type at %s nothing is written, and everything once it is mended", async (key) => {
      const pool = await newPool();
      pool.put(await pool.find(HEIGHT, { [A]: 5n, [B]: 5n }));
      pool.growTo(HEIGHT + 20);
      await pool.redis.command(["SET", key, "x"]);
      await pool.run();
      expect(await pool.list("candidates")).toHaveLength(1);
      expect(await pool.hash(`eth:miners:${A}`)).toEqual({});
      await pool.redis.command(["DEL", key]);
      await pool.run();
      expect(await pool.list("immature")).toHaveLength(1);
      expect(await wrongSums(pool.redis)).toEqual([]);
    });

    test("one account that cannot be written holds up nobody: its part is owed, and paid when it is mended", async () => {
      const pool = await newPool();
      const poisoned = `eth:miners:${B}`;
      await pool.redis.command(["SET", poisoned, "x"]);
      const found = await pool.find(HEIGHT, { [A]: 1n, [B]: 1n });
      pool.put(found);
      pool.growTo(HEIGHT + 20);
      await pool.run();
      expect(pool.state.owed).toEqual([B]);
      expect(await pool.amount(A, "immature")).toBe(1_013_760_000n);
      expect(await pool.hash("eth:unlocker:owed")).toEqual({ [`${B}:immature`]: "1013760000" });
      pool.growTo(HEIGHT + 120);
      await pool.run();
      expect(await pool.amount(A, "balance")).toBe(1_013_760_000n);
      expect(await pool.hash("eth:unlocker:owed")).toEqual({ [`${B}:immature`]: "0", [`${B}:balance`]: "1013760000" });
      await pool.redis.command(["DEL", poisoned]);
      await pool.run();
      expect([pool.state.owed, await pool.hash("eth:unlocker:owed")]).toEqual([[], {}]);
      expect(await pool.amount(B, "balance")).toBe(1_013_760_000n);
      expect(await wrongSums(pool.redis)).toEqual([]);
    });

    test("an account whose sum is no number is left as it is, and its part owed", async () => {
      const pool = await newPool();
      await pool.redis.command(["HSET", `eth:miners:${B}`, "immature", "12.5"]);
      pool.put(await pool.find(HEIGHT, { [A]: 1n, [B]: 1n }));
      pool.growTo(HEIGHT + 20);
      await pool.run();
      expect(pool.state.owed).toEqual([B]);
      expect(await pool.hash(`eth:miners:${B}`)).toEqual({ immature: "12.5" });
    });

    test("a closed round with a field that is no sum of shares waits, named, and is credited when the field is gone", async () => {
      const pool = await newPool();
      const found = await pool.find(HEIGHT, { [A]: 1n });
      const round = `eth:shares:round${HEIGHT}:${found.nonce}`;
      await pool.redis.command(["HSET", round, B, "12.5"]);
      pool.put(found);
      pool.growTo(HEIGHT + 20);
      await pool.run();
      expect(pool.waits()).toEqual([`${round} holds "12.5" for ${B}`]);
      expect(await pool.hash(`eth:miners:${A}`)).toEqual({});
      await pool.redis.command(["HDEL", round, B]);
      pool.growTo(HEIGHT + 21);
      await pool.run();
      expect(pool.waits()).toEqual([]);
      expect(await pool.amount(A, "immature")).toBeGreaterThan(0n);
      expect(await pool.amount(B, "immature")).toBe(0n);
    });

    test.each(["closed", "open"] as const)(
      "an orphan waits for a field of the %s round that is no number, by its name",
      async (which) => {
        const pool = await newPool();
        const found = await pool.find(HEIGHT, { [A]: 100n });
        pool.growTo(HEIGHT + 20);
        await pool.run();
        expect(await pool.list("immature")).toHaveLength(1);
        const round = `eth:shares:round${HEIGHT}:${found.nonce}`;
        const key = which === "open" ? "eth:shares:roundCurrent" : round;
        const login = which === "open" ? A : B;
        await pool.redis.command(["HSET", key, login, "12.5"]);
        pool.growTo(HEIGHT + 120);
        await pool.run();
        expect(pool.waits()).toEqual([`the ledger refused: ERR field ${login} of ${key} is no whole number`]);
        await pool.redis.command(["HDEL", key, login]);
        await pool.run();
        expect(pool.waits()).toEqual([]);
        expect(await pool.hash("eth:shares:roundCurrent")).toEqual({ [A]: "100" });
      },
    );

    test("a member that is no block is named and passed over", async () => {
      const pool = await newPool();
      await pool.redis.command(["ZADD", "eth:blocks:candidates", HEIGHT - 5, "rubbish"]);
      pool.put(await pool.find(HEIGHT, { [A]: 5n }));
      pool.growTo(HEIGHT + 20);
      await pool.run();
      expect(pool.state.problems).toEqual(['blocks:candidates has "rubbish", which is no block']);
      expect(await pool.list("immature")).toHaveLength(1);
    });
  });

  describe(`parts and interruptions on ${name}`, () => {
    const shares = Object.fromEntries(Array.from({ length: 11 }, (_, i) => [loginAt(i + 10), BigInt(i + 1)]));

    /** A block's whole life under each ending, interrupted at every request of each step; the books must come out the same. */
    test.each(["matured", "orphan"] as const)(
      "killed at any request, the books of a block that is %s in the end are the same",
      async (end) => {
        const live = async (kill: { step: number; at: number; when: "before" | "after" } | null) => {
          const pool = await newPool({ partLogins: 4 });
          const found = await pool.find(HEIGHT, shares, {
            hash: bytes(32, "kill"),
            nonce: bytes(8, "kill"),
            mixHash: bytes(32, "km"),
          });
          pool.put(found);
          let requests = 0;
          for (const [step, height] of [HEIGHT + 20, HEIGHT + 120].entries()) {
            if (step === 1 && end === "orphan") pool.put(testBlock(HEIGHT));
            pool.growTo(height);
            if (kill?.step === step) {
              const dying = dyingLedger(pool.redis, kill.at, kill.when);
              await pool.run(dying);
              requests = dying.requests;
              expect(await wrongSums(pool.redis)).toEqual([]);
            }
            await pool.run();
            expect(await wrongSums(pool.redis)).toEqual([]);
          }
          return { books: await readBooks(pool.redis), requests };
        };
        const undisturbed = (await live(null)).books;
        expect(Object.keys(undisturbed).some((key) => key.startsWith("eth:unlocker"))).toBe(false);
        for (const step of [0, 1])
          for (const when of ["before", "after"] as const)
            for (let at = 1, all = 2; at < all; at += stride) {
              const { books, requests } = await live({ step, at, when });
              all = Math.max(all, requests >= at ? at + stride + 1 : at);
              expect(books).toEqual(undisturbed);
            }
      },
      120_000,
    );

    test("a step of many parts that was begun is ended as it was begun, though the chain says otherwise meanwhile", async () => {
      const pool = await newPool({ partLogins: 4 });
      const found = await pool.find(HEIGHT, shares);
      pool.put(found);
      pool.growTo(HEIGHT + 20);
      // Node queries apart, the sixth request is the second part.
      await pool.run(dyingLedger(pool.redis, 10, "after"));
      expect(Object.keys(await pool.hash("eth:unlocker:moves"))).toHaveLength(1);
      pool.put(testBlock(HEIGHT));
      await pool.run();
      expect(await pool.hash("eth:unlocker:moves")).toEqual({});
      expect((await pool.list("immature"))[0]).toMatch(/^0:0:/);
      pool.growTo(HEIGHT + 120);
      await pool.run();
      expect((await pool.list("matured"))[0]).toMatch(/^0:1:/);
      expect(await wrongSums(pool.redis)).toEqual([]);
    });

    test("a round of 20,000 logins passes in parts of less than 100 kB", async () => {
      const pool = await newPool();
      const crowd = Object.fromEntries(
        Array.from({ length: 20_000 }, (_, i) => [loginAt(i + 10_000), 1_000_000n + BigInt(i)]),
      );
      const found = await pool.find(HEIGHT, crowd);
      pool.put(found);
      let largest = 0;
      const measured: RedisPort = {
        command: (command) => {
          largest = Math.max(largest, JSON.stringify(command).length);
          return pool.redis.command(command);
        },
        pipeline: (commands) => pool.redis.pipeline(commands),
      };
      pool.growTo(HEIGHT + 20);
      await pool.run(measured);
      expect(await pool.list("immature")).toHaveLength(1);
      pool.growTo(HEIGHT + 120);
      await pool.run(measured);
      expect(pool.waits()).toEqual([]);
      expect(await pool.list("matured")).toHaveLength(1);
      expect(largest).toBeLessThan(100_000);
      expect(await pool.redis.command(["HLEN", `eth:credits:${HEIGHT}:${found.hash}`])).toBe(20_001);
      const sums = await pool.hash("eth:finances");
      expect([sums["immature"], sums["balance"]]).toEqual(["0", "2048000000"]);
    }, 240_000);
  });

  describe(`nodes and ${name}`, () => {
    test("a block mined for another account is nobody's, and waits, named", async () => {
      const pool = await newPool();
      pool.put({ ...(await pool.find(HEIGHT, { [A]: 1n })), miner: OTHER_MINER });
      pool.growTo(HEIGHT + 20);
      await pool.run();
      expect(pool.waits()[0]).toContain(`mined for ${OTHER_MINER}`);
      expect(await pool.list("candidates")).toHaveLength(1);
    });

    test("one stuck candidate stands in nobody's way", async () => {
      const pool = await newPool();
      for (let i = 0; i < 45; i += 1) pool.put({ ...(await pool.find(HEIGHT + i, { [A]: 1n })), miner: OTHER_MINER });
      const good = await pool.find(HEIGHT + 60, { [A]: 1n });
      pool.put(good);
      pool.growTo(HEIGHT + 200);
      await pool.run();
      await pool.run();
      expect((await pool.list("immature")).concat(await pool.list("matured"))).toHaveLength(1);
      expect(pool.waits()).toHaveLength(45);
    });

    test("of two nodes one that has the block wins before maturity; at maturity they must agree", async () => {
      const nodes = [new TestNode("main"), new TestNode("backup")];
      const pool = await newPool({ nodes });
      const found = await pool.find(HEIGHT, { [A]: 1n });
      nodes[1]?.put(found);
      pool.growTo(HEIGHT + 20);
      await pool.run();
      expect(await pool.list("immature")).toHaveLength(1);
      expect(await pool.amount(A, "immature")).toBeGreaterThan(0n);
      pool.growTo(HEIGHT + 120);
      await pool.run();
      expect(pool.waits()).toEqual(["backup has the block in its chain, main does not"]);
      nodes[0]?.put(found);
      await pool.run();
      expect(await pool.list("matured")).toHaveLength(1);
    });
  });
}
