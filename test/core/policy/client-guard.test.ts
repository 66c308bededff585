import { describe, expect, it, vi } from "vitest";
import { TOO_MANY } from "../../../core/policy/client-guard.ts";
import { CLIENT, GuardRig } from "./guard-rig.ts";

const [A, B, C] = ["a", "b", "c"].map((digit) => `0x${digit.repeat(40)}`) as [string, string, string];

const address = (n: number) => `203.${n >> 16}.${(n >> 8) & 255}.${n & 255}`;

const comes = async (rig: GuardRig, client: string, login: string) =>
  (await rig.guards.of(client).admit(login, "connection")).reason;

it("a client that is on the blacklist now loses its connections, but for those of whitelisted logins, and is not banned", async () => {
  const rig = new GuardRig();
  for (const login of [A, B, C]) await rig.connect(login);
  await rig.guard.report(C, { valid: 1 });
  rig.whitelist.add(B);
  await rig.guard.close("a botnet");
  expect([rig.closed.toSorted(), rig.guards.bans()]).toEqual([[A, C], []]);
});

describe("a ban of a client", () => {
  it("closes the connections of every login there but those that have earned something, and refuses new ones until it ends", async () => {
    const rig = new GuardRig();
    for (const login of [A, B, C]) await rig.connect(login);
    await rig.guard.report(C, { valid: 1 });
    for (let line = 0; line < 5; line++) await rig.guard.report(A, { malformed: 1 });
    await rig.settle();
    expect(rig.closed.toSorted()).toEqual([A, B]);
    expect([await rig.connect(A), await rig.connect(B), await rig.connect(C)]).toEqual([
      "Too many malformed requests",
      "Too many malformed requests",
      "",
    ]);
    expect((await rig.guard.admit(null, "unfinished")).allowed).toBe(false);
    const ban = { reason: "Too many malformed requests", untilMs: rig.nowMs + 1_800_000, byHand: false };
    expect(rig.guards.bans()).toEqual([{ client: CLIENT, login: null, ...ban }]);
    rig.nowMs += 1_800_000;
    expect([await rig.connect(A), rig.guards.bans()]).toEqual(["", []]);
  });

  it("outlives the object, also when it ends between the row and the closing", async () => {
    const rig = new GuardRig();
    await rig.connect(B);
    rig.deaf.add(B);
    expect((await rig.guard.report(A, { ban: true })).allowed).toBe(false);
    await rig.settle();
    expect([rig.closed, rig.alarms.at(-1)]).toEqual([[], rig.nowMs + 5_000]);
    rig.restart();
    expect(await rig.connect(B)).toBe("Banned for what it sent");
    rig.deaf.clear();
    rig.nowMs += 5_000;
    expect(await rig.guards.wake()).toBe(true);
    expect(rig.closed).toEqual([B]);
    rig.nowMs += 5_000;
    await rig.guards.wake();
    expect(rig.closed).toEqual([B]);
  });

  it("touches neither whitelisted clients nor whitelisted logins", async () => {
    const rig = new GuardRig();
    rig.whitelist.add(CLIENT);
    for (let line = 0; line < 50; line++) await rig.guard.report(A, { malformed: 1, invalid: 10, ban: true });
    expect([await rig.connect(A), rig.rows()]).toEqual(["", 1]);
    rig.whitelist.clear();
    rig.whitelist.add(B);
    await rig.connect(B);
    expect((await rig.guard.report(B, { ban: true })).allowed).toBe(true);
    await rig.guard.report(A, { ban: true });
    await rig.settle();
    expect([rig.closed, await rig.connect(A), await rig.connect(B)]).toEqual([[A], "Banned for what it sent", ""]);
    expect(await rig.guard.ban(B, rig.nowMs + 1, "by hand")).toContain("whitelisted");
  });

  it("is the operator's to place, without exceptions, and to lift", async () => {
    const rig = new GuardRig();
    for (const login of [A, B]) await rig.connect(login);
    await rig.guard.report(A, { valid: 1 });
    expect(await rig.guard.ban(null, rig.nowMs + 60_000, "a botnet")).toBeNull();
    expect(rig.closed.toSorted()).toEqual([A, B]);
    expect(await rig.connect(A)).toBe("a botnet");
    await rig.guard.lift(null);
    expect([await rig.connect(A), rig.guards.bans()]).toEqual(["", []]);
  });

  it("is listed with those of logins, what ends last first and no more than an answer can carry, whatever else is in the rows", async () => {
    const rig = new GuardRig();
    for (let n = 0; n < 1_010; n++) await rig.guards.of(address(n)).ban(null, rig.nowMs + 1_000 + n, "a botnet");
    await rig.guard.ban(A, rig.nowMs + 60_000, "one login");
    for (const text of ["", '{"standing":null}', '{"ban":{"untilMs":9e15}}'])
      rig.sql.exec("INSERT OR REPLACE INTO client_standing VALUES (?, ?, 99, 0, ?)", `strange ${text}`, A, text);
    rig.sql.exec("INSERT OR REPLACE INTO client_standing VALUES ('broken', '', 1, 0, '{')");
    rig.restart();
    const listed = rig.guards.bans();
    expect([listed.length, listed[0], listed.at(-1)?.client]).toEqual([
      1_000,
      { client: CLIENT, login: A, untilMs: rig.nowMs + 60_000, reason: "one login", byHand: true },
      address(11),
    ]);
  });

  it("is not needed for a client on the blacklist", async () => {
    const rig = new GuardRig();
    rig.blacklist.add(CLIENT);
    expect(await rig.connect(A)).toBe("Blacklisted");
  });
});

