import * as fc from "fast-check";
import { eip191Signer } from "micro-eth-signer";
import { describe, expect, test, vi } from "vitest";
import { AccountSettings, type SettingsTerms } from "../../../core/accounts/account-settings.ts";
import { parseSettings, settingsText, type SettingsMessage } from "../../../core/accounts/settings-message.ts";
import { RedisUnreachableError, type RedisPort } from "../../../core/ledger/contract/redis-port.ts";
import { PayerBooks } from "../../../core/payouts/payer/payer-books.ts";
import { accountOf } from "../../../core/payouts/payer/transaction.ts";
import { nodeFailure, type NodeRpc } from "../../../core/work/node-rpc.ts";
import { embeddedLedger } from "../../support/embedded-ledger.ts";

const KEY = `0x${"46".repeat(32)}`;
const OTHER_KEY = `0x${"47".repeat(32)}`;
const LOGIN = accountOf(KEY) ?? "";
const NOW_S = 1_700_000_000;
const TERMS: SettingsTerms = {
  coin: "eth",
  chainId: 61,
  poolThreshold: 500_000_000n,
  soloOffered: true,
  notifications: { key: "a key of sixteen characters", local: false, missing: () => null },
  shownForMs: 5_000,
};
const node: NodeRpc = {
  call: async () => ({ kind: "ok", value: "0x" }),
  batch: () => Promise.reject(new Error("not asked for")),
};
const MESSAGE: SettingsMessage = {
  pool: "pool.example.org",
  chainId: 61,
  login: LOGIN,
  nonce: 1,
  expires: NOW_S + 600,
  payoutThreshold: 2_000_000_000n,
  solo: false,
  hidden: true,
  notifications: "unchanged",
};

function signed(over: Partial<SettingsMessage> = {}, key = KEY): string {
  const message = settingsText({ ...MESSAGE, ...over });
  return JSON.stringify({ message, signature: eip191Signer.sign(message, key) });
}

function settingsOf(
  redis: RedisPort,
  terms: Partial<SettingsTerms> = {},
  nodes: readonly NodeRpc[] = [node],
  paused = false,
) {
  return new AccountSettings({ ...TERMS, ...terms }, LOGIN, {
    redis,
    nodes,
    nowMs,
    paused: async () => paused,
    notified,
  });
}
const POOL = MESSAGE.pool;
const notified = vi.fn<(test: boolean, pool: string) => void>();
const nowMs = () => NOW_S * 1000;
const away = async () => Promise.reject(new RedisUnreachableError("no connection", "no"));

