import { expect, test } from "vitest";
import { DIALECTS } from "../../core/stratum/dialects.ts";
import { answer, bridgeTo, LOGIN, minerOf, poolThat, QUICK, requestOf } from "./bridge-fixture.ts";
import { ScriptedPool, type PoolConnection } from "./scripted-pool.ts";

const TRIPLE = '["0xaa","0x5","0x7"]';
const JOB = DIALECTS.ethProxy.result("0", TRIPLE);
const YES = DIALECTS.ethProxy.granted("1");
const HASTY = { ...QUICK, answerWithinMs: 60 };
const hashrate = { id: 9, method: "eth_submitHashrate", params: ["0x1", "0x2"] };
const poll = { id: 5, method: "eth_getWork", params: [] };

const withJob = (line: string, connection: PoolConnection): void => {
  answer(line, connection);
  if (requestOf(line).method === "eth_submitlogin") connection.send(`${JOB}\n`);
};

test("answers a login that a pool has granted before, and the miner's question for work, while no pool is there", async () => {
  const pool = await ScriptedPool.start(withJob);
  const bridge = await bridgeTo([pool.url], { timings: HASTY });
  const before = await minerOf(bridge);
  before.say(LOGIN);
  await before.untilLines(2);
  await pool.kill();
  const [known, other] = [await minerOf(bridge), await minerOf(bridge)];
  other.say({ ...LOGIN, worker: "rig-2" });
  known.say(LOGIN);
  await known.untilLines(1);
  known.say(poll);
  await known.untilLines(2);
  expect(known.lines).toEqual([YES, DIALECTS.ethProxy.result("5", TRIPLE)]);
  // Another worker's login was never granted: only a pool can.
  expect(other.lines).toEqual([]);
});

test("hands out no job that has grown old", async () => {
  const pool = await ScriptedPool.start(withJob);
  const bridge = await bridgeTo([pool.url], { timings: { ...HASTY, jobYoungMs: -1 } });
  const before = await minerOf(bridge);
  before.say(LOGIN);
  await before.untilLines(2);
  await pool.kill();
  const miner = await minerOf(bridge);
  miner.say(LOGIN);
  await miner.untilLines(1);
  miner.say(poll, hashrate);
  await miner.untilLines(2);
  expect(miner.lines).toEqual([YES, DIALECTS.ethProxy.granted("9")]);
});

test("a pool that is slow to answer a login keeps its miner, and the miner hears yes once", async () => {
  const held: (() => void)[] = [];
  let slow = false;
  const pool = await poolThat((line, connection) => {
    if (slow && requestOf(line).method === "eth_submitlogin") held.push(() => withJob(line, connection));
    else withJob(line, connection);
  });
  const backup = await poolThat(answer);
  const bridge = await bridgeTo([pool.url, backup.url], { timings: HASTY });
  const before = await minerOf(bridge);
  before.say(LOGIN);
  await before.untilLines(2);
  slow = true;
  const miner = await minerOf(bridge);
  miner.say(LOGIN);
  await miner.untilLines(2);
  for (const goOn of held) goOn();
  miner.say(hashrate);
  await miner.until((lines) => lines.length > 2);
  expect(miner.lines).toEqual([YES, JOB, DIALECTS.ethProxy.granted("9")]);
  expect([pool.connections.length, backup.connections.length]).toEqual([2, 0]);
});