describe("a bridge that the operator bans", () => {
  const [ONE, TWO, NEXT_DOOR] = [`${CLIENT}#one`, `${CLIENT}#two`, "192.0.2.10#one"];
  const rigWithMiners = async () => {
    const rig = new GuardRig();
    for (const [client, login] of [
      [ONE, A],
      [TWO, B],
      [NEXT_DOOR, C],
    ] as const)
      await rig.guards.of(client).admit(login, "connection");
    return rig;
  };

  it("loses the miners that it vouches for as well, those that have earned something too, until it is lifted", async () => {
    const rig = await rigWithMiners();
    await rig.guards.of(ONE).report(A, { valid: 1 });
    expect(await rig.guard.ban(null, rig.nowMs + 60_000, "sold")).toBeNull();
    expect(rig.closedAt.toSorted()).toEqual([`${ONE} ${A}`, `${TWO} ${B}`]);
    expect([await comes(rig, ONE, A), await comes(rig, TWO, C), await comes(rig, NEXT_DOOR, C)]).toEqual([
      "sold",
      "sold",
      "",
    ]);
    expect(await rig.guards.of(ONE).report(A, { valid: 1 })).toMatchObject({ allowed: false, reason: "sold" });
    rig.restart();
    expect(await comes(rig, ONE, A)).toBe("sold");
    await rig.guard.lift(null);
    expect(await comes(rig, ONE, A)).toBe("");
  });

  it("loses them after a restart in the middle, also those that nobody has in memory", async () => {
    const rig = await rigWithMiners();
    rig.deaf.add(A);
    await rig.guard.ban(null, rig.nowMs + 60_000, "sold");
    rig.deaf.clear();
    rig.restart();
    rig.nowMs += 5_000;
    await rig.guards.wake();
    expect(rig.closedAt).toContain(`${ONE} ${A}`);
  });

  it("loses one login of its miners alone where only that one is banned there", async () => {
    const rig = await rigWithMiners();
    await rig.guard.ban(A, rig.nowMs + 60_000, "sold");
    expect(rig.closedAt).toEqual([`${CLIENT} ${A}`, `${ONE} ${A}`]);
    expect([await comes(rig, TWO, A), await comes(rig, TWO, B)]).toEqual(["sold", ""]);
  });

  it("keeps those that are whitelisted", async () => {
    const rig = await rigWithMiners();
    rig.whitelist.add(B);
    await rig.guard.ban(null, rig.nowMs + 60_000, "sold");
    expect(rig.closedAt).toEqual([`${ONE} ${A}`]);
    expect(await comes(rig, TWO, B)).toBe("");
  });

  it("keeps them all when it is the pool that bans the address, for who came without a token", async () => {
    const rig = await rigWithMiners();
    await rig.guard.report(null, { ban: true });
    await rig.settle();
    expect([rig.closedAt, await comes(rig, ONE, A)]).toEqual([[], ""]);
  });

  it("loses them when it is put on the blacklist, without a ban", async () => {
    const rig = await rigWithMiners();
    await rig.guard.close("sold");
    expect([rig.closedAt.toSorted(), rig.guards.bans()]).toEqual([[`${ONE} ${A}`, `${TWO} ${B}`], []]);
  });
});

