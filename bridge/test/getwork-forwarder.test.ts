import { setImmediate as turn } from "node:timers/promises";
import { expect, test, vi } from "vitest";
import { GetworkForwarder, refusal } from "../src/getwork/getwork-forwarder.ts";
import { parseMinerLine, readLogin } from "../src/miner-side/miner-line.ts";
import { DEFAULT_TIMINGS, SILENT } from "../src/options.ts";
import { PoolAddress } from "../src/pool-side/pool-address.ts";
import { UnclaimedShares } from "../src/session/unclaimed-shares.ts";

const ADDRESS = "0xb85150eb365e7df0941f0cf08235f987ba91506a";
const NOTHING = () => undefined;

test.each([
  ["the pool's no", refusal(7, 22, "Duplicate share"), '"error":'],
  ["the pool's yes", '{"id":7,"jsonrpc":"2.0","result":true}', '"result":true'],
])(
  "%s that comes while the disk writes is what the miner hears, and the share is kept no longer",
  async (_, text, heard) => {
    const [posted, written] = [
      Promise.withResolvers<{ status: number; text: string }>(),
      Promise.withResolvers<boolean>(),
    ];
    const keep = vi.fn(() => ({ numbers: [5], written: written.promise }));
    const settled = vi.fn();
    const pool = {
      address: PoolAddress.parse("https://pool.example", false),
      rank: 0,
      state: "up",
      lastError: null,
    } as const;
    const forwarder = new GetworkForwarder({
      failover: { choose: () => pool, succeeded: NOTHING, failed: NOTHING },
      claims: new UnclaimedShares(),
      kept: () => ({ keep, settled }),
      timings: { ...DEFAULT_TIMINGS, answerWithinMs: 1 },
      log: SILENT,
      upstream: () => ({ post: () => posted.promise }),
    });
    const share = `{"id":7,"method":"eth_submitWork","params":["0x${"1".repeat(16)}","0x${"2".repeat(64)}","0x${"3".repeat(64)}"]}`;
    const [login, line] = [readLogin(ADDRESS, "rig"), parseMinerLine(share)];
    if (login === null || line === null || line.kind === "answer") throw new Error("a share of a login");
    const answer = forwarder.forward({ login, line, text: share, host: "", abandoned: () => false, onFate: NOTHING });
    await vi.waitFor(() => expect(keep).toHaveBeenCalled());
    posted.resolve({ status: 200, text });
    await turn();
    written.resolve(true);
    expect(await answer).toContain(heard);
    expect(settled).toHaveBeenCalledWith(5);
  },
);
