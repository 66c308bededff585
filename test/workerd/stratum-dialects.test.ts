import { evictDurableObject, runDurableObjectAlarm } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it, vi } from "vitest";
import { ExtranonceAllocator } from "../../durable-objects/extranonce-allocator.ts";
import { StratumClient } from "./stratum-client.ts";
import { headerOf, LOGIN, useStratumPool, world } from "./stratum-pool.ts";

const OTHERS = [`0x${"1".repeat(40)}`, `0x${"2".repeat(40)}`];
useStratumPool(OTHERS);

const SUBSCRIBE = '{"id":1,"method":"mining.subscribe","params":["ethminer/0.19","EthereumStratum/1.0.0"]}';
const AUTHORIZE = (login = LOGIN) => `{"id":3,"method":"mining.authorize","params":["${login}.rig","x"]}`;
const JOB = headerOf(1).slice(2, 18);

/** @returns the miner and the extranonce that the pool gave it */
async function subscribed(path: string): Promise<{ miner: StratumClient; extranonce: string }> {
  const miner = await StratumClient.connect(path);
  const [line = ""] = await miner.ask(SUBSCRIBE);
  const extranonce = /"([0-9a-f]{6})"\],"error":null}$/.exec(line)?.[1];
  if (extranonce === undefined) throw new Error(`no extranonce in ${line}`);
  return { miner, extranonce };
}

describe.each([`/stratum/${LOGIN}`, "/stratum"])("extranonces on %s", (path) => {
  it("go into the nonce of the share, and the pool computes the mix digest", async () => {
    const { miner, extranonce } = await subscribed(path);
    expect(await miner.ask(AUTHORIZE(), 3)).toHaveLength(3);
    expect(
      await miner.ask(`{"id":4,"method":"mining.submit","params":["${LOGIN}.rig","${JOB}","0123456789"]}`),
    ).toEqual(['{"id":4,"result":true,"error":null}']);
    expect(world.shares).toMatchObject([{ nonce: `0x${extranonce}0123456789`, mixDigest: null, worker: "rig" }]);
  });

  it("come with a job to a miner that waits for one before it authorizes, and its shares count from then on", async () => {
    const { miner } = await subscribed(path);
    await miner.ask('{"id":2,"method":"mining.extranonce.subscribe","params":[]}');
    const job = [
      '{"id":null,"method":"mining.set_difficulty","params":[1.999969482421882]}',
      expect.stringContaining(`{"id":null,"method":"mining.notify","params":["${JOB}",`),
    ];
    expect(await miner.read(2)).toEqual(job);
    const submit = `{"id":4,"method":"mining.submit","params":["${LOGIN}.rig","${JOB}","0123456789"]}`;
    expect(await miner.ask(submit)).toEqual(['{"id":4,"result":null,"error":[25,"Not subscribed",null]}']);
    expect(await miner.ask(AUTHORIZE(), 3)).toEqual(['{"id":3,"result":true,"error":null}', ...job]);
    expect(await miner.ask(submit)).toEqual(['{"id":4,"result":true,"error":null}']);
    expect(world.shares).toHaveLength(1);
  });

  it("survive the eviction of the session's object", async () => {
    const { miner, extranonce } = await subscribed(path);
    await miner.ask(AUTHORIZE(), 3);
    await evictDurableObject(env.MINER_SESSION.getByName(LOGIN));
    await miner.ask(`{"id":4,"method":"mining.submit","params":["${LOGIN}","${JOB}","0123456789"]}`);
    expect(world.shares).toMatchObject([{ nonce: `0x${extranonce}0123456789` }]);
  });
});

describe("no two live sessions have the same extranonce", () => {
  it("over connections, logins, ways in, and a restart of the allocator", async () => {
    const given: string[] = [];
    for (const login of [LOGIN, ...OTHERS]) {
      for (const path of [`/stratum/${login}`, "/stratum"]) {
        const { miner, extranonce } = await subscribed(path);
        await miner.ask(AUTHORIZE(login), 3);
        given.push(extranonce);
      }
      await evictDurableObject(env.EXTRANONCE_ALLOCATOR.getByName("main"));
    }
    expect(new Set(given).size).toBe(6);
  });

  it("for as long as a session lives: leases are renewed, and one that was lost closes its connection", async () => {
    const { miner, extranonce } = await subscribed(`/stratum/${LOGIN}`);
    await miner.ask(AUTHORIZE(), 3);
    const renew = vi.spyOn(ExtranonceAllocator.prototype, "renew");
    const session = env.MINER_SESSION.getByName(LOGIN);
    const goOn = async (ms: number) => {
      vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + ms });
      await miner.ask('{"id":9,"method":"eth_submitHashrate","params":[]}');
      expect(await runDurableObjectAlarm(session)).toBe(true);
    };
    await goOn(60_000);
    expect(renew).not.toHaveBeenCalled();
    await goOn(4 * 3_600_000);
    expect(renew).toHaveBeenCalledTimes(1);
    await goOn(60_000);
    expect(renew).toHaveBeenCalledTimes(1);
    // A block's first extranonce is the first that is given.
    renew.mockResolvedValue([Number.parseInt(extranonce, 16)]);
    await goOn(4 * 3_600_000);
    expect(await miner.closed()).toEqual({ code: 1008, reason: "Extranonce lost" });
  });

  it("and a session gets none when the allocator is away and the Worker has none left", async () => {
    const lend = vi.spyOn(ExtranonceAllocator.prototype, "lend").mockRejectedValue(new Error("away"));
    for (const path of [`/stratum/${LOGIN}`, "/stratum"]) {
      let miner = await StratumClient.connect(path);
      let answer = await miner.ask(SUBSCRIBE);
      for (let left = 64; left > 0 && lend.mock.calls.length === 0; left--) {
        miner = await StratumClient.connect(path);
        answer = await miner.ask(SUBSCRIBE);
      }
      expect(answer).toEqual(['{"id":1,"result":null,"error":[20,"Work not ready",null]}']);
      expect(await miner.closed()).toEqual({ code: 1008, reason: "No extranonce" });
      lend.mockClear();
    }
  });
});

const allocator = () => env.EXTRANONCE_ALLOCATOR.getByName("main");

describe("the allocator", () => {
  it("gives an extranonce again only once its lease has run out", async () => {
    const [first] = await allocator().lend("a", 0, 1);
    if (!first) throw new Error("no block");
    const day = 24 * 3_600_000;
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + day });
    expect((await allocator().lend("b", 0, 1))[0]?.first).not.toBe(first.first);
    expect(await allocator().renew("a", [first.first])).toEqual([]);
  });
});
