/**
 * The embedded ledger against a real redis-server: the same random commands, the same replies, the same state afterwards.
 * `EDGEPOOL_DIFFERENTIAL_COMMANDS=200000 npx vitest run --project redis test/ledger/differential.redis.test.ts` is the long run;
 * `EDGEPOOL_SEED` repeats a failed one, which fast-check shrinks to the few commands that matter.
 */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { EmbeddedEngine } from "../../core/ledger/engine/engine.ts";
import type { Reply } from "../../core/ledger/engine/command.ts";
import { RedisReplyError } from "../../core/ledger/contract/redis-port.ts";
import { nodeSql } from "../../scripts/ledger/node-sql.ts";
import { randomCommand } from "./random-commands.ts";
import { useRedisServer } from "../support/redis-server.ts";

const COMMANDS = Number(process.env["EDGEPOOL_DIFFERENTIAL_COMMANDS"] ?? 20_000);
const SEED = Number(process.env["EDGEPOOL_SEED"] ?? 20_261_122);
/** Runs of one to this many commands each; short ones shrink well. */
const MOST_PER_RUN = 150;

const redis = useRedisServer();

/** Replies whose order Redis leaves open. */
const UNORDERED = new Set(["HVALS", "SMEMBERS", "SSCAN", "SCAN"]);
const UNORDERED_PAIRS = new Set(["HGETALL", "HSCAN", "ZSCAN"]);
/** Replies that depend on the clocks of two processes. */
const CLOCKED = new Set(["TTL", "PEXPIRETIME"]);

type Normal = string | number | null | Normal[] | { readonly error: string };

/** Brings a reply to a form in which equal means equal. */
function normal(command: readonly string[], reply: Reply | RedisReplyError): Normal {
  const name = command[0]?.toUpperCase() ?? "";
  if (reply instanceof RedisReplyError) return { error: reply.message };
  if (CLOCKED.has(name) && typeof reply === "number") return clocked(name, reply);
  const plain = copy(reply, name.startsWith("Z"));
  if (!Array.isArray(plain)) return plain;
  const [cursor, elements] = plain;
  if (name.endsWith("SCAN") && Array.isArray(elements)) return [cursor ?? null, ordered(name, elements)];
  return ordered(name, plain);
}

function ordered(name: string, list: Normal[]): Normal[] {
  if (UNORDERED_PAIRS.has(name)) return inPairs(list).toSorted(byText);
  return UNORDERED.has(name) ? list.toSorted(byText) : list;
}

function inPairs(list: Normal[]): Normal[] {
  return Array.from({ length: list.length / 2 }, (_, i) => list.slice(2 * i, 2 * i + 2));
}

const byText = (a: Normal, b: Normal) => {
  const [x, y] = [JSON.stringify(a), JSON.stringify(b)];
  return x < y ? -1 : Number(x > y);
};

/** Minutes are near enough: the expirations of the generator lie a quarter of an hour and more apart. */
function clocked(name: string, reply: number): number {
  return reply < 0 ? reply : Math.round((name.startsWith("P") ? reply / 1000 : reply) / 120);
}

/** Redis 7.0 prints 0.1 as 0.10000000000000001, later ones and the embedded ledger as 0.1: scores are compared as numbers. */
function copy(reply: Reply, scores: boolean): Normal {
  if (typeof reply === "bigint") return Number.isSafeInteger(Number(reply)) ? Number(reply) : reply.toString();
  if (typeof reply === "string") return scores && /^-?\d+\.?\d*(e[+-]?\d+)?$/.test(reply) ? Number(reply) : reply;
  if (reply === null || typeof reply === "number") return reply;
  return reply.map((element) => copy(element, scores));
}

function runEmbedded(engine: EmbeddedEngine, commands: readonly string[][]): (Reply | RedisReplyError)[] {
  return commands.map((command) => {
    try {
      return engine.execute(command);
    } catch (error) {
      if (error instanceof RedisReplyError) return error;
      throw error;
    }
  });
}

const CONTENTS: Readonly<Record<string, (key: string) => string[]>> = {
  string: (key) => ["GET", key],
  hash: (key) => ["HGETALL", key],
  set: (key) => ["SMEMBERS", key],
  list: (key) => ["LRANGE", key, "0", "-1"],
  zset: (key) => ["ZRANGE", key, "0", "-1", "WITHSCORES"],
};

/** Every key with type, contents and expiration, read with commands that the run has compared. */
async function state(run: (commands: readonly string[][]) => Promise<(Reply | RedisReplyError)[]>): Promise<Normal> {
  const [found] = await run([["SCAN", "0", "COUNT", "1000"]]);
  const keys = (Array.isArray(found) && Array.isArray(found[1]) ? found[1] : []).map(String).toSorted();
  const types = await run(keys.map((key) => ["TYPE", key]));
  const reads = keys.flatMap((key, i) => [CONTENTS[String(types[i])]?.(key) ?? ["TYPE", key], ["PEXPIRETIME", key]]);
  const replies = await run(reads);
  return [keys, types.map(String), replies.map((reply, i) => normal(reads[i] ?? [], reply))];
}

test(`${COMMANDS} random commands get the same replies from the embedded ledger and redis-server, and leave the same state`, async () => {
  let compared = 0;
  const sql = nodeSql();
  await fc.assert(
    fc.asyncProperty(
      fc.array(randomCommand, { minLength: 1, maxLength: MOST_PER_RUN, size: "max" }),
      async (commands) => {
        const engine = new EmbeddedEngine({ sql, nowMs: () => Date.now() });
        engine.execute(["FLUSHALL"]);
        await redis.command(["FLUSHALL"]);
        const theirs = await redis.pipeline(commands.map(([name = "", ...args]) => [name, ...args]));
        const ours = runEmbedded(engine, commands);
        commands.forEach((command, i) => {
          expect([command, normal(command, ours[i] ?? null)]).toEqual([command, normal(command, theirs[i] ?? null)]);
        });
        const left = await state(async (list) => runEmbedded(engine, list));
        const right = await state((list) => redis.pipeline(list.map(([name = "", ...args]) => [name, ...args])));
        expect(left).toEqual(right);
        compared += commands.length;
      },
    ),
    { seed: SEED, numRuns: Math.ceil(COMMANDS / 50) },
  );
  sql.close();
  expect(compared).toBeGreaterThanOrEqual(COMMANDS);
}, 3_600_000);
