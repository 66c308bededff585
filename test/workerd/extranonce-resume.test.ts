import { env } from "cloudflare:workers";
import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import { StratumClient } from "./stratum-client.ts";
import { LOGIN, useStratumPool } from "./stratum-pool.ts";

useStratumPool();

const SUBSCRIBE = '{"id":1,"method":"mining.subscribe","params":["m/1","EthereumStratum/1.0.0"]}';
const AUTHORIZE = `{"id":3,"method":"mining.authorize","params":["${LOGIN}.rig","x"]}`;
const resume = (id: string) => SUBSCRIBE.replace('1.0.0"]', `1.0.0","${id}"]`);
const told = (line = "") => /"mining.notify","([^"]+)","[^"]+"\],"([0-9a-f]{6})"/.exec(line)?.slice(1) ?? [];

describe.each([`/stratum/${LOGIN}`, "/stratum"])("a session that comes back on %s", (path) => {
  it("gets the extranonce that it had, whether or not it was known to have gone, also from an object that was restarted", async () => {
    const miner = await StratumClient.connect(path);
    const before = told((await miner.ask(SUBSCRIBE))[0]);
    await miner.ask(AUTHORIZE, 3);
    const again = await StratumClient.connect(path);
    expect(told((await again.ask(resume(before[0] ?? "")))[0])).toEqual(before);
    await again.ask(AUTHORIZE, 3);
    expect(await miner.closed()).toEqual({ code: 1008, reason: "Session resumed on another connection" });
    again.close();
    await evictDurableObject(env.MINER_SESSION.getByName(LOGIN));
    const third = await StratumClient.connect(path);
    expect(told((await third.ask(resume(before[0] ?? "")))[0])).toEqual(before);
  });

  it("is the only one to get it", async () => {
    const miner = await StratumClient.connect(path);
    const [, mine] = told((await miner.ask(SUBSCRIBE))[0]);
    await miner.ask(AUTHORIZE, 3);
    const others = await Promise.all(
      [1, 2, 3].map(async () => told((await (await StratumClient.connect(path)).ask(SUBSCRIBE))[0])[1]),
    );
    expect(new Set([mine, ...others]).size).toBe(4);
  });
});

describe("an extranonce that another login's live session has", () => {
  const other = `0x${"c0ffee0123".repeat(4)}`;
  const AUTHORIZE_OTHER = AUTHORIZE.replace(LOGIN, other);
  const EXTRANONCE_SUBSCRIBE = '{"id":2,"method":"mining.extranonce.subscribe","params":[]}';

  it("is not had before the login by a session id that ends in it", async () => {
    const victim = await StratumClient.connect("/stratum");
    const [id = "", mine] = told((await victim.ask(SUBSCRIBE))[0]);
    await victim.ask(AUTHORIZE, 3);
    const thief = await StratumClient.connect("/stratum", "192.0.2.9");
    const [, forged] = told((await thief.ask(resume(`11111111${id.slice(8)}`)))[0]);
    expect([forged === mine, forged?.length]).toEqual([false, 6]);
  });

  it("is not kept by its own session under another login: that one gets a fresh one with its first job, or is to come back and gets it then", async () => {
    const victim = await StratumClient.connect("/stratum");
    const [id = "", mine] = told((await victim.ask(SUBSCRIBE))[0]);
    await victim.ask(AUTHORIZE, 3);
    const moves = await StratumClient.connect("/stratum", "192.0.2.9");
    expect(told((await moves.ask(resume(id)))[0])).toEqual([id, mine]);
    await moves.ask(EXTRANONCE_SUBSCRIBE);
    const [, set = ""] = await moves.ask(AUTHORIZE_OTHER, 4);
    const fresh = /"mining.set_extranonce","params":\["([0-9a-f]{6})"/.exec(set)?.[1];
    expect([fresh?.length, fresh === mine]).toEqual([6, false]);
    const stays = await StratumClient.connect("/stratum", "192.0.2.10");
    expect(told((await stays.ask(resume(id)))[0])[1]).not.toBe(mine);
    expect(await victim.ask(EXTRANONCE_SUBSCRIBE)).toHaveLength(1);
  });
});

/** Rows of the allocator's. */
async function rows(): Promise<number> {
  return await runInDurableObject(env.EXTRANONCE_ALLOCATOR.getByName("main"), (_object, { storage }) =>
    ["block", "turn", "origin"].reduce(
      (sum, table) => sum + storage.sql.exec(`SELECT * FROM ${table}`).toArray().length,
      0,
    ),
  );
}

it("twenty peers that subscribe and never log in cost one block of all of them, and no row each", async () => {
  for (let peer = 0; peer < 20; peer++) {
    const miner = await StratumClient.connect("/stratum");
    await miner.ask(SUBSCRIBE);
    miner.close();
    await miner.closed();
  }
  expect(await rows()).toBeLessThanOrEqual(2);
});
