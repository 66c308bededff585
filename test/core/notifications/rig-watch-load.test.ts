import { expect, test } from "vitest";
import type { RedisCommand, RedisPort, RedisValue } from "../../../core/ledger/contract/redis-port.ts";
import { createLogger } from "../../../core/log.ts";
import { NotifierBooks } from "../../../core/notifications/ledger-news.ts";
import { RigWatch } from "../../../core/notifications/rig-watch.ts";
import { nodeSql } from "../../../scripts/ledger/node-sql.ts";

const LOGINS = 10_000;
const SHARE_S = 30;
const START_S = 1_700_000_000;

/** A ledger of logins with a rig each that brings a share every half minute; it counts what it is asked. */
function ledger(nowS: () => number, asked: { requests: number; commands: number }): RedisPort {
  const answer = (command: RedisCommand): RedisValue => {
    if (command[0] === "HGET") return "webhook https://rigs.example.org/ offline";
    const entries: string[] = [];
    const at = Number.parseInt(String(command[1]).slice(-4), 16) % SHARE_S;
    const from = Math.ceil((Number(command[2]) - at) / SHARE_S) * SHARE_S + at;
    for (let ts = from; ts <= nowS(); ts += SHARE_S) entries.push(`1000:rig:${ts * 1000}`);
    return entries;
  };
  return {
    command: async () => Promise.reject(new Error("not asked for")),
    pipeline: async (commands) => {
      asked.requests += 1;
      asked.commands += commands.length;
      return commands.map(answer);
    },
  };
}

test("10,000 logins are looked at 400 at a time, in a minute, and again when something could be said of them; a session is asked once in half an hour", async () => {
  const asked = { requests: 0, commands: 0 };
  let [nowS, sessions] = [START_S, 0];
  const sql = nodeSql();
  const watch = new RigWatch({
    sql,
    books: new NotifierBooks(
      ledger(() => nowS, asked),
      "eth",
    ),
    presences: async () => {
      sessions += 1;
      return { paused: false, polling: false, connections: new Map([["rig", 1_000]]) };
    },
    fallenPercent: 50,
    log: createLogger({ level: "error", sink: () => undefined, now: () => 0 }),
  });
  const logins = new Set(Array.from({ length: LOGINS }, (_, n) => `0x${n.toString(16).padStart(40, "0")}`));
  watch.follow(logins, nowS * 1000);
  const minutes: { looked: number; sessions: number; requests: number; commands: number; ms: number }[] = [];
  for (let minute = 0; minute < 10; minute += 1) {
    Object.assign(asked, { requests: 0, commands: 0 });
    sessions = 0;
    let looked = 0;
    const began = performance.now();
    for (const endS = nowS + 60; nowS < endS; nowS += 2) {
      const looks = await watch.look(nowS * 1000, START_S * 1000 - 3_600_000);
      looked += looks.length;
      expect(looks.length).toBeLessThanOrEqual(400);
      sql.transaction(() => {
        for (const look of looks) watch.keep(look);
      });
    }
    minutes.push({ looked, sessions, ...asked, ms: Math.round(performance.now() - began) });
  }
  if (process.env["EDGEPOOL_WATCH_LOAD"])
    process.stdout.write(minutes.map((one) => `${JSON.stringify(one)}\n`).join(""));
  // Targets and entries are two commands a login, of 50 logins in one request.
  expect(minutes[0]).toMatchObject({ looked: LOGINS, sessions: LOGINS, requests: 400, commands: 2 * LOGINS });
  const later = minutes.slice(1);
  const sum = (of: (minute: (typeof later)[number]) => number) =>
    later.reduce((total, minute) => total + of(minute), 0);
  expect(sum((minute) => minute.sessions)).toBe(0);
  expect(sum((minute) => minute.looked)).toBeLessThanOrEqual(2 * LOGINS);
  expect(sum((minute) => minute.requests)).toBeLessThanOrEqual(sum((minute) => minute.looked) / 25 + 9 * 30);
}, 600_000);
