import { describe, expect, test } from "vitest";
import {
  deliveryOf,
  mac,
  requestOf,
  type Destination,
  type HttpOutcome,
  type Senders,
} from "../../../core/notifications/http-forms.ts";
import { messageOf, type Message } from "../../../core/notifications/messages.ts";

const NOW_MS = 1_700_000_000_500;
const ID = "0190c2f0-0000-7000-8000-000000000001";
const BOT = "123456:of-this-test-only";
const MAIL_KEY = "mail-of-this-test-only";
const WEBHOOK_KEY = "signs-webhooks-of-this-test-only";
const DISCORD = "https://discord.com/api/webhooks/1/of-this-test-only";
const MAIL_URL = {
  resend: "https://api.resend.com/emails",
  postmark: "https://api.postmarkapp.com/email",
  generic: "https://mail.example.org/send",
} as const;

const sendersWith = (provider: keyof typeof MAIL_URL): Senders => ({
  pool: "main",
  telegram: { api: "https://api.telegram.org", token: BOT },
  mail: { provider, url: MAIL_URL[provider], from: "Pool <pool@example.org>", key: MAIL_KEY },
  webhookKey: (login) => (login === null ? WEBHOOK_KEY : `${WEBHOOK_KEY} ${login}`),
});
const SENDERS = sendersWith("resend");

const about = (name: string, text = "It is away."): Message =>
  messageOf({}, "main", { kind: "node", phase: "opened", incident: `node:${name}@1`, atMs: 1, data: { name, text } });

const to = (kind: Destination["kind"], address: string, login: string | null = null): Destination => ({
  kind,
  to: address,
  login,
});

function sent(destination: Destination, messages: readonly Message[] = [about("a")], senders = SENDERS) {
  const request = requestOf(senders, destination, messages, ID, NOW_MS);
  if (request === null) throw new Error("nothing is sent");
  return { ...request, body: JSON.parse(request.body) };
}

const COMMON = { "content-type": "application/json", "user-agent": "edgepool" };
const TEXT = "[main] Node a is not used\nIt is away.";

describe("a request", () => {
  test("to Telegram is sendMessage of the operator's bot, whose token stands in the path alone", () => {
    expect(sent(to("telegram", "-1001234567890"))).toEqual({
      url: `https://api.telegram.org/bot${BOT}/sendMessage`,
      headers: COMMON,
      body: { chat_id: "-1001234567890", text: TEXT, link_preview_options: { is_disabled: true } },
    });
  });

  test("to Discord executes the webhook, and what it says pings nobody", () => {
    expect(sent(to("discord", DISCORD))).toEqual({
      url: DISCORD,
      headers: COMMON,
      body: { content: TEXT, allowed_mentions: { parse: [] } },
    });
  });

  test("to Resend is a mail of plain text with a bearer token and an idempotency key", () => {
    expect(sent(to("email", "rigs@example.org"))).toEqual({
      url: MAIL_URL.resend,
      headers: { ...COMMON, authorization: `Bearer ${MAIL_KEY}`, "idempotency-key": ID },
      body: {
        from: "Pool <pool@example.org>",
        to: ["rigs@example.org"],
        subject: "[main] Node a is not used",
        text: TEXT,
      },
    });
  });

  test("to Postmark has its names, its stream for single mails, and its token in its own header", () => {
    expect(sent(to("email", "rigs@example.org"), undefined, sendersWith("postmark"))).toEqual({
      url: MAIL_URL.postmark,
      headers: { ...COMMON, accept: "application/json", "x-postmark-server-token": MAIL_KEY },
      body: {
        From: "Pool <pool@example.org>",
        To: "rigs@example.org",
        Subject: "[main] Node a is not used",
        TextBody: TEXT,
        MessageStream: "outbound",
      },
    });
  });

  test("to another provider is as docs/OPERATING.md has it", () => {
    expect(sent(to("email", "rigs@example.org"), undefined, sendersWith("generic"))).toEqual({
      url: MAIL_URL.generic,
      headers: { ...COMMON, authorization: `Bearer ${MAIL_KEY}`, "idempotency-key": ID },
      body: {
        from: "Pool <pool@example.org>",
        to: "rigs@example.org",
        subject: "[main] Node a is not used",
        text: TEXT,
      },
    });
  });

  test.each([null, `0x${"a1".repeat(20)}`])("to a webhook of %s is signed over its time and its body", (login) => {
    const messages = [about("a"), about("b")];
    const request = requestOf(SENDERS, to("webhook", "https://alerts.example.org/x", login), messages, ID, NOW_MS);
    expect(JSON.parse(request?.body ?? "")).toEqual({ v: 1, pool: "main", id: ID, messages });
    const key = login === null ? WEBHOOK_KEY : `${WEBHOOK_KEY} ${login}`;
    expect(request).toMatchObject({
      url: "https://alerts.example.org/x",
      headers: {
        ...COMMON,
        "idempotency-key": ID,
        "x-edgepool-signature": `t=1700000000,v1=${mac(key, `1700000000.${request?.body}`)}`,
      },
    });
  });

  test("shows none of the pool's secrets but the one that its own service asks for, and that one once", () => {
    for (const [destination, provider, secret] of [
      [to("telegram", "1"), "resend", BOT],
      [to("discord", DISCORD), "resend", DISCORD],
      [to("email", "rigs@example.org"), "resend", MAIL_KEY],
      [to("email", "rigs@example.org"), "postmark", MAIL_KEY],
      [to("email", "rigs@example.org"), "generic", MAIL_KEY],
      [to("webhook", "https://alerts.example.org/x"), "resend", null],
    ] as const) {
      const { url, headers, body } = sent(destination, undefined, sendersWith(provider));
      const all = [url, ...Object.values(headers), JSON.stringify(body)].join("\n");
      expect(all.match(/of-this-test-only/g) ?? [], destination.kind).toHaveLength(secret === null ? 0 : 1);
      expect(all).toContain(secret ?? "");
    }
  });

  test("is none where the operator has not set up the kind", () => {
    const bare: Senders = { pool: "main", telegram: null, mail: null, webhookKey: () => null };
    for (const kind of ["telegram", "email"] as const)
      expect(requestOf(bare, to(kind, "1"), [about("a")], ID, NOW_MS)).toBeNull();
    const webhook = requestOf(bare, to("webhook", "https://alerts.example.org/x"), [about("a")], ID, NOW_MS);
    expect(Object.keys(webhook?.headers ?? {})).not.toContain("x-edgepool-signature");
  });

  test("with several messages is one list, and its subject says how many", () => {
    const messages = [about("a"), about("b"), about("c")];
    const list = "[main] Node a is not used\nIt is away.\n\n[main] Node b is not used\nIt is away.\n\n[main] Node c";
    expect(sent(to("email", "rigs@example.org"), messages).body.subject).toBe("[main] 3 messages");
    expect(sent(to("email", "rigs@example.org"), messages).body.text).toContain(list);
    expect(sent(to("telegram", "1"), messages).body.text).toContain(list);
    expect(sent(to("discord", DISCORD), messages).body.content).toContain(list);
  });

  test("is no longer than Telegram (4,096) and Discord (2,000) take, and half a character is never left", () => {
    // Of two units each, at an even and at an odd place.
    for (const shift of ["", "x"]) {
      const flood = Array.from({ length: 10 }, (_, i) => about(`${i}`, `${shift}${"\u{1F525}".repeat(400)}`));
      const { text } = sent(to("telegram", "1"), flood).body;
      const { content } = sent(to("discord", DISCORD), flood).body;
      for (const [told, longest] of [
        [text, 4_096],
        [content, 2_000],
      ]) {
        expect(told.length).toBeLessThanOrEqual(longest);
        expect(told.endsWith("…")).toBe(true);
        expect(told.isWellFormed()).toBe(true);
      }
    }
  });
});

