import { createServer, connect, type Socket } from "node:net";
import { once } from "node:events";
import { expect, test } from "vitest";
import { answer, bridgeTo, IMPATIENT, LOGIN, minerOf, poolThat, QUICK, share } from "./bridge-fixture.ts";
import { ScriptedPool } from "./scripted-pool.ts";

test("goes to the next pool when the first is gone, with the share in flight, and returns when it is back", async () => {
  const first = await ScriptedPool.start((line, connection) => answer(line, connection, () => undefined));
  const backup = await poolThat(answer);
  const bridge = await bridgeTo([first.url, backup.url]);
  const miner = await minerOf(bridge);
  miner.say(LOGIN, share(1));
  await first.until(() => first.lines.length === 2);
  await first.kill();
  await miner.untilLines(2);
  expect(miner.answers(41)).toEqual([{ id: 41, jsonrpc: "2.0", result: true }]);
  expect(backup.lines).toHaveLength(2);
  expect(bridge.stats().pools.map(({ state }) => state)).toEqual(["down", "up"]);

  const again = await poolThat(answer, first.port);
  await again.until(() => again.lines.length === 1);
  await backup.until(() => backup.connections.every(({ socket }) => socket.readyState >= 2));
  miner.say(share(2));
  await miner.untilLines(3);
  expect(again.lines).toHaveLength(2);
  expect(miner.closed).toBe(false);
  expect(bridge.stats().pools.map(({ miners }) => miners)).toEqual([1, 0]);
});

test("leaves a share in flight to the pool that has it when it returns to the first one", async () => {
  const first = await ScriptedPool.start(answer);
  const backup = await poolThat((line, connection) => answer(line, connection, () => undefined));
  const bridge = await bridgeTo([first.url, backup.url]);
  await first.kill();
  const miner = await minerOf(bridge);
  miner.say(LOGIN, share(1));
  await backup.until(() => backup.lines.length === 2);
  const again = await poolThat(answer, first.port);
  await again.until(() => again.lines.length === 1);
  miner.say(share(2));
  await miner.until(() => miner.answers(42).length === 1);
  // The pool that was left still has its say on its share, but its jobs are nothing to the miner any more.
  backup.connections[0]?.send('{"id":0,"jsonrpc":"2.0","result":["0xold","0xseed","0xtarget"]}\n');
  backup.connections[0]?.send('{"id":41,"jsonrpc":"2.0","result":true}\n');
  await miner.until(() => miner.answers(41).length === 1);
  expect(again.lines).toHaveLength(2);
  await backup.until(() => backup.connections.every(({ socket }) => socket.readyState >= 2));
  expect(miner.lines.filter((line) => line.includes("0xold"))).toEqual([]);
});

test("goes to the next pool when the first takes connections and never answers", async () => {
  const silent = await poolThat(() => undefined);
  const backup = await poolThat(answer);
  const miner = await minerOf(await bridgeTo([silent.url, backup.url], { timings: IMPATIENT }));
  miner.say(LOGIN);
  await miner.untilLines(1);
  expect(silent.lines).toHaveLength(1);
  expect(backup.lines).toHaveLength(1);
});

test("goes to the next pool when the first refuses the handshake", async () => {
  const notAPool = createServer((socket) => socket.end("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"));
  notAPool.listen(0, "127.0.0.1");
  await once(notAPool, "listening");
  const address = notAPool.address();
  const port = typeof address === "object" ? address?.port : 0;
  const backup = await poolThat(answer);
  const bridge = await bridgeTo([`ws://127.0.0.1:${port}`, backup.url]);
  const miner = await minerOf(bridge);
  miner.say(LOGIN);
  await miner.untilLines(1);
  expect(bridge.stats().pools[0]).toMatchObject({ state: "down", lastError: "the pool answered with status 404" });
  notAPool.close();
});

/** A cable that can be cut without either side hearing of it. */
async function cable(target: number): Promise<{ port: number; cut(): void; close(): void }> {
  let whole = true;
  const ends: Socket[] = [];
  const server = createServer((near) => {
    const far = connect(target, "127.0.0.1");
    ends.push(near, far);
    near.on("data", (bytes) => whole && far.write(bytes));
    far.on("data", (bytes) => whole && near.write(bytes));
    near.on("error", () => undefined);
    far.on("error", () => undefined);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : 0,
    cut: () => (whole = false),
    close: () => {
      server.close();
      for (const end of ends) end.destroy();
    },
  };
}

test("finds out that a connection is dead though it looks open, and takes its shares elsewhere", async () => {
  const pool = await poolThat(answer);
  const backup = await poolThat(answer);
  const line = await cable(pool.port);
  const miner = await minerOf(await bridgeTo([`ws://127.0.0.1:${line.port}`, backup.url], { timings: IMPATIENT }));
  miner.say(LOGIN);
  await miner.untilLines(1);
  line.cut();
  miner.say(share(1));
  await miner.untilLines(2);
  expect(miner.answers(41)).toEqual([{ id: 41, jsonrpc: "2.0", result: true }]);
  expect(pool.lines).toHaveLength(1);
  expect(backup.lines).toHaveLength(2);
  line.close();
});

test("waits for a pool that is slow but alive, and answers in its own time", async () => {
  const slow = { ...QUICK, pongTimeoutMs: 1_500 };
  const pool = await poolThat((line, connection) => {
    // Longer than silence and ping time-out together: the pool answers pings meanwhile.
    setTimeout(() => answer(line, connection), slow.pingIntervalMs + slow.pongTimeoutMs + 100);
  });
  const miner = await minerOf(await bridgeTo([pool.url], { timings: slow }));
  miner.say(LOGIN);
  await miner.untilLines(1);
  miner.say(share(1), share(2), share(3));
  await miner.untilLines(4);
  expect(pool.connections).toHaveLength(1);
  for (const id of [41, 42, 43]) expect(miner.answers(id)).toHaveLength(1);
});

test("looks again, after a while, at a preferred pool that did not serve this miner", async () => {
  let awake = false;
  const sleepy = await poolThat((line, connection) => awake && answer(line, connection));
  const backup = await poolThat(answer);
  const bridge = await bridgeTo([sleepy.url, backup.url], { timings: IMPATIENT });
  const miner = await minerOf(bridge);
  miner.say(LOGIN);
  await miner.untilLines(1);
  expect(bridge.stats().pools.map(({ state, miners }) => [state, miners])).toEqual([
    ["up", 0],
    ["up", 1],
  ]);
  // It is tried, and found wanting again, without the miner being taken from the one that serves it.
  await sleepy.until(() => sleepy.connections.length >= 2);
  miner.say(share(1));
  await miner.untilLines(2);
  awake = true;
  await backup.until(() => backup.connections.every(({ socket }) => socket.readyState >= 2));
  miner.say(share(2));
  await miner.untilLines(3);
  expect(sleepy.lines.at(-1)).toBe(JSON.stringify(share(2)));
});
