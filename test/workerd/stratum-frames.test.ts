import { evictDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect, it } from "vitest";
import { StratumClient } from "./stratum-client.ts";
import { headerOf, LOGIN, nodeHas, pushNodeWork, useStratumPool } from "./stratum-pool.ts";

// A WebSocket's frames are text or binary, and some byte pipes know one kind only: websockify closes at a text frame.

useStratumPool();

const STRANGER = "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed";
const line = (text: string) => new TextEncoder().encode(`${text}\n`);
const loginLine = (login: string) =>
  `{"id":1,"jsonrpc":"2.0","method":"eth_submitLogin","params":["${login}"],"worker":"rüg"}`;
const SUBMIT = `{"id":4,"method":"eth_submitWork","params":["0x0123456789abcdef","${headerOf(1)}","0x${"e".repeat(64)}"]}`;
const GET_WORK = '{"id":5,"method":"eth_getWork","params":[]}';

/** Says a line in a kind of frame. @returns the kinds of the frames of its answer */
async function said(miner: StratumClient, text: string, kind: "text" | "binary", answers = 1): Promise<string[]> {
  miner.send(kind === "text" ? `${text}\n` : line(text));
  expect(await miner.read(answers)).toHaveLength(answers);
  return miner.kinds();
}

/** A new job comes without a word of the miner's. */
async function pushed(miner: StratumClient, variant: number): Promise<string[]> {
  nodeHas(variant, 99 + variant);
  await pushNodeWork();
  const [job] = await miner.read(1);
  expect(job).toContain(headerOf(variant).slice(2));
  return miner.kinds();
}

it("a session is answered in the kind of frame that its last one was, over a hibernation too", async () => {
  const miner = await StratumClient.connect(`/stratum/${LOGIN}`);
  expect(await said(miner, loginLine(LOGIN), "binary", 2)).toEqual(["binary", "binary"]);
  expect(await said(miner, SUBMIT, "binary")).toEqual(["binary"]);
  await evictDurableObject(env.MINER_SESSION.getByName(LOGIN), { webSockets: "hibernate" });
  expect(await pushed(miner, 2)).toEqual(["binary"]);
  expect(await said(miner, GET_WORK, "text")).toEqual(["text"]);
  await evictDurableObject(env.MINER_SESSION.getByName(LOGIN), { webSockets: "hibernate" });
  expect(await pushed(miner, 3)).toEqual(["text"]);
});

it.each(["text", "binary"] as const)("a login in band keeps %s frames once its object carries it", async (kind) => {
  const miner = await StratumClient.connect("/stratum");
  const subscribe = '{"id":0,"method":"mining.subscribe","params":["ethminer/0.19","EthereumStratum/1.0.0"]}';
  expect(await said(miner, subscribe, kind)).toEqual([kind]);
  const authorize = `{"id":1,"method":"mining.authorize","params":["${LOGIN}.rüg","x"]}`;
  const frames = await said(miner, authorize, kind, 3);
  expect(new Set(frames)).toEqual(new Set([kind]));
  expect(await pushed(miner, 2)).toEqual([kind]);
});

it.each(["text", "binary"] as const)(
  "a stranger keeps %s frames when it moves to its object with its first share",
  async (kind) => {
    const miner = await StratumClient.connect("/stratum");
    expect(await said(miner, loginLine(STRANGER), kind, 2)).toEqual([kind, kind]);
    expect(await said(miner, SUBMIT, kind)).toEqual([kind]);
    // Nothing has been said to the object yet.
    expect(await pushed(miner, 2)).toEqual([kind]);
    expect(await said(miner, GET_WORK, kind)).toEqual([kind]);
  },
);
