import { expect, it, vi } from "vitest";
import { ENTRANCES, hostileLines } from "../support/hostile-lines.ts";
import { StratumClient } from "./stratum-client.ts";
import { LOGIN, useStratumPool } from "./stratum-pool.ts";

useStratumPool();

it.each(Object.keys(ENTRANCES))(
  "%s: hostile lines through real sockets put no exception into the log",
  async (dialect) => {
    const [warn, error] = [vi.spyOn(console, "warn"), vi.spyOn(console, "error")];
    const probe = '{"id":"still there","method":"eth_submitHashrate","params":[]}';
    let miner: StratumClient | null = null;
    let closed = 0;
    for (const [at, line] of hostileLines(150, 7).entries()) {
      if (!miner) {
        miner = await StratumClient.connect(at % 2 === 0 ? `/stratum/${LOGIN}` : "/stratum", `198.51.100.${at}`);
        miner.send((ENTRANCES[dialect] ?? []).map((entrance) => `${entrance}\n`).join(""));
      }
      miner.send(`${line}\n${probe}\n`);
      for (;;) {
        const [reply] = await miner.read(1);
        if (reply?.startsWith('{"id":"still there"')) break;
        if (reply !== undefined) continue;
        expect((await miner.closed()).code).toBe(1008);
        miner = null;
        closed++;
        break;
      }
    }
    expect(closed).toBeGreaterThan(0);
    expect([warn.mock.calls, error.mock.calls]).toEqual([[], []]);
  },
);
