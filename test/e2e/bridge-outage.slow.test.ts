import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, expect, test } from "vitest";
import { DEFAULT_TIMINGS, startBridge } from "../../bridge/src/index.ts";
import { EthminerModel, type EthminerOptions } from "../support/ethminer-model.ts";
import { kernelAt } from "../support/pow.ts";
import { LONG_CHAIN } from "../support/proofs.ts";
import { Cleanups, QUIET_DIFFICULTY, QUIET_HEIGHT, quietNode, quietPool, recorded } from "../support/quiet-pool.ts";

// ethminer with its default settings through the bridge to the real pool, which is away for a minute.

const LOGIN = "0xb85150eb365e7df0941f0cf08235f987ba91506a";
const OUTAGE_MS = 60_000;
/** A busy machine may take seconds for anything: all that must be fast is this much slower here, at the miner and the bridge alike. */
const SLOWER = 5;
const RESPONSE_TIMEOUT_MS = 2_000;
const HOST = { host: "127.0.0.1", port: 0 };

const cleanups = new Cleanups();
afterEach(() => cleanups.run());

const until = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await sleep(50);
};

test("the bridge answers in less time than ethminer waits, with time to write to a disk", () => {
  // It looks again after a quarter of the time.
  expect(1.25 * DEFAULT_TIMINGS.answerWithinMs).toBeLessThanOrEqual(0.75 * RESPONSE_TIMEOUT_MS);
});

test(
  "the pool is away for a minute: no ethminer with default settings ends, none is told no, and every share counts once",
  { timeout: 900_000 },
  async () => {
    const pool = await quietPool(cleanups, await quietNode(cleanups));
    const bridge = await startBridge({
      pools: [pool.url],
      stratum: [HOST],
      allowInsecure: true,
      proxy: null,
      stateDir: await cleanups.folder("bridge"),
      timings: {
        backOff: { firstMs: 250, longestMs: 1_000 },
        answerWithinMs: SLOWER * DEFAULT_TIMINGS.answerWithinMs,
      },
    });
    cleanups.add(() => bridge.close());
    const ethash = kernelAt(LONG_CHAIN, QUIET_HEIGHT);
    const miners: EthminerModel[] = [];
    const start = (options: Pick<EthminerOptions, "dialect" | "worker" | "startNonce">): EthminerModel => {
      const port = bridge.ports.stratum[0] ?? 0;
      const common = {
        port,
        login: LOGIN,
        ethash,
        height: QUIET_HEIGHT,
        difficulty: QUIET_DIFFICULTY,
        shareEveryMs: 700,
        responseTimeoutMs: SLOWER * RESPONSE_TIMEOUT_MS,
      };
      const miner = new EthminerModel({ ...common, ...options });
      miners.push(miner);
      cleanups.add(() => miner.close());
      return miner;
    };
    const proxy = start({ dialect: "eth-proxy", worker: "rig-1", startNonce: 0xf1n << 56n });
    const restarted = start({ dialect: "eth-proxy", worker: "rig-2", startNonce: 0xf2n << 56n });
    const nicehash = start({ dialect: "EthereumStratum/1", worker: "rig-3", startNonce: 0n });
    const renewed = start({ dialect: "EthereumStratum/1", worker: "rig-4", startNonce: 1n << 20n });
    const second = start({ dialect: "EthereumStratum/2", worker: "rig-5", startNonce: 0n });
    const renewedSecond = start({ dialect: "EthereumStratum/2", worker: "rig-6", startNonce: 1n << 20n });
    await until(() => miners.every(({ answers }) => answers.accepted > 1));
    await pool.kill();
    await sleep(OUTAGE_MS / 3);
    // Three programs are started anew in the middle of it, and find no pool.
    restarted.close();
    renewed.close();
    renewedSecond.close();
    const again = start({ dialect: "eth-proxy", worker: "rig-2", startNonce: 0xf3n << 56n });
    const renewedAgain = start({ dialect: "EthereumStratum/1", worker: "rig-4", startNonce: 1n << 21n });
    const secondAgain = start({ dialect: "EthereumStratum/2", worker: "rig-6", startNonce: 1n << 21n });
    await sleep((OUTAGE_MS * 2) / 3);
    await pool.restart();
    const atReturn = miners.map(({ answers }) => answers.accepted);
    await until(() =>
      [proxy, nicehash, second, again, renewedAgain, secondAgain].every(
        (miner) => miner.answers.accepted > (atReturn[miners.indexOf(miner)] ?? 0) + 2,
      ),
    );
    for (const miner of miners) miner.close();
    const submitted = miners.flatMap((miner) => miner.submitted);
    await until(() => {
      const { accepted, rejected } = bridge.stats().totals;
      return accepted + rejected >= submitted.length;
    });
    expect(miners.map(({ exited }) => exited)).toEqual(miners.map(() => null));
    expect(miners.flatMap(({ answers }) => answers.rejected)).toEqual([]);
    // During the outage they went on: a minute has some eighty shares of each that stayed.
    expect(Math.min(...[proxy, nicehash, second].map((miner) => miner.submitted.length))).toBeGreaterThan(20);
    expect((await recorded(pool, LOGIN)).nonces).toEqual(submitted.toSorted());
    expect(bridge.stats().totals).toMatchObject({ accepted: submitted.length, rejected: 0 });
    // The work has not changed: it was sent once a connection.
    expect(miners.map((miner) => miner.headers.length)).toEqual(miners.map(() => 1));
  },
);
