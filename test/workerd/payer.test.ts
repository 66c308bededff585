import { reset, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { accountOf } from "../../core/payouts/payer/transaction.ts";
import { Payer } from "../../durable-objects/payer.ts";
import { embeddedPort } from "../../durable-objects/platform/ledger-ports.ts";
import { SimChain, SimNode } from "../support/payouts/sim-chain.ts";
import { loginAt } from "../support/payouts/unlocker-pool.ts";

const KEY = "42".repeat(32);
const ACCOUNT = accountOf(KEY) ?? "";
const A = loginAt(1);
const SHANNON_WEI = 10n ** 9n;
const sim = { chain: new SimChain(), node: new SimNode("main", new SimChain()), away: false, broken: "" };

/** The configured node: JSON-RPC over the runtime's `fetch`. */
beforeEach(() => {
  sim.chain = new SimChain();
  sim.node = new SimNode("main", sim.chain);
  sim.away = false;
  sim.chain.funds.set(ACCOUNT, 10n ** 20n);
  vi.spyOn(globalThis, "fetch").mockImplementation(async (url, init) => {
    if (sim.away) throw new TypeError("connection refused");
    return Response.json(sim.node.answerHttp(await new Request(url, init).json()));
  });
});
afterEach(async () => {
  await reset();
  vi.restoreAllMocks();
});

const SETTINGS = {
  chain: { name: "sim", epochLength: 30_000, chainId: 61 },
  payouts: { enabled: true, address: ACCOUNT, interval: "5s", requirePeers: 1, confirmations: 5, finalDepth: 30 },
  PAYOUT_PRIVATE_KEY: KEY,
};
const ledger = () => embeddedPort(env.EMBEDDED_REDIS.getByName("main"), 120_000);
const stub = (account = ACCOUNT) => env.PAYER.getByName(account);

/** The object as it would be with payments switched on. */
async function withPayer<T>(
  work: (payer: Payer, state: DurableObjectState) => Promise<T>,
  over: object = {},
): Promise<T> {
  return await runInDurableObject(stub(), async (_object, state) => {
    try {
      return await work(new Payer(state, { ...env, ...SETTINGS, ...over }), state);
    } finally {
      // Otherwise the runtime would ring it for the object without these settings.
      await state.storage.deleteAlarm();
    }
  });
}

async function credit(login: string, shannon: bigint): Promise<void> {
  await ledger().command(["HSET", `eth:miners:${login}`, "balance", String(shannon)]);
  await ledger().command(["HINCRBY", "eth:finances", "balance", String(shannon)]);
}

const paid = async () => await ledger().command(["HGET", `eth:miners:${A}`, "paid"]);

describe("the payer in workerd", () => {
  it("does nothing and sets no alarm while it is switched off, as it is unless one switches it on", async () => {
    await credit(A, 700_000_000n);
    await stub().guard(ACCOUNT);
    await stub().run(ACCOUNT);
    expect(await stub().status(ACCOUNT)).toMatchObject({ lastRunMs: null });
    expect(await stub().command(ACCOUNT, { kind: "pause" })).toEqual({
      ok: false,
      message: "payments are switched off",
    });
    expect(await runInDurableObject(stub(), async (_object, state) => await state.storage.getAlarm())).toBeNull();
    expect(await ledger().command(["GET", "eth:payments:lock"])).toBeNull();
  });

  it("is started by cron, sets its next alarm first, pays, and remembers over evictions what is under way", async () => {
    await credit(A, 700_000_000n);
    const alarms = await withPayer(async (payer, state) => {
      await payer.guard(ACCOUNT);
      const first = await state.storage.getAlarm();
      await payer.alarm();
      return [first, await state.storage.getAlarm()];
    });
    expect(Number(alarms[1])).toBeGreaterThan(Number(alarms[0]));
    expect(sim.chain.mempool.size).toBe(1);
    sim.chain.mine(8);
    await withPayer(async (payer) => await payer.run(ACCOUNT));
    expect(await paid()).toBe("700000000");
    expect(sim.chain.received(A, ACCOUNT)).toBe(700_000_000n * SHANNON_WEI);
    const status = await withPayer(async (payer) => await payer.status(ACCOUNT));
    expect(status).toMatchObject({ stages: { settled: 1 }, problems: [], paused: null });
  });

  it("waits while its node is away, says so, and goes on when it is back", async () => {
    await credit(A, 700_000_000n);
    sim.away = true;
    const status = await withPayer(async (payer) => (await payer.run(ACCOUNT), await payer.status(ACCOUNT)));
    expect(status.problems[0]).toContain("cannot be reached");
    expect(await paid()).toBeNull();
    sim.away = false;
    await withPayer(async (payer) => await payer.run(ACCOUNT));
    expect(sim.chain.mempool.size).toBe(1);
  });

  it("writes nothing while the pool is paused", async () => {
    await credit(A, 700_000_000n);
    await withPayer(async (payer) => {
      await payer.pause(true);
      await payer.run(ACCOUNT);
      await payer.pause(false);
    });
    expect(await ledger().command(["GET", "eth:payments:lock"])).toBeNull();
  });

  it("brings a former account to its end before the new one begins", async () => {
    await credit(A, 700_000_000n);
    await withPayer(async (payer) => await payer.run(ACCOUNT));
    sim.chain.mine(8);
    const heir = { PAYOUT_PRIVATE_KEY: "43".repeat(32) };
    const payouts = { ...SETTINGS.payouts, address: accountOf(heir.PAYOUT_PRIVATE_KEY) };
    await withPayer(async (payer) => await payer.run(ACCOUNT), { ...heir, payouts });
    expect(await paid()).toBe("700000000");
    await withPayer(async (payer) => await payer.run(ACCOUNT), { ...heir, payouts });
    expect(await ledger().command(["GET", "eth:payments:lock"])).toBeNull();
  });
});

describe("the key", () => {
  it("that is missing where payments are made is named at once, with what to do, and nothing is planned", async () => {
    await credit(A, 700_000_000n);
    await withPayer(
      async (payer) => {
        const cannotSign = expect.stringContaining("neither PAYOUT_PRIVATE_KEY nor PAYOUT_SIGNER_URL (npm run secret");
        expect(await payer.status(ACCOUNT)).toMatchObject({ lastRunMs: null, cannotSign });
        await payer.run(ACCOUNT);
        expect(await payer.status(ACCOUNT)).toMatchObject({ paused: cannotSign, stages: {} });
      },
      { PAYOUT_PRIVATE_KEY: null },
    );
    await withPayer(async (payer) => expect(await payer.status(ACCOUNT)).toMatchObject({ cannotSign: null }));
  });

  it("is in no answer, status, error, log, row or ledger, whatever goes wrong", async () => {
    const said: string[] = [];
    for (const name of ["log", "info", "warn", "error", "debug"] as const)
      vi.spyOn(console, name).mockImplementation((...args) => void said.push(args.map(String).join(" ")));
    await credit(A, 700_000_000n);
    const look = async (over: object = {}) =>
      await withPayer(async (payer, state) => {
        for (const work of [
          async () => await payer.run(ACCOUNT),
          async () => await payer.command(ACCOUNT, { kind: "cancel", id: 99 }),
          async () => await payer.command(ACCOUNT, { kind: "resolve", id: 1, as: "paid" }),
          async () => await payer.plan(ACCOUNT),
          async () => await payer.show(ACCOUNT, 1),
          async () => await payer.status(ACCOUNT),
          async () => await payer.waiting(ACCOUNT),
          async () => await payer.mendPage(ACCOUNT, null, true),
          async () => await payer.auditNonces(ACCOUNT, null),
          async () => await payer.wallet(ACCOUNT),
          async () => await payer.alarm(),
        ])
          said.push(JSON.stringify(await work().catch((error: unknown) => String(error))) ?? "");
        for (const table of ["payment", "login", "login_wait", "fact"])
          said.push(JSON.stringify(state.storage.sql.exec(`SELECT * FROM ${table}`).toArray()));
        said.push(JSON.stringify([...state.storage.kv.list()]));
      }, over);
    sim.away = true;
    await look();
    sim.away = false;
    for (const twist of [{ gasPrice: 10n ** 15n }, { peers: 0 }, { losesAnswers: 3 }, {}]) {
      Object.assign(sim.node, { gasPrice: 10n ** 9n, peers: 8, losesAnswers: 0 }, twist);
      await look();
      sim.chain.mine(3);
    }
    // A key that is another account's, one that is no key, and settings that are wrong beside it.
    const others = ["44".repeat(32), "00".repeat(32), "ff".repeat(32)];
    for (const other of others) await look({ PAYOUT_PRIVATE_KEY: other });
    for (const key of [`${KEY}00`, `x${KEY}`]) {
      const response = await import("../../worker/index.ts").then(({ default: worker }) =>
        worker.fetch(
          new Request("http://pool/health"),
          { ...env, ...SETTINGS, PAYOUT_PRIVATE_KEY: key },
          {} as ExecutionContext,
        ),
      );
      said.push(await response.text());
    }
    for (const key of ["eth:finances", "eth:payouts:open", `eth:miners:${A}`])
      said.push(JSON.stringify(await ledger().command(["HGETALL", key])));
    const text = said.join("\n").toLowerCase();
    expect(text).toContain("payment");
    for (const secret of [KEY, others[0] ?? "", others[2] ?? ""]) expect(text.includes(secret)).toBe(false);
  });
});
