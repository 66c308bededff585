import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { DIALECTS } from "../../core/stratum/dialects.ts";
import {
  ADDRESS,
  answer,
  bridgeTo,
  LOGIN,
  minerOf,
  newFolder,
  poolThat,
  QUICK,
  requestOf,
  share,
  stratum1,
  stratum2,
} from "./bridge-fixture.ts";
import { SILENT } from "../src/options.ts";
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

const authorize = { id: 3, method: "mining.authorize", params: [`${ADDRESS}.rig`, "x"] };
const subscribe = (...params: string[]) => ({ id: 2, method: "mining.subscribe", params });
const hello = { id: 1, method: "mining.hello", params: { proto: "EthereumStratum/2.0.0" } };

test.each([
  ["eth-proxy", withJob, [LOGIN], [YES]],
  [
    "EthereumStratum/1",
    stratum1("0a0a", false),
    [subscribe("ethminer/0.19", "EthereumStratum/1.0.0"), authorize],
    [
      DIALECTS.es1.result("2", '[["mining.notify","session","EthereumStratum/1.0.0"],"0a0a"]'),
      DIALECTS.es1.granted("3"),
    ],
  ],
  [
    "EthereumStratum/2",
    stratum2("0a0a", false),
    [hello, subscribe(), authorize],
    [
      DIALECTS.es2.result("1", '{"proto":"EthereumStratum/2.0.0","resume":"0"}'),
      DIALECTS.es2.result("2", '"s-12345"'),
      DIALECTS.es2.result("3", '"rig"'),
    ],
  ],
] as const)(
  "a bridge that is started again while no pool is there answers the %s logins that it knew before",
  async (_, onLine, logins, answers) => {
    const stateDir = await newFolder();
    const pool = await ScriptedPool.start(onLine);
    const first = await bridgeTo([pool.url], { timings: HASTY, stateDir });
    const before = await minerOf(first);
    before.say(...logins);
    await before.until((lines) => lines.some((line) => /mining\.notify",|"result":\[/.test(line)));
    const port = first.ports.stratum[0] ?? 0;
    await first.close();
    await pool.kill();
    const second = await bridgeTo([pool.url], { timings: HASTY, stateDir, stratum: [{ host: "127.0.0.1", port }] });
    const miner = await minerOf(second);
    for (const [index, login] of logins.entries()) {
      miner.say(login);
      await miner.untilLines(index + 1);
    }
    expect(miner.lines).toEqual(answers);
  },
);

test("a file of known logins that cannot be read or written costs the bridge nothing but its knowledge", async () => {
  const stateDir = await newFolder();
  const pool = await poolThat(withJob);
  const probe = await bridgeTo([pool.url]);
  const port = probe.ports.stratum[0] ?? 0;
  await probe.close();
  await mkdir(join(stateDir, `logins-${port}.jsonl`));
  const warned: string[] = [];
  const log = { ...SILENT, warn: (_: unknown, message: string) => void warned.push(message) };
  const bridge = await bridgeTo([pool.url], { stateDir, log, stratum: [{ host: "127.0.0.1", port }] });
  const miner = await minerOf(bridge);
  miner.say(LOGIN, share(1));
  await miner.untilLines(3);
  await bridge.close();
  expect(warned.filter((message) => message.startsWith("known logins"))).toEqual([
    "known logins cannot be read",
    "known logins cannot be kept on disk",
  ]);
});
