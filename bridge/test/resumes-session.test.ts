import { expect, test } from "vitest";
import { parseObject } from "../src/json.ts";
import {
  ADDRESS,
  LOGIN,
  answer,
  bridgeTo,
  minerOf,
  poolThat,
  requestOf,
  share,
  stratum1,
  stratum2,
  type Verdict,
} from "./bridge-fixture.ts";
import { ScriptedPool } from "./scripted-pool.ts";

/** A ledger that outlives the pool's restarts, as the real one does: a share counts once, and again it is a duplicate. */
class Ledger {
  readonly recorded = new Map<string, number>();

  record(nonce: unknown): Verdict {
    const key = String(nonce);
    const count = (this.recorded.get(key) ?? 0) + 1;
    this.recorded.set(key, count);
    return count === 1 ? true : "duplicate";
  }
}

const results = (lines: readonly string[], id: unknown): unknown[] =>
  lines.map(parseObject).flatMap((body) => (body !== null && body["id"] === id ? [body["result"]] : []));

test("keeps the miner's connection over a restart of the pool, and logs in again for it without telling it", async () => {
  const first = await ScriptedPool.start(answer);
  const miner = await minerOf(await bridgeTo([first.url]));
  miner.say(LOGIN);
  await miner.untilLines(1);
  await first.kill();
  const second = await poolThat(answer, first.port);
  await second.until(() => second.lines.length === 1);
  miner.say(share(1));
  await miner.untilLines(2);
  expect(miner.closed).toBe(false);
  expect(miner.lines).toEqual(['{"id":1,"jsonrpc":"2.0","result":true}', '{"id":41,"jsonrpc":"2.0","result":true}']);
  const login = requestOf(second.lines[0] ?? "");
  expect({ ...login, id: LOGIN.id }).toEqual({ id: LOGIN.id, method: "eth_submitlogin", params: LOGIN.params });
  expect(second.connections[0]?.path).toBe(`/stratum/${ADDRESS}/rig-1`);
});

test("answers every share exactly once when the pool dies after recording some and before answering them", async () => {
  const ledger = new Ledger();
  const shares = Array.from({ length: 12 }, (_, n) => share(n));
  // Of the first pool: shares 0-3 are answered, 4-7 recorded but never answered, 8-11 never looked at.
  const first = await ScriptedPool.start((line, connection) =>
    answer(line, connection, ({ params }) => {
      const n = Number(params[0]);
      if (n > 7) return undefined;
      const outcome = ledger.record(params[0]);
      return n < 4 ? outcome : undefined;
    }),
  );
  const miner = await minerOf(await bridgeTo([first.url]));
  miner.say(LOGIN, ...shares);
  await first.until(() => first.lines.length === 13);
  await miner.untilLines(5);
  await first.kill();
  await poolThat((line, connection) => answer(line, connection, ({ params }) => ledger.record(params[0])), first.port);
  await miner.untilLines(13);
  for (const { id } of shares) expect(results(miner.lines, id)).toEqual([true]);
  for (const { params } of shares) expect(ledger.recorded.get(String(params[0]))).toBeLessThanOrEqual(2);
  expect(ledger.recorded.size).toBe(12);
});

test("keeps apart shares with one id, whatever order they are answered in, over a reconnect", async () => {
  const ledger = new Ledger();
  const first = await ScriptedPool.start((line, connection) =>
    answer(line, connection, ({ params }) => (Number(params[0]) === 2 ? ledger.record(params[0]) : undefined)),
  );
  const miner = await minerOf(await bridgeTo([first.url]));
  // ethminer: one id for all shares of a GPU. Only the second one is answered before the pool dies.
  miner.say(LOGIN, share(1, 40), share(2, 40), share(3, 40));
  await miner.untilLines(2);
  await first.until(() => first.lines.length === 4);
  await first.kill();
  const second = await poolThat(
    (line, connection) => answer(line, connection, ({ params }) => ledger.record(params[0])),
    first.port,
  );
  await miner.untilLines(4);
  expect(results(miner.lines, 40)).toEqual([true, true, true]);
  expect(second.lines.slice(1).map((line) => Number(requestOf(line).params[0]))).toEqual([1, 3]);
  expect([...ledger.recorded.values()]).toEqual([1, 1, 1]);
});

test("tells the truth about a duplicate that the miner itself made", async () => {
  const ledger = new Ledger();
  const pool = await poolThat((line, connection) => answer(line, connection, ({ params }) => ledger.record(params[0])));
  const miner = await minerOf(await bridgeTo([pool.url]));
  miner.say(LOGIN, share(1, 40));
  await miner.untilLines(2);
  miner.say(share(1, 41));
  await miner.untilLines(3);
  expect(miner.lines[2]).toBe(
    '{"id":41,"jsonrpc":"2.0","result":null,"error":{"code":22,"message":"Duplicate share"}}',
  );
});

