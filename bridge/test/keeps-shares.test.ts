import { spawn } from "node:child_process";
import { once } from "node:events";
import { appendFile, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { DIALECTS } from "../../core/stratum/dialects.ts";
import { parseObject } from "../src/json.ts";
import { KeptShares } from "../src/kept-shares.ts";
import { SILENT } from "../src/options.ts";
import {
  ADDRESS,
  LOGIN,
  answer,
  bridgeTo,
  minerOf,
  newFolder,
  poolThat,
  requestOf,
  share,
  stratum1,
  stratum2,
  type Verdict,
} from "./bridge-fixture.ts";
import { ScriptedPool, type PoolConnection } from "./scripted-pool.ts";
import { TcpMiner } from "./tcp-miner.ts";

const CLI = fileURLToPath(new URL("../src/cli.ts", import.meta.url));
const YES = '{"id":41,"jsonrpc":"2.0","result":true}';
const job = (header: string): string =>
  `${JSON.stringify({ id: 0, jsonrpc: "2.0", result: [header, "0x5", "0x7"] })}\n`;

/** Answers logins, pushes a job after each, and keeps silent about shares. */
const silentAboutShares = (line: string, connection: PoolConnection): void => {
  answer(line, connection, () => undefined);
  if (requestOf(line).method === "eth_submitlogin") connection.send(job("0xaa"));
};

const submits = (pool: ScriptedPool): unknown[] =>
  pool.lines.map(requestOf).flatMap(({ method, params }) => (method === "eth_submitwork" ? [params[0]] : []));

test("tells a miner yes for a share that no pool answers, once it is on disk, and the pool gets it when it is back", async () => {
  const stateDir = await newFolder();
  const first = await ScriptedPool.start(silentAboutShares);
  const bridge = await bridgeTo([first.url], { stateDir });
  const miner = await minerOf(bridge);
  miner.say(LOGIN);
  await miner.untilLines(2);
  miner.say(share(1));
  await miner.untilLines(3);
  expect(miner.lines[2]).toBe(YES);
  const kept = await readFile(join(stateDir, `shares-${bridge.ports.stratum[0]}.jsonl`), "utf8");
  expect(kept).toContain(String(share(1).params[0]));
  await first.kill();
  const second = await poolThat(answer, first.port);
  await second.until(() => submits(second).length === 1);
  while (bridge.stats().totals.accepted === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  expect(miner.lines.slice(3)).toEqual([]);
});

test("without a folder of its own it waits for the pool's answer, however long that takes", async () => {
  const first = await ScriptedPool.start(silentAboutShares);
  const miner = await minerOf(
    await bridgeTo([first.url], { timings: { answerWithinMs: 20, backOff: { firstMs: 5, longestMs: 50 } } }),
  );
  miner.say(LOGIN);
  await miner.untilLines(2);
  miner.say(share(1), { id: 9, method: "eth_submitHashrate", params: ["0x1", "0x2"] });
  await first.kill();
  // The answer to the hashrate shows that the time for the share's has passed as well.
  await miner.untilLines(3);
  expect(miner.answers(41)).toEqual([]);
  await poolThat(answer, first.port);
  await miner.untilLines(4);
  expect(miner.answers(41)).toEqual([parseObject(YES)]);
});

test("counts what the pool says in the end, and why, though the miner was told yes", async () => {
  const first = await ScriptedPool.start(silentAboutShares);
  const bridge = await bridgeTo([first.url], { stateDir: await newFolder() });
  const miner = await minerOf(bridge);
  miner.say(LOGIN);
  await miner.untilLines(2);
  miner.say(share(1), share(2), share(3));
  await miner.untilLines(5);
  await first.kill();
  const verdicts: Verdict[] = ["stale", "duplicate", "invalidLimit"];
  // The second had been recorded before the pool died: that it is a duplicate now says so.
  await poolThat((line, connection) => answer(line, connection, () => verdicts.shift()), first.port);
  while (bridge.stats().totals.rejected < 2) await new Promise((resolve) => setTimeout(resolve, 5));
  expect(bridge.stats().totals).toMatchObject({
    accepted: 1,
    rejected: 2,
    reasons: { "Stale or invalid share": 1, "Invalid share": 1 },
  });
  expect(miner.lines).toHaveLength(5);
});

/** A bridge in a process of its own. */
async function startProgram(
  url: string,
  option: string,
  port: number,
  stateDir: string,
): Promise<() => Promise<unknown>> {
  const args = [url, "--allow-insecure", option, `127.0.0.1:${port}`, "--display", "json", "--state", stateDir];
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", CLI, ...args], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(createInterface(child.stdout), "line");
  const ended = once(child, "exit");
  return () => (child.kill("SIGKILL"), ended);
}

test.each(["eth-proxy", "getwork"])(
  "is killed after it has told an %s miner yes, and brings the share to the pool when it is started again",
  { timeout: 60_000 },
  async (kind) => {
    const stateDir = await newFolder();
    const port = await freePort();
    const option = kind === "getwork" ? "--listen-getwork" : "--listen";
    const first = await ScriptedPool.start(silentAboutShares);
    const kill = await startProgram(first.url, option, port, stateDir);
    if (kind === "getwork") {
      const body = JSON.stringify(share(1));
      const reply = await fetch(`http://127.0.0.1:${port}/${ADDRESS}/rig-1`, { method: "POST", body });
      expect(await reply.text()).toBe(YES);
    } else {
      const miner = await TcpMiner.connect(port);
      miner.say(LOGIN);
      await miner.untilLines(2);
      miner.say(share(1));
      await miner.untilLines(3);
      expect(miner.lines[2]).toBe(YES);
      miner.close();
    }
    await kill();
    await first.kill();
    const told: string[] = [];
    const second = await poolThat(answer, first.port);
    second.onPost((body) => {
      told.push(body);
      return YES;
    });
    const killAgain = await startProgram(second.url, option, port, stateDir);
    await second.until(() => submits(second).length + told.length === 1);
    await killAgain();
  },
);

const ES1_LOGIN = [
  { id: 1, method: "mining.subscribe", params: ["ethminer/0.19", "EthereumStratum/1.0.0"] },
  { id: 2, method: "mining.authorize", params: [`${ADDRESS}.rig`, "x"] },
];
const ES2_LOGIN = [
  { id: 1, method: "mining.hello", params: { proto: "EthereumStratum/2.0.0" } },
  { id: 2, method: "mining.subscribe", params: [] },
  { id: 3, method: "mining.authorize", params: [`${ADDRESS}.rig`, "x"] },
];

test.each([
  ["EthereumStratum/1", stratum1, ES1_LOGIN, [`${ADDRESS}.rig`, "job-0a0a", "0123456789ab"], DIALECTS.es1.granted("9")],
  ["EthereumStratum/2", stratum2, ES2_LOGIN, ["aaaa", "0123456789ab", "rig"], DIALECTS.es2.granted("9")],
] as const)(
  "is killed after it has told an %s miner yes, and asks the next pool for the nonces of the session that the share is of",
  { timeout: 60_000 },
  async (_, poolOf, login, params, yes) => {
    const stateDir = await newFolder();
    const port = await freePort();
    const first = await ScriptedPool.start(poolOf("0a0a", false));
    const kill = await startProgram(first.url, "--listen", port, stateDir);
    const miner = await TcpMiner.connect(port);
    miner.say(...login);
    await miner.until((lines) => lines.some((line) => line.includes("mining.notify")));
    miner.say({ id: 9, method: "mining.submit", params });
    await miner.until((lines) => lines.includes(yes));
    miner.close();
    await kill();
    await first.kill();
    const second = await poolThat(poolOf("0a0a", true), first.port);
    const killAgain = await startProgram(second.url, "--listen", port, stateDir);
    const submitted = (): unknown[] =>
      second.lines.map(requestOf).flatMap((request) => (request.method === "mining.submit" ? [request.params] : []));
    await second.until(() => submitted().length === 1);
    expect(submitted()).toEqual([params]);
    await killAgain();
  },
);

test("reads a file whose last line a crash tore, and numbers new shares after the old", async () => {
  const path = join(await newFolder(), "shares.jsonl");
  const first = await KeptShares.open(path, SILENT);
  const keeping = first.kept.keep([{ line: "one" }, { line: "two" }, { line: "three" }]);
  expect(await keeping?.written).toBe(true);
  first.kept.settled(keeping?.numbers[1] ?? 0);
  await first.kept.close();
  await appendFile(path, '{"keep":4,"line":"fo');
  const second = await KeptShares.open(path, SILENT);
  expect([...second.left.values()].map(({ line }) => line)).toEqual(["one", "three"]);
  expect(second.kept.keep([{ line: "five" }])?.numbers).toEqual([4]);
  await second.kept.close();
  expect((await readFile(path, "utf8")).trim().split("\n")).toHaveLength(3);
});

test("says that nothing was kept when the disk takes nothing, and refuses a folder that cannot be used", async () => {
  const place = await newFolder();
  const { kept } = await KeptShares.open(join(place, "shares.jsonl"), SILENT);
  await kept.close();
  expect(await kept.keep([{ line: "one" }])?.written).toBe(false);
  expect((await KeptShares.open(join(place, "shares.jsonl"), SILENT)).left.size).toBe(0);
  await writeFile(join(place, "file"), "");
  await expect(bridgeTo(["ws://127.0.0.1:1"], { stateDir: join(place, "file") })).rejects.toThrow(/--state/);
});

async function freePort(): Promise<number> {
  const pool = await ScriptedPool.start(() => undefined);
  await pool.kill();
  return pool.port;
}
