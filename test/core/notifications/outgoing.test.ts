import { describe, expect, test } from "vitest";
import { createLogger } from "../../../core/log.ts";
import type { HttpOutcome, HttpRequest, Senders } from "../../../core/notifications/http-forms.ts";
import { messageOf, type Message } from "../../../core/notifications/messages.ts";
import { Outgoing, type OutgoingDeps, type Target, targetName } from "../../../core/notifications/outgoing.ts";
import { parseQuiet } from "../../../core/notifications/targets.ts";
import { nodeSql } from "../../../scripts/ledger/node-sql.ts";
import { CrashSql } from "../../support/crash-sql.ts";
import { seeded } from "../../support/rig-months.ts";
import { VirtualClock } from "../../support/virtual-clock.ts";

const KEY = "a key of sixteen characters";
const senders: Senders = {
  pool: "main",
  telegram: { api: "https://api.telegram.org", token: "1:SECRETSECRET" },
  mail: null,
  webhookKey: () => KEY,
};
const TARGET: Target = {
  name: targetName(null, "ops"),
  kind: "webhook",
  to: "https://alerts.example.org/x",
  login: null,
  quiet: null,
  perHour: 30,
};
const OK: HttpOutcome = { kind: "answered", status: 200, retryAfter: null, body: "" };
const status = (code: number, retryAfter: string | null = null, body = ""): HttpOutcome => ({
  kind: "answered",
  status: code,
  retryAfter,
  body,
});

let counter = 0;
function message(over: Partial<Message> = {}): Message {
  counter += 1;
  const incident = `node:${counter}@1`;
  const told = {
    kind: "node",
    phase: "opened",
    incident,
    atMs: 1,
    data: { name: `n${counter}`, text: "away" },
  } as const;
  return { ...messageOf({}, "main", told), ...over };
}

interface Received {
  readonly id: string;
  readonly incidents: string[];
  readonly atMs: number;
}

function targetOf(
  answer: (request: HttpRequest, count: number) => HttpOutcome | Promise<HttpOutcome>,
  nowMs: () => number,
) {
  const received: Received[] = [];
  const http = async (request: HttpRequest) => {
    const { id, messages } = JSON.parse(request.body) as { id: string; messages: Message[] };
    received.push({ id, incidents: messages.map(({ incident }) => incident), atMs: nowMs() });
    return await answer(request, received.length);
  };
  return { received, http };
}

function depsOf(over: Partial<OutgoingDeps> & Pick<OutgoingDeps, "http" | "nowMs">): OutgoingDeps {
  const random = seeded(1);
  let ids = 0;
  return {
    sql: nodeSql(),
    senders,
    random,
    randomId: () => `id-${(ids += 1)}`,
    log: createLogger({ level: "error", sink: () => undefined, now: () => 0 }),
    ...over,
  };
}

/** Runs until nothing is due any more within so long. */
async function drive(outgoing: Outgoing, clock: VirtualClock, forMs: number): Promise<void> {
  const endMs = clock.nowMs() + forMs;
  for (;;) {
    const nextMs = await outgoing.deliver();
    if (nextMs === null || nextMs > endMs) return;
    clock.spend(Math.max(1_000, nextMs - clock.nowMs()));
  }
}