test("tells the truth about a duplicate in flight: one of two equal shares counts", async () => {
  const ledger = new Ledger();
  const first = await ScriptedPool.start((line, connection) => answer(line, connection, () => undefined));
  const miner = await minerOf(await bridgeTo([first.url]));
  miner.say(LOGIN, share(1, 40), share(1, 41));
  await first.until(() => first.lines.length === 3);
  await first.kill();
  await poolThat((line, connection) => answer(line, connection, ({ params }) => ledger.record(params[0])), first.port);
  await miner.untilLines(3);
  expect(results(miner.lines, 40)).toEqual([true]);
  expect(results(miner.lines, 41)).toEqual([null]);
});

test("takes shares while no pool is there, and delivers them in order when it is back", async () => {
  const first = await ScriptedPool.start(answer);
  const miner = await minerOf(await bridgeTo([first.url]));
  miner.say(LOGIN);
  await miner.untilLines(1);
  await first.kill();
  const shares = Array.from({ length: 600 }, (_, n) => share(n, n + 100));
  miner.say(...shares);
  const second = await poolThat(answer, first.port);
  await miner.untilLines(601);
  for (const { id } of shares) expect(results(miner.lines, id)).toEqual([true]);
  const nonces = second.lines.map(requestOf).filter(({ method }) => method === "eth_submitwork");
  expect(nonces.map(({ params }) => Number(params[0]))).toEqual(shares.map((_, n) => n));
});

test("delivers the shares of a miner that gave up waiting, and does not call them duplicates when it submits them again", async () => {
  const ledger = new Ledger();
  const first = await ScriptedPool.start((line, connection) => answer(line, connection, () => undefined));
  const bridge = await bridgeTo([first.url]);
  const impatient = await minerOf(bridge);
  impatient.say(LOGIN, share(1), share(2));
  await first.until(() => first.lines.length === 3);
  await first.kill();
  impatient.close();
  const second = await poolThat(
    (line, connection) => answer(line, connection, ({ params }) => ledger.record(params[0])),
    first.port,
  );
  await second.until(() => ledger.recorded.size === 2);
  await second.until(() => second.connections.every(({ socket }) => socket.readyState >= 2));
  const again = await minerOf(bridge);
  again.say(LOGIN, share(1), share(2), share(1, 99));
  await again.untilLines(4);
  expect(results(again.lines, 41)).toEqual([true]);
  expect(results(again.lines, 42)).toEqual([true]);
  expect(results(again.lines, 99)).toEqual([null]);
  expect(bridge.stats().totals).toMatchObject({ accepted: 4, rejected: 1 });
});

test("holds a share that the restarted pool has no work for yet, and asks again", async () => {
  const first = await ScriptedPool.start((line, connection) => answer(line, connection, () => undefined));
  const miner = await minerOf(await bridgeTo([first.url]));
  miner.say(LOGIN, share(1));
  await first.until(() => first.lines.length === 2);
  await first.kill();
  let asked = 0;
  await poolThat((line, connection) => {
    answer(line, connection, () => {
      asked += 1;
      return asked === 1 ? "notReady" : true;
    });
  }, first.port);
  await miner.untilLines(2);
  expect(results(miner.lines, 41)).toEqual([true]);
  expect(asked).toBe(2);
});

test("answers only the newest of the polls that piled up while no pool was there", async () => {
  const first = await ScriptedPool.start(answer);
  const miner = await minerOf(await bridgeTo([first.url]));
  miner.say(LOGIN);
  await miner.untilLines(1);
  await first.kill();
  const poll = { id: 7, jsonrpc: "2.0", method: "eth_getWork", params: [] };
  miner.say(...Array.from({ length: 100 }, () => poll), share(1));
  const second = await poolThat(answer, first.port);
  await miner.until((lines) => results(lines, 41).length === 1);
  expect(second.lines.filter((line) => requestOf(line).method === "eth_getwork").length).toBeLessThan(10);
});

