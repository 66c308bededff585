import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  afterQuiet,
  MINER_TOPICS,
  parseQuiet,
  parseTargets,
  shownTarget,
  targetProblem,
  targetsText,
  type MinerTarget,
} from "../../../core/notifications/targets.ts";

describe("a miner's targets", () => {
  test("have one form: what is written is read, and nothing else is", () => {
    const target = fc.record({
      kind: fc.constantFrom("webhook", "telegram", "discord", "email"),
      to: fc.constantFrom("https://example.org/x?y=1", "-1001234567890", "rig@example.org"),
      topics: fc.subarray([...MINER_TOPICS], { minLength: 1 }),
      quiet: fc.option(
        fc
          .tuple(fc.nat({ max: 1_439 }), fc.nat({ max: 1_439 }))
          .filter(([from, to]) => from !== to)
          .map(([fromMin, toMin]) => ({ fromMin, toMin })),
      ),
    }) satisfies fc.Arbitrary<MinerTarget>;
    fc.assert(
      fc.property(fc.array(target, { maxLength: 3 }), (targets) => {
        expect(parseTargets(targetsText(targets))).toEqual(targets);
      }),
    );
    const four = Array.from({ length: 4 }, () => "telegram 1 offline").join("; ");
    for (const text of [
      "",
      "telegram 1",
      "telegram 1 payments+offline",
      "pager 1 offline",
      "telegram 1 offline quiet 22:00-22:00 UTC",
      "telegram 1 offline quiet 22:00-07:00",
      "telegram 1 offline;telegram 2 offline",
      "telegram 1 offline ",
      four,
    ])
      expect(parseTargets(text), text).toBeNull();
  });

  test.each([
    "http://example.org/x",
    "https://127.0.0.1/x",
    "https://2130706433/x",
    "https://0x7f.1/x",
    "https://[::1]/x",
    "https://[::ffff:10.0.0.1]/",
    "https://localhost/x",
    "https://metadata.google.internal/computeMetadata",
    "https://router.lan/",
    "https://intranet/",
    "https://printer.local./",
    "https://example.org:8443/x",
    "https://example.org:443/x",
    "https://user:secret@example.org/",
    "https://user@example.org/",
    "https://example.org@10.0.0.1/",
    "https://example.org\\@10.0.0.1/",
    "https:/example.org/x",
    "https://exa mple.org/",
    "https://ｅxample.org/",
    "https://EXAMPLE.org/",
    "file:///etc/passwd",
    "gopher://example.org/",
    "javascript:alert(1)",
    `https://example.org/${"x".repeat(300)}`,
  ])("never lead the pool to %s", (url) => {
    expect(targetProblem("webhook", url, false)).not.toBeNull();
  });

  test("are public web servers, chats, Discord's webhooks and mail addresses", () => {
    const good = [
      ["webhook", "https://hooks.example.org/rigs?key=abc"],
      ["telegram", "-1001234567890"],
      ["telegram", "@my_channel"],
      ["discord", "https://discord.com/api/webhooks/123456/abc-DEF_1"],
      ["email", "rigs+pool@mail.example.org"],
    ] as const;
    for (const [kind, to] of good) expect(targetProblem(kind, to, false), to).toBeNull();
    const bad = [
      ["discord", "https://discord.com.example.org/api/webhooks/1/a"],
      ["discord", "https://discord.com/api/users/@me"],
      ["telegram", "0123"],
      ["telegram", "1&text=x"],
      ["email", "a@b"],
      ["email", "a@example.org\r\nBcc: b@example.org"],
      ["email", "a@127.0.0.1"],
    ] as const;
    for (const [kind, to] of bad) expect(targetProblem(kind, to, false), to).not.toBeNull();
    expect(targetProblem("webhook", "http://127.0.0.1:9/x", true)).toBeNull();
  });

  test("are shown without what opens them", () => {
    expect(shownTarget("discord", "https://discord.com/api/webhooks/1/SECRET")).toBe("discord at discord.com");
    expect(shownTarget("email", "somebody@example.org")).toBe("email to s…@example.org");
    expect(shownTarget("telegram", "123456789")).toBe("telegram 123…");
  });
});

const at = (text: string) => Date.parse(`2026-11-26T${text}Z`);

describe("quiet hours", () => {
  test("hold a message until they end, over midnight as well", () => {
    const night = parseQuiet("22:00-07:30");
    expect(afterQuiet(night, at("21:59:59"))).toBe(at("21:59:59"));
    expect(afterQuiet(night, at("22:00:00"))).toBe(at("07:30:00") + 86_400_000);
    expect(afterQuiet(night, at("07:29:59"))).toBe(at("07:30:00"));
    expect(afterQuiet(night, at("07:30:00"))).toBe(at("07:30:00"));
    expect(afterQuiet(null, at("03:00:00"))).toBe(at("03:00:00"));
    expect(parseQuiet("24:00-01:00")).toBeNull();
  });
});