describe("messages on their way", () => {
  test("go out with the run that finds them, whatever the time does while it looks", async () => {
    let ms = 1_000_000;
    const { received, http } = targetOf(
      () => OK,
      () => ms,
    );
    const outgoing = new Outgoing(depsOf({ http, nowMs: () => (ms += 1) }));
    const sent = message();
    outgoing.add(TARGET, sent);
    await outgoing.deliver();
    expect(received.map(({ incidents }) => incidents)).toEqual([[sent.incident]]);
  });

  test("reach a target that was away for hours, in order, and no attempt comes more often than the pauses allow", async () => {
    const clock = new VirtualClock();
    const backMs = clock.nowMs() + 5 * 3_600_000;
    const { received, http } = targetOf(
      () => (clock.nowMs() < backMs ? { kind: "failed", reason: "no connection" } : OK),
      () => clock.nowMs(),
    );
    const outgoing = new Outgoing(depsOf({ http, nowMs: () => clock.nowMs() }));
    const messages = [message(), message(), message()];
    for (const one of messages) outgoing.add(TARGET, one);
    await drive(outgoing, clock, 6 * 3_600_000);
    expect(received.at(-1)?.incidents).toEqual(messages.map(({ incident }) => incident));
    expect(new Set(received.map(({ id }) => id)).size).toBe(1);
    expect(received.length).toBeLessThan(60);
    expect(clock.nowMs() - backMs).toBeLessThan(900_000);
    expect(outgoing.count()).toBe(0);
    expect(outgoing.troubled(0)).toEqual([]);
  });

  test("are given up after a day, and the next ones still come", async () => {
    const clock = new VirtualClock();
    const backMs = clock.nowMs() + 30 * 3_600_000;
    const { received, http } = targetOf(
      () => (clock.nowMs() < backMs ? status(500) : OK),
      () => clock.nowMs(),
    );
    const outgoing = new Outgoing(depsOf({ http, nowMs: () => clock.nowMs() }));
    outgoing.add(TARGET, message());
    await drive(outgoing, clock, 29 * 3_600_000);
    expect(outgoing.count()).toBe(0);
    const later = message();
    outgoing.add(TARGET, later);
    clock.spend(2 * 3_600_000);
    await drive(outgoing, clock, 3_600_000);
    expect(received.at(-1)?.incidents).toEqual([later.incident]);
  });

  test("wait as long as a target asks for by 429, whether in seconds, by a date or in the body", async () => {
    for (const [answer, waitMs] of [
      [status(429, "120"), 120_000],
      [status(429, new Date(1_700_000_000_000 + 300_000).toUTCString()), 300_000],
      [status(429, null, '{"retry_after": 90.5}'), 90_500],
      [status(429, null, '{"parameters":{"retry_after":200}}'), 200_000],
      [status(503, "240"), 240_000],
      [status(429, "999999"), 3_600_000],
    ] as const) {
      const clock = new VirtualClock();
      const { received, http } = targetOf(
        (_, count) => (count === 1 ? answer : OK),
        () => clock.nowMs(),
      );
      const outgoing = new Outgoing(depsOf({ http, nowMs: () => clock.nowMs() }));
      outgoing.add(TARGET, message());
      await drive(outgoing, clock, 4_000_000);
      expect(received).toHaveLength(2);
      expect((received[1]?.atMs ?? 0) - (received[0]?.atMs ?? 0)).toBeGreaterThanOrEqual(waitMs - 1_000);
    }
  });

  test("that a target calls wrong stand in nobody's way for ever", async () => {
    const clock = new VirtualClock();
    const { received, http } = targetOf(
      ({ body }) => (body.includes("poison") ? status(400) : OK),
      () => clock.nowMs(),
    );
    const outgoing = new Outgoing(depsOf({ http, nowMs: () => clock.nowMs() }));
    outgoing.add(TARGET, message({ text: "poison" }));
    await drive(outgoing, clock, 1);
    const good = message();
    outgoing.add(TARGET, good);
    await drive(outgoing, clock, 3_600_000);
    expect(received).toHaveLength(6);
    expect(received.at(-1)?.incidents).toEqual([good.incident]);
  });

  test("of an incident that is over before its opening was sent are one, and in quiet hours none goes out", async () => {
    const clock = new VirtualClock(Date.parse("2026-11-26T23:00:00Z"));
    const { received, http } = targetOf(
      () => OK,
      () => clock.nowMs(),
    );
    const outgoing = new Outgoing(depsOf({ http, nowMs: () => clock.nowMs() }));
    const quiet = { ...TARGET, quiet: parseQuiet("22:00-07:00") };
    const opened = message({ incident: "node:a@1", phase: "opened" });
    outgoing.add(quiet, opened);
    outgoing.add(quiet, message({ incident: "node:b@1", phase: "opened" }));
    await drive(outgoing, clock, 1);
    expect(received).toEqual([]);
    outgoing.add(quiet, { ...opened, phase: "closed" });
    await drive(outgoing, clock, 12 * 3_600_000);
    expect(received.map(({ incidents }) => incidents)).toEqual([["node:b@1", "node:a@1"]]);
    expect(new Date(received[0]?.atMs ?? 0).toISOString()).toBe("2026-11-27T07:00:00.000Z");
  });

  test("of a flood come as few lists, within what a target is sent in an hour, and the oldest make way", async () => {
    const clock = new VirtualClock();
    const { received, http } = targetOf(
      () => OK,
      () => clock.nowMs(),
    );
    const outgoing = new Outgoing(depsOf({ http, nowMs: () => clock.nowMs() }));
    const few = { ...TARGET, perHour: 4 };
    for (let i = 0; i < 500; i += 1) outgoing.add(few, message());
    expect(outgoing.count()).toBe(100);
    await drive(outgoing, clock, 1);
    expect(received).toHaveLength(4);
    await drive(outgoing, clock, 2 * 3_600_000);
    expect(received).toHaveLength(10);
    expect(received.every(({ incidents }) => incidents.length === 10)).toBe(true);
    expect((received[9]?.atMs ?? 0) - (received[3]?.atMs ?? 0)).toBeGreaterThan(1.4 * 3_600_000);
  });

  test("for a target that is gone go nowhere", async () => {
    const clock = new VirtualClock();
    const { received, http } = targetOf(
      () => OK,
      () => clock.nowMs(),
    );
    const outgoing = new Outgoing(depsOf({ http, nowMs: () => clock.nowMs() }));
    outgoing.add(TARGET, message());
    expect(outgoing.namesOf(null)).toEqual([TARGET.name]);
    outgoing.forget(TARGET.name);
    await drive(outgoing, clock, 1_000);
    expect([received, outgoing.count()]).toEqual([[], 0]);
  });
});