describe("a login's invalid shares", () => {
  it("ban that login at that client and nobody beside it", async () => {
    const rig = new GuardRig();
    for (const login of [A, B]) await rig.connect(login);
    let last = await rig.guard.report(A, { invalid: 29 });
    expect(last.allowed).toBe(true);
    last = await rig.guard.report(A, { invalid: 1 });
    await rig.settle();
    expect(last).toMatchObject({ allowed: false, reason: "High rate of invalid shares" });
    expect(rig.closed).toEqual([A]);
    expect([await rig.connect(A), await rig.connect(B)]).toEqual(["High rate of invalid shares", ""]);
    rig.restart();
    expect([await rig.connect(A), await rig.connect(B)]).toEqual(["High rate of invalid shares", ""]);
    await rig.guard.lift(A);
    expect(await rig.connect(A)).toBe("");
  });

  it("under ever new names end with the client's ban, and a login that earns there stays", async () => {
    const rig = new GuardRig();
    await rig.connect(B);
    await rig.guard.report(B, { valid: 1 });
    let names = 0;
    for (; (await rig.guard.admit(null, "unfinished")).allowed; names++) {
      await rig.guard.report(`0x${String(names).padStart(40, "0")}`, { invalid: 29 });
    }
    await rig.settle();
    expect([names, rig.closed, await rig.connect(B)]).toEqual([6, [], ""]);
  });

  it("cost no row before there is a ban", async () => {
    const rig = new GuardRig();
    for (let name = 0; name < 5; name++) {
      await rig.guard.report(`0x${String(name).padStart(40, "0")}`, { invalid: 29, malformed: 1 - Math.sign(name) });
      await rig.guard.admit(`0x${String(name).padStart(40, "0")}`, "login");
    }
    expect([rig.rows(), rig.alarms]).toEqual([0, []]);
    await rig.guard.report(`0x${"5".padStart(40, "0")}`, { invalid: 5 });
    await rig.settle();
    expect((await rig.guard.admit(A, "login")).reason).toBe("High rate of invalid shares");
    // The client's, and one for each login whose connections are to be closed whatever happens.
    expect(rig.rows()).toBe(6);
  });

  it("under more names than are remembered cost no further rows", async () => {
    const rig = new GuardRig({
      banning: { enabled: true, timeoutMs: 1, invalidPercent: 100, checkThreshold: 1_000_000, malformedLimit: 5 },
    });
    for (let name = 0; name < 1_050; name++) {
      await rig.guard.report(`0x${String(name).padStart(40, "0")}`, { valid: 1 });
    }
    expect(rig.rows()).toBe(1_001);
  });
});

