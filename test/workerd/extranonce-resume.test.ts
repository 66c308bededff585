import { env } from "cloudflare:workers";
import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { describe, expect, it, vi } from "vitest";
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

/** Blocks that somebody holds for longer than one is kept for a session that may return. */
async function lent(): Promise<number> {
  return await runInDurableObject(env.EXTRANONCE_ALLOCATOR.getByName("main"), (_object, { storage }) => {
    const sql = "SELECT count(*) AS n FROM block WHERE until_ms > ?";
    return storage.sql.exec<{ n: number }>(sql, Date.now() + 600_000).one().n;
  });
}

it("twenty peers that subscribe and never log in have given their extranonces back", async () => {
  for (let peer = 0; peer < 20; peer++) {
    const miner = await StratumClient.connect("/stratum");
    await miner.ask(SUBSCRIBE);
    miner.close();
    await miner.closed();
  }
  await vi.waitFor(async () => expect(await lent()).toBe(0), 10_000);
});