describe("a process that dies", () => {
  /** Where it can die: before and after each step that leads outside. */
  const POINTS = ["add", "take", "request", "answer", "done"] as const;

  test.each(POINTS)("at %s loses no message, and who looks at the ids takes each once", async (point) => {
    for (let seed = 0; seed < 20; seed += 1) {
      const clock = new VirtualClock();
      const disk = new CrashSql(clock);
      const random = seeded(seed);
      const received: Received[] = [];
      let ids = 0;
      let dies: string | null = null;
      class Death extends Error {}
      const die = (at: string) => {
        if (dies === at) throw new Death(at);
      };
      const http = async (request: HttpRequest): Promise<HttpOutcome> => {
        die("request");
        const { id, messages } = JSON.parse(request.body) as { id: string; messages: Message[] };
        received.push({ id, incidents: messages.map(({ incident }) => incident), atMs: clock.nowMs() });
        die("answer");
        return random() < 0.3 ? status(500) : OK;
      };
      const open = () => {
        const port = disk.port();
        const sql = {
          ...port,
          durable: async () => {
            die("take");
            const written = port.durable();
            await clock.pass(10);
            await written;
          },
          exec: (...statement: Parameters<typeof port.exec>) => {
            if (statement[0].includes("SET sending = NULL")) die("done");
            return port.exec(...statement);
          },
        };
        return new Outgoing(
          depsOf({ sql, http, nowMs: () => clock.nowMs(), random, randomId: () => `${seed}-${(ids += 1)}` }),
        );
      };
      let outgoing = open();
      const sent: string[] = [];
      for (let i = 0; i < 6; i += 1) {
        const one = message();
        outgoing.add(TARGET, one);
        // The caller's step ends when it is durable; one that died before that says it again.
        if (point === "add" && random() < 0.5) {
          disk.crash();
          outgoing = open();
          outgoing.add(TARGET, one);
        }
        const durable = disk.port().durable();
        await clock.pass(10);
        await durable;
        sent.push(one.incident);
        dies = random() < 0.6 ? point : null;
        await outgoing.deliver().catch((error: unknown) => {
          if (!(error instanceof Death)) throw error;
          disk.crash();
          outgoing = open();
        });
        dies = null;
        clock.spend(60_000);
      }
      for (let i = 0; i < 50; i += 1) {
        await outgoing.deliver();
        clock.spend(600_000);
      }
      expect(outgoing.count(), `seed ${seed}`).toBe(0);
      const byId = new Map(received.map(({ id, incidents }) => [id, incidents]));
      // The same id always brought the same messages, and over the ids each message came once.
      for (const { id, incidents } of received) expect(incidents).toEqual(byId.get(id));
      expect([...byId.values()].flat().toSorted(), `seed ${seed}`).toEqual(sent.toSorted());
    }
  });
});