describe("limits", () => {
  const limits = { enabled: true, limit: 3, graceMs: 0, limitJump: 2 };

  it("hold a client's connections to limit, and a place comes back with every connection that goes", async () => {
    const rig = new GuardRig({ limits });
    expect([await rig.connect(A), await rig.connect(A), await rig.connect(B)]).toEqual(["", "", ""]);
    expect(await rig.connect(B)).toBe(TOO_MANY);
    await rig.disconnect(A);
    expect([await rig.connect(B), await rig.connect(B)]).toEqual(["", TOO_MANY]);
  });

  it("give a place back also where nobody said goodbye: the objects are asked before anybody is refused", async () => {
    const rig = new GuardRig({ limits });
    for (const login of [A, A, B]) await rig.connect(login);
    rig.open.delete(A);
    rig.nowMs += 5_000;
    expect([await rig.connect(C), await rig.connect(C), await rig.connect(C)]).toEqual(["", "", TOO_MANY]);
    const { asked } = rig;
    for (let attempt = 0; attempt < 20; attempt++) expect(await rig.connect(C)).toBe(TOO_MANY);
    expect(rig.asked).toBe(asked);
  });

  it("hold after a restart of the guard, which asks who is connected", async () => {
    const rig = new GuardRig({ limits });
    for (const login of [A, A, B]) await rig.connect(login);
    rig.restart();
    expect(await rig.connect(B)).toBe(TOO_MANY);
  });

  it("let no more in when many ask at once", async () => {
    const rig = new GuardRig({ limits });
    rig.restart();
    const answers = await Promise.all(Array.from({ length: 20 }, () => rig.connect(A)));
    expect(answers.filter((reason) => reason === "")).toHaveLength(3);
  });

  it("count who has not logged in, until it is gone, has a login, or a minute is over", async () => {
    const rig = new GuardRig({ limits: { ...limits, limit: 1 } });
    const come = async () => (await rig.guard.admit(null, "unfinished")).allowed;
    expect([await come(), await come()]).toEqual([true, false]);
    await rig.guard.left(null, 0, {});
    expect(await come()).toBe(true);
    expect((await rig.guard.admit(A, "login")).allowed).toBe(true);
    rig.open.set(A, 1);
    expect(await come()).toBe(false);
    await rig.disconnect(A);
    expect(await come()).toBe(true);
    rig.nowMs += 60_001;
    expect(await come()).toBe(true);
  });

  it("are raised by limitJump for each valid share, also over restarts", async () => {
    const rig = new GuardRig({ limits: { ...limits, limit: 1 } });
    await rig.connect(A);
    expect(await rig.connect(A)).toBe(TOO_MANY);
    await rig.guard.report(A, { valid: 2 });
    rig.restart();
    const answers = [];
    for (let attempt = 0; attempt < 5; attempt++) answers.push(await rig.connect(A));
    expect(answers).toEqual(["", "", "", "", TOO_MANY]);
  });

  it("leave a client alone in its grace, which a nap of its guard does not begin anew", async () => {
    const rig = new GuardRig({ limits: { ...limits, graceMs: 300_000 } });
    for (let attempt = 0; attempt < 10; attempt++) expect(await rig.connect(A)).toBe("");
    rig.nowMs += 299_999;
    rig.restart();
    expect(await rig.connect(A)).toBe("");
    rig.nowMs += 5_000;
    rig.restart();
    expect(await rig.connect(A)).toBe(TOO_MANY);
  });

  it("are off by default: any number comes, and nobody is asked for a count", async () => {
    const rig = new GuardRig();
    for (let attempt = 0; attempt < 100; attempt++) expect(await rig.connect(A)).toBe("");
    expect(rig.asked).toBe(0);
  });
});