test("gives an EthereumStratum/1 miner its new extranonce, and answers the shares that it no longer fits", async () => {
  const first = await ScriptedPool.start(stratum1("0a0a", false));
  const miner = await minerOf(await bridgeTo([first.url]));
  miner.say({ id: 1, method: "mining.subscribe", params: ["ethminer/0.19", "EthereumStratum/1.0.0"] });
  await miner.untilLines(1);
  miner.say({ id: 2, method: "mining.extranonce.subscribe", params: [] });
  miner.say({ id: 3, method: "mining.authorize", params: [`${ADDRESS}.rig`, "x"] });
  await miner.untilLines(4);
  miner.say({ id: 4, method: "mining.submit", params: [`${ADDRESS}.rig`, "job-0a0a", "0123456789ab"] });
  await first.until(() => first.lines.length === 4);
  await first.kill();
  const second = await poolThat(stratum1("0b0b", true), first.port);
  await miner.until((lines) => lines.some((line) => line.includes("job-0b0b")));
  miner.say({ id: 5, method: "mining.submit", params: [`${ADDRESS}.rig`, "job-0b0b", "0123456789ab"] });
  await miner.until((lines) => results(lines, 5).length === 1);
  const after = miner.lines.slice(4);
  expect(after.slice(0, 3).toSorted()).toEqual(
    [
      '{"id":null,"method":"mining.set_extranonce","params":["0b0b"]}',
      '{"id":4,"result":null,"error":[21,"Job not found",null]}',
      '{"id":null,"method":"mining.notify","params":["job-0b0b","seed","header",true]}',
    ].toSorted(),
  );
  expect(after.findIndex((line) => line.includes("set_extranonce"))).toBeLessThan(
    after.findIndex((line) => line.includes("mining.notify")),
  );
  expect(results(miner.lines, 5)).toEqual([true]);
  expect(second.connections[0]?.path).toBe(`/stratum/${ADDRESS}/rig`);
  expect(second.lines.map((line) => requestOf(line).method)).toEqual([
    "mining.subscribe",
    "mining.extranonce.subscribe",
    "mining.authorize",
    "mining.submit",
  ]);
});

test("asks for the nonces of the old session, and then loses no EthereumStratum share", async () => {
  const first = await ScriptedPool.start(stratum1("0a0a", false));
  const miner = await minerOf(await bridgeTo([first.url]));
  const agent = ["ethminer/0.19", "EthereumStratum/1.0.0"];
  miner.say(
    { id: 1, method: "mining.subscribe", params: agent },
    { id: 3, method: "mining.authorize", params: [`${ADDRESS}.rig`, "x"] },
  );
  await miner.untilLines(3);
  const submit = { id: 4, method: "mining.submit", params: [`${ADDRESS}.rig`, "job-0a0a", "0123456789ab"] };
  miner.say(submit);
  await first.until(() => first.lines.length === 3);
  await first.kill();
  const second = await poolThat(stratum1("0a0a", true), first.port);
  await miner.until((lines) => results(lines, 4).length === 1);
  expect(results(miner.lines, 4)).toEqual([true]);
  expect(second.lines.map((line) => requestOf(line).params)).toEqual([
    [...agent, "session"],
    [`${ADDRESS}.rig`, "x"],
    submit.params,
  ]);
  expect(miner.lines.filter((line) => line.includes("set_extranonce"))).toEqual([]);
});

test.each([
  ["accepts the share in flight of an EthereumStratum/2 session whose extranonce stays", "0a0a", { id: 4 }],
  [
    "answers the share in flight of an EthereumStratum/2 session whose extranonce changes",
    "0b0b",
    { id: 4, error: { code: 404, message: "Job not found" } },
  ],
])("%s", async (_, extranonce, expected) => {
  const first = await ScriptedPool.start(stratum2("0a0a", false));
  const miner = await minerOf(await bridgeTo([first.url]));
  miner.say(
    { id: 1, method: "mining.hello", params: { proto: "EthereumStratum/2.0.0" } },
    { id: 2, method: "mining.subscribe", params: [] },
    { id: 3, method: "mining.authorize", params: [`${ADDRESS}.rig`, "x"] },
  );
  await miner.untilLines(5);
  miner.say({ id: 4, method: "mining.submit", params: ["aaaa", "0123456789ab", "rig"] });
  await first.until(() => first.lines.length === 4);
  await first.kill();
  const second = await poolThat(stratum2(extranonce, true), first.port);
  const stays = extranonce === "0a0a";
  await miner.until(() => miner.answers(4).length === 1 && miner.lines.length >= (stays ? 6 : 8));
  expect(miner.answers(4)).toEqual([expected]);
  expect(second.lines.slice(0, 3).map((line) => requestOf(line).params)).toEqual([
    [],
    ["s-12345"],
    [`${ADDRESS}.rig`, "x"],
  ]);
  // What holds already is not said again: ethminer begins its nonces anew at every job.
  expect(miner.lines.slice(5).filter((line) => /mining\.(set|notify)/.test(line))).toHaveLength(stays ? 0 : 2);
});

test("lets a miner that cannot take a new extranonce connect again", async () => {
  const first = await ScriptedPool.start(stratum1("0a", true));
  const miner = await minerOf(await bridgeTo([first.url]));
  miner.say({ id: 1, method: "mining.subscribe", params: ["x", "EthereumStratum/1.0.0"] });
  miner.say({ id: 2, method: "mining.authorize", params: [`${ADDRESS}.rig`, "x"] });
  await miner.untilLines(3);
  await first.kill();
  await poolThat(stratum1("0b", true), first.port);
  await miner.untilClosed();
});