const answered = (status: number, retryAfter: string | null = null, body = ""): HttpOutcome => ({
  kind: "answered",
  status,
  retryAfter,
  body,
});

describe("an answer", () => {
  test.each([
    ["Telegram", 200, '{"ok":true,"result":{"message_id":1}}'],
    ["Discord", 204, ""],
    ["Resend", 200, '{"id":"49a3999c-0ce1-4ea6-ab68-afcd6dc2e794"}'],
    ["Postmark", 200, '{"ErrorCode":0,"Message":"OK"}'],
  ])("of %s that it took the messages is the end of them", (_, status, body) => {
    expect(deliveryOf(answered(status, null, body), NOW_MS)).toEqual({ kind: "sent" });
  });

  test.each([
    [
      "Telegram",
      null,
      '{"ok":false,"error_code":429,"description":"Too Many Requests: retry after 35","parameters":{"retry_after":35}}',
      35_000,
    ],
    ["Discord", "65", '{"message":"You are being rate limited.","retry_after":64.57,"global":false}', 65_000],
    ["Discord", null, '{"message":"You are being rate limited.","retry_after":64.57,"global":false}', 64_570],
    ["Resend", "1", '{"statusCode":429,"name":"rate_limit_exceeded","message":"Too many requests."}', 1_000],
    ["Postmark", null, '{"ErrorCode":429,"Message":"Rate limit exceeded"}', 60_000],
  ])("of %s that it is too much is kept to", (_, retryAfter, body, afterMs) => {
    expect(deliveryOf(answered(429, retryAfter, body), NOW_MS)).toEqual({
      kind: "later",
      afterMs,
      reason: "status 429",
    });
  });

  test.each([
    ["Telegram, no such chat", 400, "refused"],
    ["Telegram, a bot that was thrown out", 403, "failed"],
    ["Telegram, a wrong token", 401, "failed"],
    ["Discord, a message that it does not take", 400, "refused"],
    ["Discord, a webhook that is gone", 404, "failed"],
    ["Resend, a mail that it does not take", 422, "refused"],
    ["Resend, a wrong key", 403, "failed"],
    ["Resend, the same key under way at once", 409, "failed"],
    ["Postmark, an address that wants no mail", 422, "refused"],
    ["Postmark, a wrong token", 401, "failed"],
    ["anybody, out of order", 500, "failed"],
    ["anybody, who leads elsewhere", 302, "failed"],
  ])("of %s tells a wrong message from a wrong sender, and quotes nothing of it", (_, status, kind) => {
    expect(deliveryOf(answered(status, null, "its own words"), NOW_MS)).toEqual({ kind, reason: `status ${status}` });
  });
});