describe("what is kept", () => {
  it("is a row for the login's proof, one for the client and one for the holder, however many shares there are", async () => {
    const rig = new GuardRig();
    await rig.connect(A);
    for (let report = 0; report < 50; report++) await rig.guard.report(A, { valid: 256 });
    expect(rig.rows()).toBe(3);
  });

  it("is forgotten when it is over, to the last row", async () => {
    const rig = new GuardRig();
    await rig.connect(A);
    await rig.guard.report(A, { valid: 1 });
    await rig.guard.report(B, { ban: true });
    await rig.settle();
    rig.nowMs += 60_000;
    await rig.disconnect(A);
    rig.nowMs += 3_600_000;
    expect(await rig.guards.wake()).toBe(true);
    for (let times = 0; times < 3; times++) {
      expect(rig.alarms.at(-1)).toBeGreaterThan(rig.nowMs);
      rig.nowMs = rig.alarms.at(-1) ?? 0;
      if (!(await rig.guards.wake())) break;
    }
    expect(rig.rows()).toBe(0);
  });

  it("is named and counts for nothing where another version of the pool wrote it", async () => {
    const rig = new GuardRig();
    await rig.guard.report(A, { ban: true });
    await rig.settle();
    rig.sql.exec("UPDATE client_standing SET version = 9");
    rig.restart();
    expect(await rig.connect(A)).toBe("");
    expect(rig.logged).toContain(`unreadable ${CLIENT}`);
    rig.nowMs += 24 * 3_600_000;
    await rig.guards.wake();
    expect(rig.sql.exec("SELECT login FROM client_standing WHERE version = 9")).toHaveLength(1);
    expect(rig.alarms.at(-1)).toBeGreaterThan(rig.nowMs + 3_600_000);
  });

  it("is a row a day of a login that comes and goes, and no row of one that the pool has never credited", async () => {
    const rig = new GuardRig();
    for (let time = 0; time < 20; time++) {
      await rig.connect(A);
      await rig.guard.admit(B, "login");
      await rig.guard.left(B, 0, {});
      rig.nowMs += 3_600_000;
      await rig.disconnect(A);
    }
    expect([rig.rows(), rig.alarms.length]).toEqual([1, 1]);
    rig.nowMs = rig.alarms[0] ?? 0;
    expect(await rig.guards.wake()).toBe(false);
    expect(rig.rows()).toBe(0);
  });

  it("does not lose a login whose last connection goes while another is on its way", async () => {
    const rig = new GuardRig();
    await rig.connect(A);
    await rig.guard.admit(A, "connection");
    await rig.disconnect(A);
    rig.open.set(A, 1);
    await rig.guard.report(B, { ban: true });
    await rig.settle();
    expect(rig.closed).toEqual([A]);
  });
});

describe("logins without end at one client", () => {
  it("are forgotten once their objects have no connection of it, and none that has one", async () => {
    const rig = new GuardRig();
    await rig.guard.admit(A, "login");
    rig.open.set(A, 1);
    for (let n = 0; n < 1_000; n++) {
      const login = `0x${String(n).padStart(40, "0")}`;
      await rig.guard.admit(login, "login");
      // Every other one never came.
      if (n % 2 === 0) await rig.guard.left(login, 0, {});
      rig.nowMs += 1_000;
      await rig.settle();
    }
    // Those of the last minute, twice as many as stayed.
    const { holders } = rig.guard.overview();
    expect(holders).toContain(A);
    expect(holders.length).toBeLessThan(200);
  });

  it("stay where their objects do not answer, and are closed with the client's ban", async () => {
    const rig = new GuardRig();
    for (let n = 0; n < 100; n++) {
      const login = `0x${String(n).padStart(40, "0")}`;
      await rig.guard.admit(login, "login");
      rig.deaf.add(login);
      rig.nowMs += 1_000;
      await rig.settle();
    }
    rig.deaf.clear();
    await rig.guard.report(null, { ban: true });
    await rig.settle();
    expect(rig.closed).toHaveLength(100);
  });
});

