import { createScheduledController, listDurableObjectIds, reset, runInDurableObject } from "cloudflare:test";
import { env, exports } from "cloudflare:workers";
import { afterEach, expect, it, vi } from "vitest";
import { Notifier } from "../../durable-objects/notifier.ts";
import { embeddedPort } from "../../durable-objects/platform/ledger-ports.ts";
import { scheduled } from "../../worker/cron.ts";

const LOGIN = `0x${"a1".repeat(20)}`;
const TARGET = "https://alerts.example.org/edgepool";
const SETTINGS = {
  NOTIFICATION_KEY: "signs-webhooks-of-this-test-only",
  MAIL_API_KEY: "mail",
  notifications: {
    targets: [{ name: "ops", kind: "webhook", to: TARGET }],
    miners: true,
    email: { provider: "resend", from: "pool@example.org" },
  },
};

afterEach(async () => {
  await reset();
  vi.restoreAllMocks();
});

const object = () => env.NOTIFIER.getByName("main");
const ledger = () => embeddedPort(env.EMBEDDED_REDIS.getByName("main"), 120_000);

const made = async () => (await listDurableObjectIds(env.NOTIFIER)).length;

/** What goes out to others than the pool's nodes. */
function outside(answer: () => Response = () => new Response("ok")): Request[] {
  const sent: Request[] = [];
  vi.spyOn(globalThis, "fetch").mockImplementation(async (url, init) => {
    const request = new Request(url, init);
    if (new URL(request.url).hostname === "127.0.0.1") throw new TypeError("no node");
    sent.push(request);
    return answer();
  });
  return sent;
}

it("comes to life with cron, where somebody is to be told of something, and else not", async () => {
  outside();
  await env.POOL_MARKS?.put("started", "1");
  const controller = createScheduledController({ scheduledTime: new Date(), cron: "* * * * *" });
  await scheduled(controller, env).catch(() => undefined);
  expect(await made()).toBe(0);
  await scheduled(controller, { ...env, ...SETTINGS }).catch(() => undefined);
  expect(await made()).toBe(1);
});

it("looks at the pool and rings again", async () => {
  const sent = outside();
  await runInDurableObject(object(), async (_, state) => {
    const notifier = new Notifier(state, { ...env, ...SETTINGS });
    await notifier.guard();
    expect(await state.storage.getAlarm()).not.toBeNull();
    await state.storage.deleteAlarm();
    await notifier.run();
    expect(await state.storage.getAlarm()).not.toBeNull();
    expect(await notifier.status()).toMatchObject({
      waiting: 0,
      watched: 0,
      targets: [{ name: "ops", failing: null }],
    });
  });
  expect(sent).toEqual([]);
});

it("follows no redirect, reads little of an answer, and tells the operator which target fails without what opens it", async () => {
  const big = new Uint8Array(1 << 20).fill(120);
  const answers = [() => Response.redirect("https://10.0.0.1/", 302), () => new Response(big, { status: 500 })];
  for (const answer of answers) {
    const sent = outside(answer);
    await runInDurableObject(object(), async (_, state) => {
      await state.storage.deleteAll();
      const notifier = new Notifier(state, { ...env, ...SETTINGS });
      expect(await notifier.test("ops")).toBe(1);
      const { targets = [], waiting } = (await notifier.status()) ?? {};
      expect([waiting, targets[0]?.to]).toEqual([1, "webhook at alerts.example.org"]);
      expect(targets[0]?.failing).toMatch(/^status (302|500)$/);
      expect(JSON.stringify(targets)).not.toContain("edgepool");
    });
    expect(sent).toHaveLength(1);
    expect(sent[0]?.redirect).toBe("manual");
  }
});

it("asks a mail address before it sends it anything, and takes a yes from a button only", async () => {
  const sent = outside();
  await ledger().pipeline([
    ["HSET", `eth:settings:${LOGIN}`, "notifications", "email rigs@example.org payments"],
    ["SADD", "eth:notified", LOGIN],
  ]);
  let link = "";
  await runInDurableObject(object(), async (_, state) => {
    const notifier = new Notifier(state, { ...env, ...SETTINGS });
    await notifier.signed(LOGIN, "pool.example", true);
    await notifier.run();
    expect(sent.map(({ url }) => url)).toEqual(["https://api.resend.com/emails"]);
    const mail = await sent[0]?.json<{ text: string }>();
    link = /https:\/\/pool\.example\S+/.exec(mail?.text ?? "")?.[0] ?? "";
    const [, code = ""] = /mail\/(\w+)$/.exec(link) ?? [];
    expect(await notifier.confirm(LOGIN, "0".repeat(64))).toBe(false);
    expect(await notifier.confirm(LOGIN, code)).toBe(true);
  });
  // The pool of this test tells nobody anything: its links lead nowhere.
  expect((await exports.default.fetch(link)).status).toBe(404);
});
