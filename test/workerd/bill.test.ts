import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect, it, vi } from "vitest";
import { loadConfig } from "../../durable-objects/platform/config.ts";
import { ledgerClient } from "../../durable-objects/platform/ledger-client.ts";
import { BlockTemplate } from "../../durable-objects/block-template.ts";
import { MinerSession } from "../../durable-objects/miner-session.ts";
import { behaviourOf, ratesOf, sharesPerCall, type PoolSize } from "../../scripts/cost/model.ts";
import { ShareVerifier } from "../../durable-objects/share-verifier.ts";
import { StratumClient } from "./stratum-client.ts";
import { headerOf, nodeHas, pushNodeWork, useStratumPool, world } from "./stratum-pool.ts";

useStratumPool();

const SECONDS = 600;
const SIZE: PoolSize = {
  miners: 4,
  rigs: 8,
  shareIntervalS: 30,
  blockTimeS: 13,
  ledger: "embedded",
  shards: 1,
  notify: true,
  viewers: 0,
};
const template = () => env.BLOCK_TEMPLATE.getByName("main");

/** Moments of new blocks: times between them as an exponential distribution has them, in an order without rule. */
function blocks(): Set<number> {
  const count = Math.round(SECONDS / SIZE.blockTimeS);
  const times = Array.from({ length: count }, (_, at) => -SIZE.blockTimeS * Math.log(1 - (at + 0.5) / count));
  const moments = new Set<number>();
  let atS = 0;
  for (let at = 0; at < count; at += 1) {
    atS += times[(at * 17) % count] ?? 0;
    moments.add(Math.round(atS));
  }
  return moments;
}

/** Calls of a class' method, as long as the test runs. */
function calls(prototype: object, method: string): () => number {
  const original: unknown = Object.getOwnPropertyDescriptor(prototype, method)?.value;
  if (typeof original !== "function") throw new TypeError(`no method ${method}`);
  let count = 0;
  function counted(this: unknown, ...parameters: unknown[]): unknown {
    count += 1;
    return Reflect.apply(Object(original), this, parameters);
  }
  vi.spyOn(Object(prototype), method).mockImplementation(counted);
  return () => count;
}

/** The rigs, logged in. */
async function connected(): Promise<StratumClient[]> {
  const rigs: StratumClient[] = [];
  for (let rig = 0; rig < SIZE.rigs; rig += 1) {
    const login = `0x${(rig % SIZE.miners).toString(16).padStart(40, "a")}`;
    await ledgerClient(env, loadConfig(env)).command(["HSET", `eth:miners:${login}`, "lastShare", 1]);
    const miner = await StratumClient.connect(`/stratum/${login}/rig${rig}`);
    await miner.ask(`{"id":1,"method":"eth_submitLogin","params":["${login}"]}`);
    rigs.push(miner);
  }
  return rigs;
}

/** Shares that all rigs have sent by then. */
const sharesBy = (second: number) => Math.floor((second * SIZE.rigs) / SIZE.shareIntervalS);

/** The pool's time: blocks, a header every two and a half seconds, alarms that are due, and shares of the rigs in turn. */
async function mine(rigs: readonly StratumClient[]): Promise<void> {
  const startMs = Date.now();
  const moments = blocks();
  let [variant, height, pushed] = [2, 100, 1];
  for (let second = 1; second <= SECONDS; second += 1) {
    const nowMs = startMs + second * 1_000;
    vi.useFakeTimers({ toFake: ["Date"], now: nowMs });
    const isBlock = moments.has(second);
    if (isBlock || second % 5 === 0 || second % 5 === 2) {
      variant += 1;
      height += isBlock ? 1 : 0;
      if (isBlock) pushed = variant;
      nodeHas(variant, height);
      await pushNodeWork();
    }
    const alarmMs = await runInDurableObject(template(), (_object, { storage }) => storage.getAlarm());
    if (alarmMs !== null && alarmMs <= nowMs) await runDurableObjectAlarm(template());
    const share = sharesBy(second);
    if (share === sharesBy(second - 1)) continue;
    const nonce = `0x${second.toString(16).padStart(16, "0")}`;
    const params = JSON.stringify([nonce, headerOf(pushed), `0x${"e".repeat(64)}`]);
    rigs[share % SIZE.rigs]?.send(`{"id":40,"method":"eth_submitWork","params":${params}}\n`);
  }
}

/** Within 15 % of the model. */
function near(name: string, counted: number, perSecond = 0): void {
  const ratio = counted / (perSecond * SECONDS);
  expect.soft(ratio, `${name}: ${counted} counted`).toBeGreaterThan(0.85);
  expect.soft(ratio, `${name}: ${counted} counted`).toBeLessThan(1.15);
}

it(
  "is what the model says: calls, alarms and rows of ten minutes of a pool that mines",
  { timeout: 120_000 },
  async () => {
    const rigs = await connected();
    const root = BlockTemplate.prototype;
    const storage = await runInDurableObject(template(), (_object, state) =>
      Object(Object.getPrototypeOf(state.storage)),
    );
    const counts = {
      pushes: calls(MinerSession.prototype, "pushWork"),
      sessionAlarms: calls(MinerSession.prototype, "alarm"),
      polls: calls(root, "alarm"),
      notifies: calls(root, "notify"),
      asks: calls(root, "subscribe"),
      singly: calls(ShareVerifier.prototype, "submit"),
      together: calls(ShareVerifier.prototype, "submitAll"),
      alarmRows: calls(storage, "setAlarm"),
      workRows: calls(storage, "put"),
    };
    await mine(rigs);
    await vi.waitFor(() => expect(world.shares).toHaveLength((SECONDS * SIZE.rigs) / SIZE.shareIntervalS));
    const lines = ratesOf(SIZE, behaviourOf(SIZE));
    const of = (name: string) => lines.find((line) => line.name === name);
    const [pushes, polls] = [of("job pushes"), of("polls of nodes")];
    near("pushes", counts.pushes(), pushes?.objectRequests);
    near("polls and notifies", counts.polls() + counts.notifies(), polls?.objectRequests);
    near("rows", counts.alarmRows() + counts.workRows(), (polls?.rowsWritten ?? 0) + (pushes?.rowsWritten ?? 0));
    const shares = SIZE.rigs / SIZE.shareIntervalS;
    near("share messages", world.shares.length, of("share messages")?.messages);
    near("share calls", counts.singly() + counts.together(), shares / sharesPerCall(shares / SIZE.miners, true));
    // One, where the login has come: pushes look after the rest.
    expect(counts.sessionAlarms()).toBeLessThanOrEqual(SIZE.miners);
    expect(counts.asks()).toBe(0);
  },
);