describe("many clients", () => {
  it("that come for the first time are looked for in no table, and the banned among them are known all the same", async () => {
    const rig = new GuardRig();
    await rig.guards.of(address(1)).report(null, { ban: true });
    rig.restart();
    await rig.guards.of(address(2)).admit(null, "unfinished");
    const statements = vi.spyOn(rig.sql, "exec");
    for (let n = 3; n < 100; n++) {
      await rig.guards.of(address(n)).admit(null, "unfinished");
      await rig.guards.of(address(n)).report(null, { malformed: 1 });
    }
    expect(statements).not.toHaveBeenCalled();
    expect((await rig.guards.of(address(1)).admit(null, "unfinished")).allowed).toBe(false);
  });

  it("more than are known by heart are looked for, and their bans hold", async () => {
    const rig = new GuardRig();
    for (let n = 0; n <= 2_048; n++) await rig.guards.of(address(n)).report(null, { ban: true });
    expect((await rig.guards.of(address(0)).admit(null, "unfinished")).allowed).toBe(false);
    rig.restart();
    for (const n of [0, 1_024, 2_048])
      expect((await rig.guards.of(address(n)).admit(null, "unfinished")).allowed).toBe(false);
  });

  it("are in memory up to a bound that sixteen guards in one isolate can afford", async () => {
    const rig = new GuardRig();
    const guards = Array.from({ length: 2_000 }, (_, n) => rig.guards.of(address(n)));
    // The newest first: one that is there stays there, and one that is not pushes out one that was looked at.
    const there = guards.map((guard, n) => ({ guard, n })).toReversed();
    expect(there.filter(({ guard, n }) => rig.guards.of(address(n)) === guard)).toHaveLength(512);
  });

  it("share one guard's memory: who was seen longest ago makes way, with bans and proofs in rows", async () => {
    const rig = new GuardRig();
    const [banned, proven] = [rig.guards.of("192.0.2.66"), rig.guards.of("192.0.2.67")];
    await banned.report(A, { ban: true });
    await proven.report(A, { valid: 1 });
    await rig.settle();
    const before = rig.guards.of("192.0.2.68");
    for (let n = 0; n < 5_000; n++) await rig.guards.of(address(n)).report(null, { malformed: 1 });
    expect(rig.guards.of("192.0.2.68")).not.toBe(before);
    expect(rig.guards.of("192.0.2.66")).not.toBe(banned);
    expect((await rig.guards.of("192.0.2.66").admit(A, "connection")).reason).toBe("Banned for what it sent");
    await rig.guards.of("192.0.2.67").report(null, { malformed: 5 });
    expect([
      (await rig.guards.of("192.0.2.67").admit(A, "connection")).allowed,
      (await rig.guards.of("192.0.2.67").admit(B, "connection")).allowed,
    ]).toEqual([true, false]);
  });

  it("count on while they are at it, however many others there are", async () => {
    const rig = new GuardRig();
    for (let n = 0; n < 4_000; n++) {
      await rig.guards.of(address(n)).report(null, { malformed: 1 });
      if (n % 1_000 === 0) await rig.guard.report(null, { malformed: 1 });
      rig.guards.of(CLIENT);
    }
    await rig.guard.report(null, { malformed: 1 });
    expect((await rig.guard.admit(null, "unfinished")).allowed).toBe(false);
  });

  it("are of one guard while its connections are being closed, also where it has made way", async () => {
    const rig = new GuardRig();
    const { guard } = rig;
    await rig.connect(B);
    const closing = Promise.withResolvers<void>();
    rig.closing = closing.promise;
    await guard.report(A, { ban: true });
    for (let n = 0; n < 2_000; n++) rig.guards.of(address(n));
    expect(rig.guard).toBe(guard);
    closing.resolve();
    await rig.settle();
    expect(rig.closed).toEqual([B]);
  });

  it("are of one guard until the last of several things that it is at is done", async () => {
    const rig = new GuardRig();
    const { guard } = rig;
    for (let n = 0; n < 64; n++) await guard.admit(`0x${String(n).padStart(40, "0")}`, "login");
    const closing = Promise.withResolvers<void>();
    rig.closing = closing.promise;
    await guard.report(null, { ban: true });
    // One more login, and its guard looks through them all, which is soon done.
    rig.whitelist.add(A);
    await guard.admit(A, "login");
    await rig.settle();
    for (let n = 0; n < 2_000; n++) rig.guards.of(address(n));
    expect(rig.guard).toBe(guard);
    closing.resolve();
    await rig.settle();
    expect(rig.closed).toHaveLength(64);
    for (let n = 0; n < 2_000; n++) rig.guards.of(address(n));
    expect(rig.guard).not.toBe(guard);
  });
});
