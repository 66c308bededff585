import { describe, expect, it } from "vitest";
import { createLogger } from "../../../core/log.ts";
import { PayerLoop } from "../../../core/payouts/payer/payer-loop.ts";
import type { PayerRun } from "../../../core/payouts/payer/payer.ts";
import { emptyStatus, payerProblems, readStatus } from "../../../core/payouts/payer/payer-status.ts";

function rig(run: () => Promise<PayerRun>) {
  const state: { alarm: number | null; drained: string[] } = { alarm: null, drained: [] };
  const loop = new PayerLoop({
    run,
    alarm: { get: async () => state.alarm, set: async (atMs) => void (state.alarm = atMs) },
    intervalMs: 7_200_000,
    drain: async (account) => void state.drained.push(account),
    nowMs: () => 1_000,
    log: createLogger({ level: "error", sink: () => undefined, now: () => 0 }),
  });
  return { loop, state };
}

describe("the payer's clock", () => {
  it("is set before a run, so that one that fails is followed by another, at most ten minutes later", async () => {
    const { loop, state } = rig(async () => {
      expect(state.alarm).toBe(601_000);
      throw new Error("broken");
    });
    await loop.tick();
    expect(state.alarm).toBe(601_000);
  });

  it("ticks every 15 s while something is under way, and has another payer drained that holds the lock", async () => {
    const { loop, state } = rig(async () => ({ soon: true, heldBy: "0xb" }));
    await loop.tick();
    expect(state).toEqual({ alarm: 16_000, drained: ["0xb"] });
  });

  it("is left as it is by cron, and set where it was lost", async () => {
    const { loop, state } = rig(async () => ({ soon: false, heldBy: null }));
    await loop.guard();
    expect(state.alarm).toBe(1_000);
    state.alarm = 5;
    await loop.guard();
    expect(state.alarm).toBe(5);
  });

  it("lets an operator's command wait for the run that is under way, and no run begin beside it", async () => {
    const order: string[] = [];
    const gate = Promise.withResolvers<undefined>();
    const { loop } = rig(async () => {
      order.push("run begins");
      await gate.promise;
      order.push("run ends");
      return { soon: false, heldBy: null };
    });
    const running = loop.run();
    const command = loop.exclusive(async () => {
      order.push("command");
      await Promise.resolve();
      return "done";
    });
    gate.resolve(undefined);
    await running;
    expect(await command).toBe("done");
    expect(order).toEqual(["run begins", "run ends", "command"]);
    await expect(loop.exclusive(async () => await Promise.reject(new Error("no")))).rejects.toThrow("no");
    await loop.run();
  });
});

describe("what /health says of the payer", () => {
  const status = emptyStatus("0xa");
  it("is nothing while all is well, before the first run, and while a node is away for a moment", () => {
    expect(payerProblems(status, 10)).toEqual([]);
    const away = { ...status, lastRunMs: 700_000, lastSuccessMs: 690_000, problems: ["node main: away"] };
    expect(payerProblems(away, 700_000)).toEqual([]);
    expect(payerProblems(away, 1_300_000)).toEqual([
      "payer: node main: away",
      "payer: no run has come through for 10 minutes",
    ]);
  });

  it("names pauses, decisions that are asked for, a short wallet, and payments that have waited for an hour", () => {
    const wait = { id: 3, login: "0xb", amountShannon: "5", stage: "sent", reason: "why", sinceMs: 0 };
    const told = payerProblems(
      { ...status, paused: "a fork", asking: 2, walletShort: "7", waiting: [wait, { ...wait, id: null }] },
      3_700_000,
    );
    expect(told).toEqual([
      "payer: payments are paused: a fork",
      "payer: the wallet is short of 7 Shannon",
      "payer: 2 payment(s) need your decision: npm run payouts -- status",
      "payer: payment 3 to 0xb has waited 61 minutes: why",
    ]);
  });

  it("says at once where nothing can be signed, once, and nothing of a payer of before that could not say it", () => {
    const cannotSign = "the script that pays has no key";
    const told = ["payer: nothing can be paid: the script that pays has no key"];
    expect(payerProblems({ ...status, cannotSign }, 10)).toEqual(told);
    expect(payerProblems({ ...status, cannotSign, paused: cannotSign }, 10)).toEqual(told);
    expect(payerProblems({ ...status, cannotSign: null }, 10)).toEqual([]);
  });

  it("is read over versions: what is no status is an empty one", () => {
    expect(readStatus("{", "0xa")).toEqual(status);
    expect(readStatus(JSON.stringify({ ...status, v: 2 }), "0xa")).toEqual(status);
    expect(readStatus(JSON.stringify(status), "0xa")).toEqual(status);
  });
});
