import { describe, expect, it } from "vitest";
import { writtenDown } from "../../../core/admin/audit-log.ts";
import { PausableLedger } from "../../../core/admin/pause.ts";
import { PoolAdmin, type PoolAdminPorts } from "../../../core/admin/pool-admin.ts";
import type { RedisCommand, RedisPort, RedisValue } from "../../../core/ledger/contract/redis-port.ts";
import { createLogger } from "../../../core/log.ts";
import { nodeSql } from "../../../scripts/ledger/node-sql.ts";
import { settled } from "../../support/virtual-clock.ts";

const NOW = 1_795_000_000_000;
const LOGIN = `0x${"a".repeat(40)}`;

const ban = (client: string, untilMs: number) => ({ client, login: null, untilMs, reason: "r", byHand: false });

/** The operator's object with its storage, parts that hear or do not, and a ledger that answers what it is told. */
class AdminRig {
  readonly sql = nodeSql();
  readonly told: string[] = [];
  readonly deaf = new Set<string>();
  readonly sent: RedisCommand[] = [];
  failure: Error | null = null;
  admin = new PoolAdmin(this.#ports());

  restart(): void {
    this.admin = new PoolAdmin(this.#ports());
  }

  #ports(): PoolAdminPorts {
    const part = (name: string) => ({
      name,
      pause: async (paused: boolean) => {
        if (this.deaf.has(name)) throw new Error("no answer");
        this.told.push(`${name} ${paused}`);
      },
    });
    return {
      sql: this.sql,
      nowMs: () => NOW,
      log: createLogger({ level: "error", sink: () => undefined, now: () => NOW }),
      redis: {
        command: async (command) => {
          if (this.failure) throw this.failure;
          this.sent.push(command);
          return 1;
        },
        pipeline: async () => [],
      },
      coin: "eth",
      parts: async () => [part("template"), part("shard 0"), part("unlocker")],
      ban: async () => null,
      lift: async () => undefined,
      bans: async () => [[ban("guarded", 5)], [], [ban("first", 9), ban("guarded", 4), ban("last", 1)]],
      closeAll: async (login) => void this.told.push(`close ${login}`),
      closeClient: async (client) => void this.told.push(`close ${client}`),
      pauseLogin: async (login, paused) => {
        if (this.deaf.has(login)) throw new Error("no answer");
        this.told.push(`${login} ${paused}`);
      },
    };
  }
}

describe("a pause", () => {
  it("that a part has not heard of is told again, over a restart, until everyone has", async () => {
    const rig = new AdminRig();
    rig.deaf.add("shard 0");
    const outcome = await rig.admin.run({ kind: "pause", paused: true, login: null, note: "x" });
    expect(outcome).toEqual({ ok: false, message: expect.stringContaining("shard 0") });
    rig.restart();
    expect(rig.admin.pauseState()).toEqual({ paused: true, waitingFor: ["shard 0"], logins: [] });
    rig.deaf.clear();
    rig.told.length = 0;
    await rig.admin.guard();
    expect(rig.told).toContain("shard 0 true");
    expect(rig.admin.pauseState().waitingFor).toEqual([]);
  });

  it("that ends is told in the same way, and afterwards nobody is told anything", async () => {
    const rig = new AdminRig();
    await rig.admin.run({ kind: "pause", paused: true, login: null, note: "x" });
    rig.deaf.add("unlocker");
    await rig.admin.run({ kind: "pause", paused: false, login: null, note: "x" });
    expect(rig.admin.pauseState()).toEqual({ paused: false, waitingFor: ["unlocker"], logins: [] });
    rig.deaf.clear();
    await rig.admin.guard();
    rig.told.length = 0;
    await rig.admin.guard();
    expect([rig.told, rig.admin.pauseState().waitingFor]).toEqual([[], []]);
  });

  it("of a login is listed before its object hears of it, and until it has heard of the end", async () => {
    const rig = new AdminRig();
    rig.deaf.add(LOGIN);
    await expect(rig.admin.run({ kind: "pause", paused: true, login: LOGIN, note: "x" })).rejects.toThrow("no answer");
    expect(rig.admin.pauseState().logins).toEqual([LOGIN]);
    rig.deaf.clear();
    await rig.admin.run({ kind: "pause", paused: false, login: LOGIN, note: "x" });
    expect(rig.admin.pauseState().logins).toEqual([]);
  });
});

describe("the log", () => {
  it("says `asked` of what another part does, until that has an end, and how it broke off", async () => {
    const { admin } = new AdminRig();
    const outcomes: string[] = [];
    const look = (): void => void outcomes.push(admin.audit(null)[0]?.outcome ?? "");
    await writtenDown(admin, "payouts", {}, async () => (look(), "cancelled"), String);
    look();
    const lost = writtenDown(admin, "payouts", {}, async () => await Promise.reject(new Error("no answer")), String);
    await expect(lost).rejects.toThrow("no answer");
    look();
    expect(outcomes).toEqual(["asked", "cancelled", "broke off, and may have been done: no answer"]);
  });

  it("that cannot take an end leaves what was done done", async () => {
    const log = { begin: () => 1, end: async () => await Promise.reject(new Error("away")) };
    expect(await writtenDown(log, "payouts", {}, async () => 7, String)).toBe(7);
  });

  it("has what failed and what never came to an end, in order, page by page", async () => {
    const rig = new AdminRig();
    rig.failure = new Error("the ledger is away");
    const list = { kind: "list", list: "blacklist", action: "add", who: LOGIN, note: "x" } as const;
    expect(await rig.admin.run(list)).toEqual({ ok: false, message: "not done: the ledger is away" });
    rig.sql.exec("INSERT INTO audit (version, at_ms, command, details) VALUES (1, ?, 'ban', '{}')", NOW);
    for (let note = 0; note < 250; note++) rig.admin.begin("unresolved", { note });
    const newest = rig.admin.audit(null);
    const older = rig.admin.audit(newest.at(-1)?.id ?? 0);
    expect([newest.length, older.length]).toEqual([200, 52]);
    expect(older.slice(-2).map(({ command, outcome }) => [command, outcome])).toEqual([
      ["ban", "asked"],
      ["list", "not done: the ledger is away"],
    ]);
  });
});

it("whoever goes on the blacklist is closed at once, a login or an address, and comes off it as it was written by whomever", async () => {
  const rig = new AdminRig();
  const list = (action: "add" | "remove", who: string) =>
    rig.admin.run({ kind: "list", list: "blacklist", action, who, note: "x" });
  await list("add", `${LOGIN.toUpperCase().replace("X", "x")}.rig`);
  await list("add", "2001:db8::7");
  await list("remove", "198.51.100.0/24");
  expect(rig.told).toEqual([`close ${LOGIN}`, "close 2001:db8:0:0::/64"]);
  expect(rig.sent).toEqual([
    ["SADD", "eth:blacklist", LOGIN],
    ["SADD", "eth:blacklist", "2001:db8:0:0::/64"],
    ["SREM", "eth:blacklist", "198.51.100.0/24", "198.51.100.0/24"],
  ]);
});

it("the bans of all guards are listed together, what ends last first", async () => {
  const rig = new AdminRig();
  expect((await rig.admin.bans()).map(({ client }) => client)).toEqual(["first", "guarded", "last"]);
});

describe("the way to the books of a part that is paused", () => {
  it("waits for what is under way and sends nothing more, surely", async () => {
    const { promise, resolve } = Promise.withResolvers<RedisValue>();
    const sent: RedisCommand[] = [];
    const redis: RedisPort = {
      command: async (command) => {
        sent.push(command);
        return await promise;
      },
      pipeline: async () => [],
    };
    let paused = false;
    const ledger = new PausableLedger(redis, { get: () => paused, set: (value) => void (paused = value) });
    const under = ledger.command(["SET", "a", "1"]);
    let quiet = false;
    const pausing = ledger.pause(true).then(() => (quiet = true));
    await settled();
    expect(quiet).toBe(false);
    await expect(ledger.command(["SET", "b", "1"])).rejects.toMatchObject({ executed: "no" });
    await expect(ledger.pipeline([["SET", "b", "1"]])).rejects.toMatchObject({ executed: "no" });
    resolve("OK");
    await pausing;
    expect([await under, sent]).toEqual(["OK", [["SET", "a", "1"]]]);
    await ledger.pause(false);
    expect(await ledger.command(["SET", "c", "1"])).toBe("OK");
  });
});
