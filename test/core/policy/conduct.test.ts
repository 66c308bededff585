import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  CLEAN,
  connectionsAllowed,
  current,
  type GuardPolicy,
  isProven,
  judge,
  REASONS,
  refusal,
  type Standing,
} from "../../../core/policy/conduct.ts";
import type { Conduct } from "../../../core/policy/guard.ts";

const POLICY: GuardPolicy = {
  resetIntervalMs: 3_600_000,
  banning: { enabled: true, timeoutMs: 1_800_000, invalidPercent: 30, checkThreshold: 30, malformedLimit: 5 },
  limits: { enabled: true, limit: 30, graceMs: 300_000, limitJump: 10 },
};
const NOW = 1_795_000_000_000;

/** Reports one after the other. @returns the number of the report that banned, -1 for none */
function play(conducts: readonly Conduct[], policy = POLICY, begun: Standing = CLEAN) {
  let client: Standing = CLEAN;
  let login: Standing = begun;
  for (const [at, conduct] of conducts.entries()) {
    const judged = judge(client, login, conduct, policy, NOW);
    client = judged.client;
    login = judged.login ?? login;
    if (judged.banned !== null) return { at, where: judged.banned, client, login };
  }
  return { at: -1, where: null, client, login };
}
const times = (n: number, conduct: Conduct) => Array.from({ length: n }, () => conduct);
const proven: Standing = { ...CLEAN, provenUntilMs: NOW + 86_400_000 };

describe("the share ratio of a login at a client", () => {
  // Defect 12: the reference divides by the valid shares.
  it("is invalid / (valid + invalid): 30 % lets 8 of 30 pass and bans at 9", () => {
    expect(play([...times(22, { valid: 1 }), ...times(8, { invalid: 1 })]).where).toBeNull();
    expect(play([...times(21, { valid: 1 }), ...times(9, { invalid: 1 })])).toMatchObject({ at: 29, where: "login" });
  });

  it("is judged at the threshold, also by a valid share, and counted afresh afterwards", () => {
    const { at, login } = play([...times(9, { invalid: 1 }), { valid: 21 }, { invalid: 1 }]);
    expect([at, login.valid, login.invalid]).toEqual([9, 0, 0]);
    expect(play([...times(3, { invalid: 1 }), { valid: 27 }, ...times(29, { invalid: 1 })]).where).toBeNull();
  });

  it("is due when so many more valid shares are there as the guard says", () => {
    const judged = judge(CLEAN, CLEAN, { invalid: 1, valid: 4 }, POLICY, NOW);
    expect(judged.reportAt).toBe(25);
    expect(judge(CLEAN, CLEAN, { valid: 4 }, POLICY, NOW).reportAt).toBe(256);
  });

  it.each([
    ["another percentage", { invalidPercent: 50 }, 15],
    ["another threshold", { checkThreshold: 10 }, 3],
  ])("goes by %s", (_, setting, invalid) => {
    const banning = { ...POLICY.banning, ...setting };
    const shares = banning.checkThreshold;
    const policy = { ...POLICY, banning };
    const mixed = (bad: number) => [...times(bad, { invalid: 1 }), ...times(shares - bad, { valid: 1 })];
    expect([play(mixed(invalid - 1), policy).where, play(mixed(invalid), policy).where]).toEqual([null, "login"]);
  });

  it("bans nobody where banning is off", () => {
    const policy = { ...POLICY, banning: { ...POLICY.banning, enabled: false } };
    const all = [...times(200, { invalid: 1 }), ...times(20, { malformed: 1 }), { ban: true }];
    expect(play(all, policy).where).toBeNull();
  });
});

