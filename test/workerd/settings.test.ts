import { reset, runInDurableObject } from "cloudflare:test";
import { env, exports } from "cloudflare:workers";
import { eip191Signer } from "micro-eth-signer";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { settingsText, type SettingsMessage } from "../../core/accounts/settings-message.ts";
import { AccessListCache } from "../../core/policy/access-lists.ts";
import { accountOf } from "../../core/payouts/payer/transaction.ts";
import { AccountApi } from "../../durable-objects/account-api.ts";
import { embeddedPort } from "../../durable-objects/platform/ledger-ports.ts";

const KEY = `0x${"46".repeat(32)}`;
const LOGIN = accountOf(KEY) ?? "";
const PATH = `https://pool.example/api/accounts/${LOGIN}/settings`;
/** The pool of the tests mines Ethereum Classic. */
const CHAIN_ID = 61;
const ledger = () => embeddedPort(env.EMBEDDED_REDIS.getByName("main"), 120_000);

beforeEach(async () => {
  await ledger().command(["HSET", `eth:miners:${LOGIN}`, "lastShare", "1"]);
});
afterEach(async () => {
  await reset();
  vi.restoreAllMocks();
});

function bodyOf(over: Partial<SettingsMessage> = {}, key = KEY): string {
  const message = settingsText({
    pool: "pool.example",
    chainId: CHAIN_ID,
    login: LOGIN,
    nonce: 1,
    expires: Math.floor(Date.now() / 1000) + 600,
    payoutThreshold: null,
    solo: false,
    hidden: true,
    notifications: "unchanged",
    ...over,
  });
  return JSON.stringify({ message, signature: eip191Signer.sign(message, key) });
}

let clients = 0;
/** Each request from another client, unless it says which. */
async function ask(body: string | null, { url = PATH, ip = `203.0.113.${(clients += 1)}` } = {}) {
  const method = body === null ? "GET" : "POST";
  const headers = { "cf-connecting-ip": ip };
  const response = await exports.default.fetch(url, { method, headers, ...(body !== null && { body }) });
  const answer = await response.json<Record<string, unknown>>();
  return { status: response.status, answer, headers: response.headers };
}

describe("a miner's settings over HTTP", () => {
  it("are shown, changed by the address' signature, and remembered over the loss of every object", async () => {
    expect(await ask(null)).toMatchObject({
      status: 200,
      answer: { pool: "pool.example", payoutThreshold: null, hidden: false, solo: false, nonce: 1, chainId: CHAIN_ID },
    });
    expect(await ask(bodyOf())).toMatchObject({
      status: 200,
      answer: { ok: true, settings: { hidden: true, nonce: 2 } },
    });
    expect((await ask(null)).answer).toMatchObject({ hidden: true, nonce: 2 });
    await runInDurableObject(env.ACCOUNT_API.getByName(LOGIN), (_, state) => {
      state.abort("lost");
    }).catch(() => undefined);
    expect((await ask(null)).answer).toMatchObject({ hidden: true, nonce: 2 });
    expect(await ask(bodyOf())).toMatchObject({ status: 409, answer: { ok: false, refused: "replayed" } });
  });

  it("are refused by name, and nothing is changed", async () => {
    const cases = [
      ["wrong_pool", 403, bodyOf({ pool: "other.example" })],
      ["wrong_chain", 403, bodyOf({ chainId: 1 })],
      ["other_login", 403, bodyOf({ login: `0x${"12".repeat(20)}` })],
      ["expired", 403, bodyOf({ expires: Math.floor(Date.now() / 1000) - 1 })],
      ["no_payouts", 403, bodyOf({ payoutThreshold: 7n })],
      ["no_solo", 403, bodyOf({ solo: true })],
      ["malformed", 400, "{"],
      ["malformed", 413, "x".repeat(9_000)],
    ] as const;
    for (const [refused, status, body] of cases)
      expect(await ask(body), refused).toMatchObject({ status, answer: { ok: false, refused } });
    expect((await ask(null)).answer).toMatchObject({ hidden: false, nonce: 1 });
  });

  it("of a contract are asked of the pool's nodes", async () => {
    const asked: string[] = [];
    const agree = `0x1626ba7e${"00".repeat(28)}`;
    vi.spyOn(globalThis, "fetch").mockImplementation(async (url, init) => {
      const { method, id } = await new Request(url, init).json<{ method: string; id: number }>();
      asked.push(method);
      return Response.json({ jsonrpc: "2.0", id, result: method === "eth_getCode" ? "0x60" : agree });
    });
    const { message } = JSON.parse(bodyOf()) as { message: string };
    const body = JSON.stringify({ message, signature: "0xabcd" });
    await runInDurableObject(env.ACCOUNT_API.getByName(LOGIN), async (_, state) => {
      const object = new AccountApi(state, env);
      expect(await object.changeSettings(LOGIN, body, "pool.example")).toMatchObject({ ok: true });
    });
    expect(asked).toEqual(["eth_getCode", "eth_call"]);
  });

  it("have solo where the operator has a node for it: the login is then among those whose sessions get its work", async () => {
    const upstream = [
      { name: "main", url: "http://127.0.0.1:1" },
      { name: "alone", url: "http://127.0.0.1:2", scheme: "solo" },
    ];
    await runInDurableObject(env.ACCOUNT_API.getByName(LOGIN), async (_, state) => {
      const object = new AccountApi(state, { ...env, upstream });
      expect(await object.settings(LOGIN, "pool.example")).toMatchObject({ solo: false, offers: { solo: true } });
      const outcome = await object.changeSettings(LOGIN, bodyOf({ solo: true }), "pool.example");
      expect(outcome).toMatchObject({ ok: true, settings: { solo: true } });
    });
    const lists = new AccessListCache();
    await lists.refresh(ledger, { coin: "eth", refreshIntervalMs: 1_000, solo: true }, Date.now());
    expect(lists.isSolo(LOGIN)).toBe(true);
  });

  it("are nobody's of a login that was never credited, and no object is made for it", async () => {
    const url = PATH.replace(LOGIN, `0x${"34".repeat(20)}`);
    for (const body of [null, bodyOf()])
      expect(await ask(body, { url })).toMatchObject({ status: 404, answer: { refused: "unknown_login" } });
  });

  it("can be asked to change ten times at once by one client, and by another one then", async () => {
    const ip = "198.51.100.1";
    const statuses = [];
    for (let i = 0; i < 12; i += 1) statuses.push((await ask("{", { ip })).status);
    expect(statuses).toEqual([...Array<number>(10).fill(400), 429, 429]);
    expect((await ask("{", { ip })).headers.get("retry-after")).toBe("10");
    expect((await ask("{")).status).toBe(400);
  });
});
