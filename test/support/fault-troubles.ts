import { setTimeout as sleep } from "node:timers/promises";
import type { RedisPort } from "../../core/ledger/contract/redis-port.ts";
import type { DevNode } from "../../devnet/node/node.ts";
import type { PoolProcess } from "../../devnet/pool-host/pool-process.ts";
import type { FaultProxy, LineFault } from "./fault-proxy.ts";
import { onVerifiers } from "./verifier-rows.ts";

/** How long one request to the ledger may take. */
export const LEDGER_TIMEOUT_MS = 1_500;

/** Its cache would have some 140 MiB. */
const NO_CACHE_HEIGHT = 30_000_000;

/** Network difficulty at which nobody finds a block. */
export const TOO_HARD = 1n << 60n;

/** What troubles can reach. */
export interface Stage {
  readonly pool: PoolProcess;
  readonly node: DevNode;
  /** Of the work that the node makes next, where no trouble makes it harder. */
  readonly difficulty: () => bigint;
  readonly proxy: FaultProxy | null;
  readonly line: LineFault[];
  readonly random: () => number;
  readonly outageMs: number;
  /** Past the line that fails; null for the embedded ledger. */
  readonly redis: RedisPort | null;
  readonly logins: readonly string[];
  /** Where the pool's databases are. */
  readonly stateDir: string;
  /** Settings that the next start has. */
  readonly settings: { shards: number };
}

export type Trouble = (stage: Stage) => Promise<void>;

/** For the next requests, the same thing several times. */
function onTheLine(fault: (random: () => number) => LineFault): Trouble {
  return async ({ line, random }) => {
    const times = 1 + Math.floor(random() * 6);
    for (let time = 0; time < times; time++) line.push(fault(random));
    await sleep(300 + random() * 1_000);
  };
}

export const LINE_TROUBLES: Readonly<Record<string, Trouble>> = {
  refused: async ({ proxy, random }) => {
    await proxy?.stop();
    await sleep(500 + random() * 2_000);
    await proxy?.start();
  },
  outage: async ({ proxy, outageMs }) => {
    await proxy?.stop();
    await sleep(outageMs);
    await proxy?.start();
  },
  resetBefore: onTheLine(() => ({ kind: "resetBefore" })),
  resetAfter: onTheLine(() => ({ kind: "resetAfter" })),
  slowAnswer: onTheLine((random) => ({ kind: "slowAnswer", delayMs: LEDGER_TIMEOUT_MS * (0.5 + random() * 1.5) })),
  lateExecution: onTheLine((random) => ({ kind: "lateExecution", delayMs: LEDGER_TIMEOUT_MS * (1 + random() * 2) })),
  status500: onTheLine(() => ({ kind: "status500" })),
  partialBody: onTheLine(() => ({ kind: "partialBody" })),
};

export const POOL_TROUBLES: Readonly<Record<string, Trouble>> = {
  kill: async ({ pool, random }) => {
    await sleep(random() * 500);
    await pool.kill();
    await sleep(random() * 500);
    await pool.restart();
    await sleep(1_000);
  },
  nodeDown: async ({ node, random }) => {
    await node.stopListening();
    await sleep(300 + random() * 1_500);
    await node.startListening();
  },
  /** The node is at a height whose light cache fits into no memory that the pool has, and comes back. */
  cacheImpossible: async ({ node, difficulty, random }) => {
    const { height } = node.chain.current;
    // Nobody finds a block there: the node itself could not verify it.
    node.chain.setDifficulty(TOO_HARD);
    node.chain.jumpTo(NO_CACHE_HEIGHT);
    await sleep(1_500 + random() * 1_500);
    // Asked now: a block that was being verified at the jump may have been the last.
    node.chain.setDifficulty(difficulty());
    node.chain.jumpTo(height);
    await sleep(1_000);
  },
  nodeAnswerLost: async ({ node, random }) => {
    node.faults.loseSubmitReplies = 2;
    await sleep(500 + random() * 1_000);
  },
};

/** Puts a string in the place of a login's key, or what was there back: in one step, so that no share falls between. */
const SPOIL = `
  if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
  redis.call('RENAME', KEYS[1], KEYS[2])
  return redis.call('SET', KEYS[1], 'not what it should be')`;
const MEND = `
  if redis.call('EXISTS', KEYS[2]) == 0 then return 0 end
  redis.call('DEL', KEYS[1])
  return redis.call('RENAME', KEYS[2], KEYS[1])`;

/** Redis refuses one login. */
const oneLogin =
  (family: "hashrate" | "miners"): Trouble =>
  async ({ redis, logins, random }) => {
    const login = logins[Math.floor(random() * logins.length)] ?? "";
    const keys = [`eth:${family}:${login}`, `spoilt:${family}:${login}`];
    await redis?.command(["EVAL", SPOIL, "2", ...keys]);
    await sleep(2_000 + random() * 2_000);
    await redis?.command(["EVAL", MEND, "2", ...keys]);
  };

/** What only a ledger of its own, reached from outside, can have. */
export const KEY_TROUBLES: Readonly<Record<string, Trouble>> = {
  hashrateRefused: oneLogin("hashrate"),
  accountRefused: oneLogin("miners"),
};

/** What a deployment does to rows that wait. */
export const ROW_TROUBLES: Readonly<Record<string, Trouble>> = {
  /** Rows of a later version, as a roll-back finds them; then that version is back. */
  rollBack: async ({ pool, proxy, stateDir, random }) => {
    await proxy?.stop();
    await sleep(500 + random() * 1_000);
    await pool.kill();
    onVerifiers(stateDir, ["UPDATE outbox SET version = 99", "UPDATE held SET stage = 'later-' || stage"]);
    await pool.restart();
    await sleep(1_500);
    await pool.kill();
    onVerifiers(stateDir, [
      // A verifier that nobody asked meanwhile has not looked at its rows.
      "UPDATE outbox SET version = 1",
      "UPDATE held SET stage = replace(stage, 'later-', '')",
      `UPDATE unreadable SET body = replace(replace(body, '"version":99', '"version":1'), '"stage":"later-', '"stage":"')`,
    ]);
    await pool.restart();
    await proxy?.start();
    await sleep(1_000);
  },
  /** From four shards to one or seven and back, while shares wait. */
  shardChange: async ({ pool, proxy, settings, random }) => {
    await proxy?.stop();
    await sleep(500 + random() * 1_000);
    settings.shards = settings.shards === 1 ? 7 : 1;
    await pool.restart();
    await proxy?.start();
    await sleep(1_000);
  },
};
