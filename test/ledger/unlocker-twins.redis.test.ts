/** The native twins of the unlocker's scripts answer, bill and write what the scripts do on a real Redis, whatever stands in the ledger. */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { RedisCommand, RedisPort, RedisValue } from "../../core/ledger/contract/redis-port.ts";
import { parseCandidate, parseListed, type PoolBlock } from "../../core/payouts/block-members.ts";
import type { BlockMove } from "../../core/payouts/block-move.ts";
import { PayoutBooks } from "../../core/payouts/payout-books.ts";
import { embeddedLedger } from "../support/embedded-ledger.ts";
import { readBooks } from "../support/ledger-records.ts";
import { loginAt } from "../support/payouts/unlocker-pool.ts";
import { useRedisServer } from "../support/redis-server.ts";

const redis = useRedisServer();

const NONCES = [1, 2].map((n) => `0x${n.toString(16).padStart(16, "0")}`);
const HASHES = [1, 2].map((n) => `0x${n.toString(16).padStart(64, "0")}`);
const LOGINS = Array.from({ length: 7 }, (_, i) => loginAt(i + 1));

const step = fc.record({
  kind: fc.constantFrom("advance", "advance", "advance", "settle", "spoil" as const),
  to: fc.constantFrom("matured", "orphan", "taken" as const),
  which: fc.nat(1),
  height: fc.integer({ min: 99, max: 101 }),
  hash: fc.nat(1),
  reward: fc.bigInt(0n, 4n * 10n ** 18n),
  merge: fc.boolean(),
  partLogins: fc.constantFrom(2, 1_000),
  resume: fc.constantFrom(true, true, true, false),
  dieAfter: fc.oneof({ weight: 4, arbitrary: fc.constant(Infinity) }, { weight: 1, arbitrary: fc.nat(6) }),
  spoil: fc.constantFrom<RedisCommand>(
    ["SET", "eth:finances", "x"],
    ["DEL", "eth:finances"],
    ["HSET", "eth:finances", "immature", "12.5"],
    ["SET", `eth:miners:${LOGINS[1]}`, "x"],
    ["DEL", `eth:miners:${LOGINS[1]}`],
    ["HSET", `eth:miners:${LOGINS[2]}`, "immature", "0012"],
    ["HSET", `eth:miners:${LOGINS[2]}`, "immature", "999999999999999999"],
    ["HSET", `eth:miners:${LOGINS[2]}`, "balance", "-5"],
    ["DEL", `eth:miners:${LOGINS[2]}`],
    ["HSET", "eth:shares:roundCurrent", LOGINS[3] ?? "", "9223372036854775807"],
    ["HSET", "eth:shares:roundCurrent", LOGINS[3] ?? "", "7"],
    ["HSET", "eth:shares:roundCurrent", LOGINS[3] ?? "", "12.5"],
    ["HSET", `eth:shares:round100:${NONCES[0]}`, LOGINS[4] ?? "", ""],
    ["SET", "eth:unlocker:owed", "x"],
    ["DEL", "eth:unlocker:owed"],
    ["HSET", "eth:unlocker:owed", `${LOGINS[5]}:immature`, "0", `${LOGINS[5]}:balance`, "-3"],
    ["HSET", "eth:stats", "roundShares", "x"],
    ["DEL", "eth:stats"],
    ["HSET", `eth:credits:immature:100:${HASHES[0]}`, LOGINS[4] ?? "", "77"],
    ["HSET", `eth:credits:100:${HASHES[0]}`, LOGINS[4] ?? "", "77"],
    ["HDEL", `eth:credits:immature:100:${HASHES[0]}`, LOGINS[4] ?? ""],
    ["SET", "eth:credits:all", "x"],
    ["DEL", "eth:credits:all"],
    ["SET", `eth:shares:round101:${NONCES[0]}`, "x"],
    ["DEL", `eth:shares:round101:${NONCES[0]}`],
  ),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** One side of the comparison: what it was answered, errors included. */
function side(port: RedisPort) {
  const answers: unknown[] = [];
  let left = Infinity;
  const watched: RedisPort = {
    async command(command) {
      if (left <= 0) throw new Error("lost");
      left -= 1;
      const isScript = command[0].startsWith("EVAL");
      try {
        const reply = await port.command(command);
        if (isScript) answers.push(reply);
        return reply;
      } catch (error) {
        if (isScript && error instanceof Error && !error.message.startsWith("NOSCRIPT")) answers.push(error.message);
        throw error;
      }
    },
    pipeline: (commands) => port.pipeline(commands),
  };
  return { port, watched, answers, dieAfter: (requests: number) => (left = requests) };
}

const texts = (reply: RedisValue): string[] => (Array.isArray(reply) ? reply.map(String) : []);

/** The block with this nonce, wherever it is listed now. */
async function blockOf(port: RedisPort, nonce: string): Promise<PoolBlock | null> {
  for (const list of ["candidates", "immature", "matured"] as const) {
    const reply = texts(await port.command(["ZRANGE", `eth:blocks:${list}`, 0, -1, "WITHSCORES"]));
    for (let i = 0; i < reply.length; i += 2) {
      const [member = "", score = ""] = [reply[i], reply[i + 1]];
      if (!member.includes(nonce)) continue;
      return list === "candidates" ? parseCandidate(member, score) : parseListed(list, member, score);
    }
  }
  return null;
}

async function carryOut({ port, watched, dieAfter }: ReturnType<typeof side>, move: Step): Promise<void> {
  const block = await blockOf(port, NONCES[move.which] ?? "");
  if (block === null || (block.list === "matured" && block.orphan)) return;
  const to =
    block.list === "candidates"
      ? "immature"
      : block.list === "matured"
        ? "taken"
        : move.to === "taken"
          ? "orphan"
          : move.to;
  const lost = to === "orphan" || to === "taken" || (to === "immature" && move.to === "taken");
  const height = to === "orphan" || to === "taken" ? block.height : move.height;
  const hash = block.list === "candidates" ? (HASHES[move.hash] ?? "") : block.hash;
  const revenue = { rewardWei: move.reward, feesWei: 0n, ownFeesWei: 0n };
  const terms = { poolFee: "1", poolFeeAddress: LOGINS[6] ?? null, donateTo: null, keepTxFees: false };
  const plan: BlockMove = {
    to,
    block,
    fate: { height, uncleHeight: 0, orphan: lost, hash, rewardWei: lost ? 0n : move.reward },
    payout: lost ? null : { revenue, terms },
    merge: to === "orphan" && move.merge,
    ts: 1_790_000_000,
  };
  const weights = new Map(LOGINS.slice(0, 5).map((login, i) => [login, BigInt(i + 1)]));
  dieAfter(move.dieAfter);
  const books = new PayoutBooks(watched, "eth", move.partLogins);
  const begun = (await new PayoutBooks(port, "eth").moves().catch(() => new Map<string, string>())).get(block.member);
  await books.carryOut(plan, weights, move.resume ? (begun ?? null) : null).catch(() => undefined);
  dieAfter(Infinity);
}

test("the twins of the unlocker's scripts do what the scripts do, whatever comes", { timeout: 300_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 14 }), async (steps) => {
      await redis.command(["FLUSHALL"]);
      const sides = [side(redis), side(embeddedLedger())];
      for (const { port } of sides)
        for (const nonce of NONCES) {
          const member = `${nonce}:0x${"b".repeat(64)}:0x${"c".repeat(64)}:1790000000:1000:15`;
          await port.command(["ZADD", "eth:blocks:candidates", 100, member]);
          const round = LOGINS.slice(0, 5).flatMap((login, i) => [login, String(i + 1)]);
          await port.command(["HSET", `eth:shares:round100:${nonce}`, ...round]);
        }
      for (const move of steps) {
        for (const one of sides) {
          if (move.kind === "spoil") await one.port.command(move.spoil).catch(() => undefined);
          else if (move.kind === "settle") {
            const books = new PayoutBooks(one.watched, "eth");
            for (const login of LOGINS) await books.settleOwed(login).catch(() => undefined);
          } else await carryOut(one, move);
        }
        expect(sides[1]?.answers).toEqual(sides[0]?.answers);
      }
      expect(await readBooks(sides[1]!.port)).toEqual(await readBooks(redis));
    }),
    { seed: Number(process.env["EDGEPOOL_SEED"] ?? 7), numRuns: Number(process.env["EDGEPOOL_TWIN_RUNS"] ?? 300) },
  );
});
