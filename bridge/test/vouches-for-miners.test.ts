import { expect, test } from "vitest";
import { parseCommandLine } from "../src/command/command-line.ts";
import { ADDRESS, answer, bridgeTo, LOGIN, minerOf, poolThat } from "./bridge-fixture.ts";

const token = "the-first-pool-s-bridge-token";
const PROGRAM = { name: "node bridge.mjs", version: "1.0.0" };

test("tells the first pool which of its miners a connection is, and shows the token to no other pool", async () => {
  const first = await poolThat((line, connection) => answer(line, connection));
  const second = await poolThat((line, connection) => answer(line, connection));
  const bridge = await bridgeTo([first.url, second.url], { token });
  const miner = await minerOf(bridge);
  miner.say(LOGIN);
  await miner.untilLines(1);
  expect(first.connections.at(-1)?.headers).toMatchObject({
    "edgepool-bridge-token": token,
    "edgepool-miner": expect.stringMatching(/127\.0\.0\.1$/),
  });
  await first.kill();
  await second.until(() => second.lines.length > 0);
  for (const { headers } of second.connections) {
    expect([headers["edgepool-bridge-token"], headers["edgepool-miner"]]).toEqual([undefined, undefined]);
  }
});

test("says it with every request of HTTP getwork as well", async () => {
  const pool = await poolThat(() => undefined);
  const seen: unknown[] = [];
  pool.onPost((body, headers) => {
    seen.push([headers["edgepool-bridge-token"], headers["edgepool-miner"]]);
    return `{"id":1,"jsonrpc":"2.0","result":true,"for":${body.length}}`;
  });
  const bridge = await bridgeTo([pool.url], { token, getwork: [{ host: "127.0.0.1", port: 0 }] });
  const body = '{"id":1,"method":"eth_submitHashrate","params":["0x1","0x1"]}';
  await fetch(`http://127.0.0.1:${bridge.ports.getwork[0]}/${ADDRESS}`, { method: "POST", body });
  expect(seen[0]).toEqual([token, expect.stringMatching(/127\.0\.0\.1$/)]);
});

test("says nothing of its miners without a token", async () => {
  const pool = await poolThat((line, connection) => answer(line, connection));
  const miner = await minerOf(await bridgeTo([pool.url]));
  miner.say(LOGIN);
  await miner.untilLines(1);
  expect(pool.connections[0]?.headers["edgepool-miner"]).toBeUndefined();
});

test("takes the token from the command line", () => {
  const argv = ["wss://pool.example", "--token", token];
  expect(parseCommandLine(argv, PROGRAM).bridge.token).toBe(token);
  expect(parseCommandLine(argv.slice(0, 1), PROGRAM).bridge.token).toBeUndefined();
});
