import { describe, expect, test } from "vitest";
import { ConfigError, type ConfigProblem } from "../../../core/config-problem.ts";
import { templateProblem } from "../../../core/notifications/messages.ts";
import { parseConfig } from "../../../core/parse-config.ts";

const KEY = { NOTIFICATION_KEY: "signs-webhooks-of-this-test-only" };
const POOL = { chain: "classic", upstream: [{ name: "main", url: "https://geth.mypool.com" }], ...KEY };
const OPS = { name: "ops", kind: "webhook", to: "https://alerts.mypool.com/of-this-test-only" };

function problemsOf(notifications: unknown, more: Readonly<Record<string, unknown>> = {}): readonly ConfigProblem[] {
  try {
    parseConfig({ ...POOL, notifications, ...more });
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

const mail = (email: unknown) => ({ targets: [OPS], email });

describe("settings of notifications", () => {
  test("are taken as docs/OPERATING.md shows them", () => {
    const { notifications } = parseConfig({
      ...POOL,
      MAIL_API_KEY: "mail",
      TELEGRAM_BOT_TOKEN: "123456:ABCDEFGHIJ",
      NOTIFICATION_TARGETS: '{"ops":"https://discord.com/api/webhooks/1/a"}',
      notifications: {
        miners: true,
        email: { provider: "resend", from: "Pool <pool@mypool.com>" },
        targets: [
          { name: "ops", kind: "discord" },
          { name: "phone", kind: "telegram", to: "123456789", events: ["ledger", "wallet"] },
          { name: "log", kind: "webhook", to: "https://alerts.mypool.com/edgepool", quiet: "22:00-07:00" },
        ],
        templates: { block_found: "Block {height} at {pool}", "node.closed": "{name} is back" },
      },
    });
    expect(notifications?.targets).toMatchObject([
      { to: "https://discord.com/api/webhooks/1/a", kinds: null, quiet: null, perHour: 30 },
      { kinds: ["ledger", "wallet"] },
      { quiet: { fromMin: 1_320, toMin: 420 } },
    ]);
  });

  const one = (over: object) => ({ targets: [{ ...OPS, ...over }] });
  test.each([
    ["notifications", 5, "what is not shown", ""],
    ["notifications", "ops", "what is not shown", ""],
    ["notifications", "{", "what is not shown", "JSON"],
    ["notifications.target", { target: [] }, '"target"', "no such setting"],
    ["notifications.targets", { targets: OPS }, "what is not shown", "a list of tables { name, kind, to }"],
    ["notifications.targets", { targets: [OPS, OPS] }, "what is not shown", "targets with different names"],
    [
      "notifications.targets",
      { targets: Array.from({ length: 21 }, (_, i) => ({ ...OPS, name: `t${i}` })) },
      "what is not shown",
      "at most 20 targets",
    ],
    ["notifications.targets.0", { targets: ["ops"] }, "what is not shown", "a table such as"],
    ["notifications.targets.0.name", one({ name: "on call" }), '"on call"', "a name of letters, digits"],
    ["notifications.targets.0.name", { targets: [{ kind: "webhook", to: OPS.to }] }, "nothing", ""],
    ["notifications.targets.0.kind", one({ kind: "pager" }), '"pager"', "webhook, telegram, discord, email"],
    ["notifications.targets.0.to", one({ to: 5 }), "what is not shown", "a text"],
    ["notifications.targets.0.to", one({ to: undefined }), "nothing", "in the secret NOTIFICATION_TARGETS"],
    [
      "notifications.targets.0.to",
      one({ to: "http://alerts.mypool.com/x" }),
      "what is not shown",
      "https:// URL of a public host",
    ],
    ["notifications.targets.0.to", one({ kind: "discord" }), "what is not shown", "a webhook's URL of Discord's"],
    ["notifications.targets.0.event", one({ event: ["node"] }), '"event"', "no such setting"],
    ["notifications.targets.0.events", one({ events: "node" }), '"node"', "a list of node, ledger"],
    ["notifications.targets.0.events", one({ events: [] }), "[]", "a list of node, ledger"],
    [
      "notifications.targets.0.events.1",
      one({ events: ["node", "rig_offline"] }),
      '"rig_offline"',
      "a list of node, ledger",
    ],
    ["notifications.targets.0.quiet", one({ quiet: "22-7" }), '"22-7"', 'hours of the UTC day, such as "22:00-07:00"'],
    ["notifications.targets.0.quiet", one({ quiet: "07:00-07:00" }), '"07:00-07:00"', "hours of the UTC day"],
    ["notifications.miners", { miners: "yes" }, '"yes"', "true or false"],
    ["notifications.perHour", { perHour: 0 }, "0", "a whole number from 1 to 1000"],
    ["notifications.perHour", { perHour: "many" }, '"many"', "a whole number from 1 to 1000"],
    ["notifications.minerPerHour", { minerPerHour: 1_001 }, "1001", "a whole number from 1 to 1000"],
    ["notifications.fallenPercent", { fallenPercent: 71 }, "71", "a whole number from 10 to 70"],
    ["notifications.walletLow", { walletLow: 0 }, "0", "an amount in Shannon"],
    ["notifications.walletLow", { walletLow: "1 ETC" }, '"1 ETC"', "an amount in Shannon"],
    ["notifications.email", mail("resend"), '"resend"', "a table such as { provider"],
    [
      "notifications.email.provider",
      mail({ provider: "smtp", from: "a@b.org" }),
      '"smtp"',
      "resend, postmark or generic",
    ],
    [
      "notifications.email.from",
      mail({ provider: "resend", from: "a@b.org\r\nBcc: c@d.org" }),
      '"a@b.org\\r\\nBcc: c@d.org"',
      "a sender that the provider knows",
    ],
    [
      "notifications.email.url",
      mail({ provider: "generic", from: "a@b.org", url: "ftp://x.org" }),
      '"ftp://x.org"',
      "an http:// or https:// URL",
    ],
    [
      "notifications.email.url",
      mail({ provider: "generic", from: "a@b.org" }),
      "nothing",
      "where a generic provider takes mail",
    ],
    [
      "notifications.email.url",
      mail({ provider: "generic", from: "a@b.org", url: "https://10.0.0.1/" }),
      "what is not shown",
      "public host name",
    ],
    [
      "notifications.telegramApi",
      { telegramApi: "api.telegram.org" },
      '"api.telegram.org"',
      "an http:// or https:// URL",
    ],
    [
      "notifications.telegramApi",
      { targets: [OPS], telegramApi: "http://bots.mypool.com" },
      "what is not shown",
      "https:// URL",
    ],
    ["notifications.templates", { templates: "Block!" }, '"Block!"', "a table of texts by event"],
    ["notifications.templates.node", { templates: { node: 5 } }, "5", "a text"],
  ])("that are wrong are refused by name: %s, %j", (variable, notifications, found, allowed) => {
    const problems = problemsOf(notifications, { MAIL_API_KEY: "mail" });
    expect(problems).toEqual([{ variable, found, allowed: expect.stringContaining(allowed) }]);
    expect(problems[0]?.allowed).not.toMatch(/^(?:Invalid|$)/);
    expect(JSON.stringify(problems)).not.toContain("of-this-test-only");
  });

  test.each([
    ["NOTIFICATION_KEY", { targets: [OPS] }, { NOTIFICATION_KEY: null }, "nothing", "at least 16 characters"],
    ["NOTIFICATION_KEY", { miners: true }, { NOTIFICATION_KEY: null }, "nothing", "at least 16 characters"],
    ["NOTIFICATION_KEY", { miners: true }, { NOTIFICATION_KEY: "short" }, "a secret that is not shown", "at least 16"],
    [
      "TELEGRAM_BOT_TOKEN",
      { targets: [{ name: "ops", kind: "telegram", to: "1" }] },
      {},
      "nothing",
      "the token of your Telegram bot",
    ],
    ["TELEGRAM_BOT_TOKEN", {}, { TELEGRAM_BOT_TOKEN: "my token" }, "a secret that is not shown", "a bot's token"],
    [
      "notifications.email",
      { targets: [{ name: "ops", kind: "email", to: "a@b.org" }] },
      {},
      "nothing",
      "a table { provider, from }",
    ],
    ["MAIL_API_KEY", mail({ provider: "resend", from: "a@b.org" }), {}, "nothing", "the key of your mail provider"],
    [
      "NOTIFICATION_TARGETS.on-call",
      { targets: [OPS] },
      { NOTIFICATION_TARGETS: '{"on-call":"x"}' },
      "an address for an unknown target",
      "one of ops",
    ],
    [
      "NOTIFICATION_TARGETS.ops",
      { targets: [OPS] },
      { NOTIFICATION_TARGETS: '{"ops":""}' },
      "a secret that is not shown",
      "text that is not empty",
    ],
  ])("miss no secret that they need, by name: %s, %j", (variable, notifications, secrets, found, allowed) => {
    expect(problemsOf(notifications, secrets)).toEqual([
      { variable, found, allowed: expect.stringContaining(allowed) },
    ]);
  });
});

describe("a template", () => {
  test.each([
    ["block", "Block {height}", "one of node, node.closed, ledger"],
    ["block_found.closed", "Block {height}", "one of node, node.closed, ledger"],
    ["block_found", "Block {heigth}", "a text in which {…} is one of height, nonce, effort, pool"],
    ["block_found", "Block { height }", "a text in which {…} is one of height, nonce, effort, pool"],
    ["block_found", "Block {block.height}", "a text in which {…} is one of height, nonce, effort, pool"],
    ["block_found", "Block {}", "a text in which {…} is one of height, nonce, effort, pool"],
    ["node.closed", "{name} is back at {height}", "a text in which {…} is one of name, duration, pool, text, login"],
    ["block_found", "", "a text of 1 to 1000 characters"],
    ["block_found", "x".repeat(1_001), "a text of 1 to 1000 characters"],
  ])("%s that says %j is refused by its name, whether anybody is told by it yet or not", (name, text, allowed) => {
    const problem = {
      variable: `notifications.templates.${name}`,
      found: JSON.stringify(text.slice(0, 60)),
      allowed: expect.stringContaining(allowed),
    };
    for (const targets of [[OPS], []]) expect(problemsOf({ targets, templates: { [name]: text } })).toEqual([problem]);
  });

  test("may hold braces of its own around what it names", () => {
    expect(templateProblem("block_found", '{"block": "{height}"}')).toBeNull();
  });
});
