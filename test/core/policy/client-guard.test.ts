import { describe, expect, it } from "vitest";
import { TOO_MANY } from "../../../core/policy/client-guard.ts";
import { CLIENT, GuardRig } from "./guard-rig.ts";

const [A, B, C] = ["a", "b", "c"].map((digit) => `0x${digit.repeat(40)}`) as [string, string, string];

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
    expect(rig.notices).toMatchObject([
      { client: CLIENT, login: null, ban: { reason: "Too many malformed requests" } },
    ]);
    rig.nowMs += 1_800_000;
    expect(await rig.connect(A)).toBe("");
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
    expect(await rig.guard.wakeAndForget()).toBe(true);
    expect(rig.closed).toEqual([B]);
    await rig.guard.wake();
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
    expect([await rig.connect(A), rig.notices.at(-1)]).toEqual(["", { client: CLIENT, login: null, ban: null }]);
  });

  it("is not needed for a client on the blacklist", async () => {
    const rig = new GuardRig();
    rig.blacklist.add(CLIENT);
    expect(await rig.connect(A)).toBe("Blacklisted");
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

  it("under more names than are remembered cost no further rows", async () => {
    const rig = new GuardRig({
      banning: { enabled: true, timeoutMs: 1, invalidPercent: 100, checkThreshold: 1_000_000, malformedLimit: 5 },
    });
    for (let name = 0; name < 1_050; name++) {
      await rig.guard.report(`0x${String(name).padStart(40, "0")}`, { invalid: 1 });
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
    await rig.guard.report(B, { invalid: 1 });
    rig.nowMs += 60_000;
    await rig.disconnect(A);
    rig.nowMs += 3_600_000;
    expect(await rig.guard.wakeAndForget()).toBe(true);
    expect(rig.alarms.at(-1)).toBeGreaterThan(rig.nowMs);
    rig.nowMs = rig.alarms.at(-1) ?? 0;
    expect(await rig.guard.wakeAndForget()).toBe(false);
  });

  it("is named and counts for nothing where another version of the pool wrote it", async () => {
    const rig = new GuardRig();
    await rig.guard.report(A, { ban: true });
    await rig.settle();
    rig.sql.exec("UPDATE standing SET version = 9");
    rig.restart();
    expect(await rig.connect(A)).toBe("");
    expect(rig.logged).toContain("unreadable ");
    expect(rig.sql.exec("SELECT key FROM standing WHERE version = 9")).toHaveLength(2);
  });

  it("is forgotten also of a login whose connection was there for a moment only", async () => {
    const rig = new GuardRig();
    await rig.connect(A);
    await rig.disconnect(A);
    expect([rig.rows(), rig.alarms]).toEqual([1, [rig.nowMs + 60_000]]);
    rig.nowMs += 60_000;
    expect(await rig.guard.wakeAndForget()).toBe(false);
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