describe("a miner's settings", () => {
  test("are changed by its signature, all at once, and read by the payer, the lists and the sessions", async () => {
    const redis = embeddedLedger();
    const settings = settingsOf(redis);
    expect(await settings.shown(POOL)).toMatchObject({ payoutThreshold: null, solo: false, hidden: false, nonce: 1 });
    expect(await settings.change(signed({ solo: true }), POOL)).toMatchObject({
      ok: true,
      settings: { payoutThreshold: 2_000_000_000, solo: true, hidden: true, nonce: 2 },
    });
    await redis.command(["HSET", `eth:miners:${LOGIN}`, "balance", "900000000"]);
    expect(await new PayerBooks(redis, "eth", "h").payee(LOGIN)).toMatchObject({ threshold: 2_000_000_000n });
    expect(await redis.command(["SMEMBERS", "eth:hidden"])).toEqual([LOGIN]);
    expect(await redis.command(["SMEMBERS", "eth:solo"])).toEqual([LOGIN]);
    const back = signed({ nonce: 2, payoutThreshold: null, hidden: false });
    expect(await settings.change(back, POOL)).toMatchObject({
      ok: true,
      settings: { nonce: 3, payoutThreshold: null },
    });
    expect(await new PayerBooks(redis, "eth", "h").payee(LOGIN)).toMatchObject({ threshold: null });
    expect(await redis.command(["KEYS", "eth:hidden"]).catch(() => [])).toEqual([]);
    expect(await redis.command(["SMEMBERS", "eth:solo"])).toEqual([]);
  });

  test.each<[string, Partial<SettingsMessage>]>([
    ["wrong_pool", { pool: "other.example.org" }],
    ["wrong_chain", { chainId: 1 }],
    ["other_login", { login: `0x${"12".repeat(20)}` }],
    ["expired", { expires: NOW_S }],
    ["expires_too_late", { expires: NOW_S + 3_601 }],
    ["nonce_ahead", { nonce: 3 }],
    ["threshold_too_low", { payoutThreshold: 499_999_999n }],
  ])("are not changed by a message that is refused as %s", async (refused, over) => {
    const redis = embeddedLedger();
    expect(await settingsOf(redis).change(signed(over), POOL)).toMatchObject({ ok: false, refused });
    expect(await settingsOf(redis).shown(POOL)).toMatchObject({ nonce: 1, hidden: false });
  });

  test("are not changed by a signature of another key, nor by the same message a second time or an older one", async () => {
    const settings = settingsOf(embeddedLedger());
    expect(await settings.change(signed({}, OTHER_KEY), POOL)).toMatchObject({ refused: "bad_signature" });
    expect(await settings.change(signed(), POOL)).toMatchObject({ ok: true });
    expect(await settings.change(signed({ nonce: 2, hidden: false }), POOL)).toMatchObject({ ok: true });
    for (const nonce of [1, 2])
      expect(await settings.change(signed({ nonce }), POOL)).toMatchObject({ refused: "replayed" });
    expect(await settings.shown(POOL)).toMatchObject({ hidden: false, nonce: 3 });
  });

  test("name targets that nobody is shown, which stay until others are signed, and are tested at the miner's word", async () => {
    const redis = embeddedLedger();
    const settings = settingsOf(redis);
    notified.mockClear();
    const targets = "webhook https://hooks.example.org/SECRET offline+payments; telegram 12 hashrate";
    const answer = await settings.change(signed({ notifications: targets }), POOL);
    expect(answer).toMatchObject({
      ok: true,
      settings: { notifications: 2 },
      webhookKey: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    expect(JSON.stringify(answer)).not.toContain("SECRET");
    expect(JSON.stringify(await settings.shown(POOL))).not.toContain("hooks.example.org");
    expect(await settings.change(signed({ nonce: 2, hidden: false }), POOL)).toMatchObject({
      settings: { notifications: 2 },
    });
    expect(
      await settings.change(signed({ nonce: 3, notifications: "unchanged, and send a test" }), POOL),
    ).toMatchObject({
      ok: true,
    });
    expect(await redis.command(["HGET", `eth:settings:${LOGIN}`, "notifications"])).toBe(targets);
    expect(notified.mock.calls).toEqual([
      [false, POOL],
      [true, POOL],
    ]);
    expect(await settings.change(signed({ nonce: 4, notifications: "none" }), POOL)).toMatchObject({
      settings: { notifications: 0 },
    });
    expect(await redis.command(["SMEMBERS", "eth:notified"])).toEqual([]);
  });

  test.each([
    ["bad_target", "webhook https://10.0.0.1/ offline", {}],
    ["bad_target", "webhook http://hooks.example.org/ offline", {}],
    ["bad_target", "email rig@example.org offline", { missing: () => "another kind" }],
    ["no_notifications", "telegram 12 offline", null],
  ] as const)("are refused as %s with the targets %s", async (refused, notifications, offered) => {
    const own = offered === null ? null : { key: "a key", local: false, missing: () => null, ...offered };
    const settings = settingsOf(embeddedLedger(), { notifications: own });
    expect(await settings.change(signed({ notifications }), POOL)).toMatchObject({ ok: false, refused });
  });

  test("of two messages with one nonce that come at once exactly one counts", async () => {
    const redis = embeddedLedger();
    const answers = await Promise.all([
      settingsOf(redis).change(signed({ hidden: false, payoutThreshold: 600_000_000n }), POOL),
      settingsOf(redis).change(signed(), POOL),
    ]);
    expect(answers.filter(({ ok }) => ok)).toHaveLength(1);
    expect(answers.find(({ ok }) => !ok)).toMatchObject({ refused: "replayed" });
  });

  test("are changed by no signature that was made up, and none of them is an exception", async () => {
    const redis = embeddedLedger();
    const settings = settingsOf(redis);
    const message = settingsText(MESSAGE);
    const genuine = eip191Signer.sign(message, KEY).slice(2);
    const signature = fc.oneof(
      fc.uint8Array({ minLength: 65, maxLength: 65 }).map((bytes) => `0x${Buffer.from(bytes).toString("hex")}`),
      fc.tuple(fc.nat({ max: 63 }), fc.integer({ min: 1, max: 255 })).map(([at, flip]) => {
        const bytes = Buffer.from(genuine, "hex");
        bytes[at] = (bytes[at] ?? 0) ^ flip;
        return `0x${bytes.toString("hex")}`;
      }),
      fc.string({ unit: "binary" }),
    );
    await fc.assert(
      fc.asyncProperty(signature, async (made) => {
        const answer = await settings.change(JSON.stringify({ message, signature: made }), POOL);
        expect(answer).toMatchObject({ ok: false, refused: "bad_signature" });
      }),
      { numRuns: 200 },
    );
    expect(await settings.shown(POOL)).toMatchObject({ nonce: 1 });
  });

  test("say by name what a pool does not offer, and leave to the operator whom it has written down as solo", async () => {
    const redis = embeddedLedger();
    expect(await settingsOf(redis, { soloOffered: false }).change(signed({ solo: true }), POOL)).toMatchObject({
      refused: "no_solo",
    });
    expect(await settingsOf(redis, { poolThreshold: null }).change(signed(), POOL)).toMatchObject({
      refused: "no_payouts",
    });
    expect(await settingsOf(redis, { chainId: null }).change(signed(), POOL)).toMatchObject({ refused: "wrong_chain" });
    await redis.command(["SADD", "eth:solo", LOGIN]);
    expect(await settingsOf(redis, { soloOffered: false }).change(signed(), POOL)).toMatchObject({ ok: true });
    expect(await redis.command(["SMEMBERS", "eth:solo"])).toEqual([LOGIN]);
  });

  test("wait, by name, while ledger or nodes cannot be asked or the pool is paused, and nothing is written where a key is of another kind", async () => {
    const redis = embeddedLedger();
    const lost: RedisPort = { ...redis, command: away, pipeline: away };
    expect(await settingsOf(lost).change(signed(), POOL)).toMatchObject({ refused: "unavailable" });
    expect(await settingsOf(redis, {}, [node], true).change(signed(), POOL)).toMatchObject({ refused: "unavailable" });
    const silent: NodeRpc = { ...node, call: async () => nodeFailure("timeout", "no answer") };
    expect(await settingsOf(redis, {}, [silent]).change(signed({}, OTHER_KEY), POOL)).toMatchObject({
      refused: "unavailable",
    });
    await redis.command(["SET", "eth:solo", "x"]);
    expect(await settingsOf(redis).change(signed(), POOL)).toMatchObject({
      refused: "unavailable",
      reason: expect.stringContaining("WRONGTYPE"),
    });
    await redis.command(["DEL", "eth:solo"]);
    expect(await settingsOf(redis).shown(POOL)).toMatchObject({ nonce: 1, hidden: false });
  });
});

test("a change whose node takes its time writes nothing when the pool was paused meanwhile", async () => {
  const redis = embeddedLedger();
  let paused = false;
  const slow: NodeRpc = {
    ...node,
    call: async ({ method }) => {
      paused = true;
      return { kind: "ok", value: method === "eth_getCode" ? "0x6001" : `0x1626ba7e${"00".repeat(28)}` };
    },
  };
  const deps = { redis, nodes: [slow], nowMs, paused: async () => paused, notified };
  const outcome = await new AccountSettings(TERMS, LOGIN, deps).change(signed({}, OTHER_KEY), POOL);
  expect(outcome).toMatchObject({ ok: false, refused: "unavailable" });
  expect(await settingsOf(redis).shown(POOL)).toMatchObject({ nonce: 1, hidden: false });
});

describe("the text that is signed", () => {
  test("is what a person can read", () => {
    expect(settingsText(MESSAGE).split("\n")).toEqual([
      "edgepool: settings of a miner",
      "pool: pool.example.org",
      "chain id: 61",
      `login: ${LOGIN}`,
      "nonce: 1",
      "expires: 2023-11-14T22:23:20Z",
      "payout threshold: 2000000000 Shannon",
      "solo: no",
      "hidden from lists: yes",
      "notifications: unchanged",
    ]);
  });

  test("comes back as it was written, whatever is in it", () => {
    const message = fc.record({
      pool: fc.constantFrom("pool.example.org", "127.0.0.1:8787", "[::1]:8787"),
      chainId: fc.integer({ min: 1 }),
      login: fc.constant(LOGIN),
      nonce: fc.integer({ min: 1 }),
      expires: fc.integer({ min: 0, max: 4_000_000_000 }),
      payoutThreshold: fc.option(fc.bigInt({ min: 1n, max: 10n ** 18n - 1n })),
      solo: fc.boolean(),
      hidden: fc.boolean(),
      notifications: fc.constantFrom("unchanged", "unchanged, and send a test", "none", "telegram 12 offline+hashrate"),
    });
    fc.assert(
      fc.property(message, (one) => {
        expect(parseSettings(settingsText(one))).toEqual({ ok: true, message: one });
      }),
    );
  });

  test("counts in this one form only: nothing that is shown otherwise, or twice, is believed", () => {
    const text = settingsText(MESSAGE);
    for (const other of [
      "",
      ` ${text}`,
      `${text}\n`,
      `${text}\nhidden from lists: no`,
      text.replaceAll("\n", "\r\n"),
      text.replace("nonce: 1", "nonce: 01"),
      text.replace("nonce: 1", "nonce:  1"),
      text.replace("Shannon", "shannon"),
      text.replace("2000000000", "0"),
      text.replace("2023-11-14", "2023-02-31"),
      text.replace("chain id: 61", "chain id: 9007199254740993"),
      text.replace(LOGIN, LOGIN.toUpperCase()),
      text.split("\n").toReversed().join("\n"),
    ])
      expect(parseSettings(other).ok, other).toBe(false);
  });

  test.each(["", "[]", "{}", '{"message":1,"signature":"0x"}', '{"message":"","signature":"","more":1}'])(
    "in the body %s is refused as malformed",
    async (body) => {
      expect(await settingsOf(embeddedLedger()).change(body, POOL)).toMatchObject({ refused: "malformed" });
    },
  );
});