describe("what is the client's", () => {
  it("are malformed requests of strangers, up to malformedLimit", () => {
    expect(play(times(5, { malformed: 1 }))).toMatchObject({ at: 4, where: "client" });
    const policy = { ...POLICY, banning: { ...POLICY.banning, malformedLimit: 2 } };
    expect(play(times(5, { malformed: 1 }), policy).at).toBe(1);
  });

  it("is what calls for a ban at once", () => {
    const { client } = play([{ ban: true }]);
    expect(client.ban).toEqual({
      untilMs: NOW + 1_800_000,
      reason: REASONS.ban,
      byHand: false,
      enforced: false,
    });
  });

  it("is the junk of logins that have earned nothing, however many names it comes under", () => {
    let client: Standing = CLEAN;
    let sent = 0;
    while (client.ban === null) {
      // 29 under each name: no login's own ratio is ever due.
      let login: Standing = CLEAN;
      for (let share = 0; share < 29 && client.ban === null; share++, sent++) {
        const judged = judge(client, login, { invalid: 1 }, POLICY, NOW);
        client = judged.client;
        login = judged.login ?? login;
      }
    }
    expect(sent).toBe(150);
  });

  it("is not what a login that has earned something does: that is its own", () => {
    expect(play(times(5, { malformed: 1 }), POLICY, proven)).toMatchObject({ where: "login", client: { ban: null } });
    expect(play([{ ban: true }], POLICY, proven)).toMatchObject({ where: "login", client: { ban: null } });
    expect(play(times(200, { invalid: 1 }), POLICY, proven)).toMatchObject({ at: 29, where: "login" });
  });
});

describe("a ban", () => {
  const ban = { untilMs: NOW + 1_000, reason: "r", byHand: false, enforced: true };

  it("of a client spares logins with a share of their own, by hand it does not", () => {
    const client = { ...CLEAN, ban };
    expect([refusal(client, null, NOW), refusal(client, CLEAN, NOW), refusal(client, proven, NOW)]).toEqual([
      ban,
      ban,
      null,
    ]);
    const byHand = { ...ban, byHand: true };
    expect(refusal({ ...CLEAN, ban: byHand }, proven, NOW)).toEqual(byHand);
  });

  it("of a login is that login's, and each ends on time", () => {
    expect(refusal(CLEAN, { ...proven, ban }, NOW)).toEqual(ban);
    expect(refusal({ ...CLEAN, ban }, { ...CLEAN, ban }, NOW + 1_000)).toBeNull();
    expect(current({ ...CLEAN, ban }, POLICY, NOW + 1_000).ban).toBeNull();
  });
});

it("counts begin anew after resetInterval, and what was earned stays as long as its owner goes on", () => {
  const counted = { ...CLEAN, sinceMs: NOW, malformed: 4, valid: 3, invalid: 2, earned: 50 };
  expect(current(counted, POLICY, NOW + 3_599_999)).toEqual(counted);
  expect(current(counted, POLICY, NOW + 3_600_000)).toEqual({ ...CLEAN, sinceMs: NOW + 3_600_000 });
  const going = { ...counted, provenUntilMs: NOW + 86_400_000 };
  expect(current(going, POLICY, NOW + 3_600_000)).toMatchObject({ earned: 50, malformed: 0 });
  expect(current(going, POLICY, NOW + 86_400_000).earned).toBe(0);
});

it("a client may have limit connections after its grace, and limitJump more for each valid share", () => {
  const earned = { ...CLEAN, earned: 3 };
  const after = NOW + 300_000;
  expect(connectionsAllowed(CLEAN, NOW, POLICY, after - 1)).toBe(Infinity);
  expect([connectionsAllowed(CLEAN, NOW, POLICY, after), connectionsAllowed(earned, NOW, POLICY, after)]).toEqual([
    30, 60,
  ]);
  const off = { ...POLICY, limits: { ...POLICY.limits, enabled: false } };
  expect(connectionsAllowed(CLEAN, NOW, off, after)).toBe(Infinity);
});

it("however a login's honest shares are bundled and mixed, below the percentage nobody is banned", () => {
  const honest = fc.array(fc.record({ valid: fc.integer({ min: 4, max: 40 }), invalid: fc.constant(1) }), {
    maxLength: 60,
  });
  fc.assert(fc.property(honest, (conducts) => play(conducts).where === null));
});

it("whatever one login does, another one that has earned something at the same client is let in", () => {
  const anything = fc.array(
    fc.record({
      invalid: fc.nat(200),
      malformed: fc.nat(20),
      ban: fc.boolean(),
      valid: fc.nat(3),
    }),
  );
  fc.assert(
    fc.property(anything, (conducts) => {
      let client: Standing = CLEAN;
      let junk: Standing = CLEAN;
      for (const conduct of conducts) {
        const judged = judge(client, junk, conduct, POLICY, NOW);
        client = judged.client;
        junk = judged.login ?? junk;
      }
      return refusal(client, proven, NOW) === null && isProven(proven, NOW);
    }),
  );
});
