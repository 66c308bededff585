import { describe, expect, it } from "vitest";
import { ShareEvidence } from "../../../core/health/share-evidence.ts";
import { VerdictTally } from "../../../core/shares/verdict-tally.ts";
import { nodeSql } from "../../../scripts/ledger/node-sql.ts";

const CLASSIC = { chain: "classic", algorithm: "Etchash", chainId: 61 };
/** What is red, in a pool that has never credited anybody. */
const problemOf = (
  evidence: ShareEvidence,
  mined: typeof CLASSIC | { chain: string; algorithm: string; chainId: null },
  nowMs: number,
) => {
  const found = evidence.found(mined, nowMs, null);
  return found?.isProblem === true ? found.text : null;
};
const invalid = (...logins: string[]) => ({ invalid: Object.fromEntries(logins.map((l) => [l, 10])), good: [] });
const good = (...logins: string[]) => ({ invalid: {}, good: logins });

const said = (evidence: ShareEvidence, ...credited: string[]) =>
  evidence.found(CLASSIC, 60_000, new Set(credited))?.isProblem;
const from = (networks: Readonly<Record<string, string>>) => ({
  ...invalid(...Object.keys(networks)),
  from: Object.fromEntries(Object.entries(networks).map(([login, network]) => [login, [network]])),
});

const tallyOf = () => new VerdictTally({ read: () => undefined, write: () => undefined }, () => 0);
const told = (tally: VerdictTally) => tally.report(0)?.logins ?? { invalid: {}, good: [] };

describe("invalid shares of many miners at once", () => {
  it("are a problem that says since when, how many, of whom, and what to compare", () => {
    const evidence = new ShareEvidence(nodeSql());
    evidence.heard(invalid("0xa", "0xb"), 0);
    evidence.heard(good("0xd"), 0);
    expect(problemOf(evidence, CLASSIC, 0)).toBeNull();
    evidence.heard(invalid("0xb", "0xc"), 5_000);
    expect(problemOf(evidence, CLASSIC, 65_000)).toBe(
      "for 1 min 5 s all of 3 of 4 miners' shares have been invalid (40 shares; 0xa, 0xb, 0xc): they and the pool do not mine the same. " +
        'To do: see that the nodes are on chain = "classic", whose chain id is 61 (work.upstreams below), and that the miners run Etchash',
    );
  });

  it("are none while most miners' shares are right, or a few rigs are broken", () => {
    const evidence = new ShareEvidence(nodeSql());
    evidence.heard(good("0xe", "0xf", "0x1", "0x2"), 0);
    for (let second = 0; second < 60; second += 5) evidence.heard(invalid("0xa", "0xb", "0xc"), second * 1000);
    expect(problemOf(evidence, CLASSIC, 60_000)).toBeNull();
  });

  it("are none where strangers send some junk each beside a miner whose shares are right", () => {
    const evidence = new ShareEvidence(nodeSql());
    evidence.heard(good("0xe"), 0);
    for (let stranger = 0; stranger < 12; stranger += 1)
      evidence.heard({ invalid: { [`0x${stranger}`]: 9 }, good: [] }, 1_000);
    expect(problemOf(evidence, CLASSIC, 1_000)).toBeNull();
    evidence.heard(invalid("0xa", "0xb", "0xc"), 2_000);
    expect(problemOf(evidence, CLASSIC, 3_000)).toMatch(/^for 1 s all of 3 of 4 .*\(30 shares; 0xa, 0xb, 0xc\)/);
  });

  it("are one for the only miner as well, after ten shares", () => {
    const evidence = new ShareEvidence(nodeSql());
    for (let report = 0; report < 5; report += 1) {
      expect(problemOf(evidence, CLASSIC, 0)).toBeNull();
      evidence.heard({ invalid: { "0xa": 2 }, good: [] }, 0);
    }
    expect(problemOf(evidence, { ...CLASSIC, chainId: null }, 0)).toMatch(
      /^for 0 s all of the only miner's shares .*chain = "classic" \(work/,
    );
  });

  it("are one although each was told true before on claims that proved wrong (a wrong chain, and no cache yet)", () => {
    const evidence = new ShareEvidence(nodeSql());
    evidence.heard(good("0xa", "0xb", "0xc"), 0);
    for (let atMs = 5_000; atMs <= 20_000; atMs += 5_000)
      evidence.heard({ invalid: { "0xa": 3, "0xb": 3, "0xc": 3 }, good: [] }, atMs);
    expect(problemOf(evidence, CLASSIC, 20_000)).toMatch(/^for 15 s all of 3 of 3 miners' shares/);
  });

  it("stay known over a restart and while bans keep the witnesses out, until shares are right again", () => {
    const sql = nodeSql();
    new ShareEvidence(sql).heard(invalid("0xa", "0xb", "0xc", "0xd", "0xe"), 0);
    const after = new ShareEvidence(sql);
    expect(problemOf(after, CLASSIC, 1_800_000)).toMatch(/^for 30 min all of 5 of 5/);
    after.heard(good("0xa", "0xb", "0xc"), 1_900_000);
    expect(problemOf(after, CLASSIC, 1_900_000)).toBeNull();
    expect(problemOf(new ShareEvidence(sql), CLASSIC, 1_900_000)).toBeNull();
  });

  it("are told by a verifier that is asked, each login's", () => {
    const evidence = new ShareEvidence(nodeSql());
    const reporter = tallyOf();
    for (let share = 0; share < 10; share += 1)
      for (const login of ["0xa", "0xb", "0xc"]) reporter.count({ kind: "invalid" }, 0, login, undefined);
    reporter.count({ kind: "invalid" }, 0, "0xd", undefined);
    reporter.count({ kind: "accepted", block: false }, 0, "0xd", undefined);
    reporter.count({ kind: "invalid" }, 0, "0xd", undefined);
    evidence.heard(told(reporter), 0);
    expect(problemOf(evidence, CLASSIC, 5_000)).toMatch(/^for 5 s all of 3 of 4 .*\(30 shares;/);
  });

  describe("in a pool that has credited miners before", () => {
    const laptop = "192.0.2.0/24";
    const everyLogin = Array.from({ length: 15 }, (_, at) => `0x${at.toString(16)}`);

    it("are a notice and no problem where one laptop sends junk under fifteen logins, strangers' or miners' own", () => {
      for (const credited of [[], everyLogin])
        for (const mining of [[], ["0xminer"]]) {
          const evidence = new ShareEvidence(nodeSql());
          evidence.heard(good(...mining), 0);
          evidence.heard(from(Object.fromEntries(everyLogin.map((login) => [login, laptop]))), 0);
          expect(said(evidence, ...credited)).toBe(false);
          expect(evidence.found(CLASSIC, 0, new Set(credited))?.text).toContain("Perhaps somebody sends junk");
        }
    });

    it("are none of a problem by logins that never earned anything, from however many networks", () => {
      const evidence = new ShareEvidence(nodeSql());
      evidence.heard(from(Object.fromEntries(everyLogin.map((login, at) => [login, `198.51.${at}.0/24`]))), 0);
      expect(said(evidence)).toBe(false);
    });

    it("are one where miners that were credited before have them, from several networks", () => {
      const evidence = new ShareEvidence(nodeSql());
      evidence.heard(from({ "0xa": laptop, "0xb": "198.51.100.0/24", "0xc": "2001:db8:0:1::/64" }), 0);
      expect([said(evidence, "0xa"), said(evidence, "0xa", "0xb")]).toEqual([false, true]);
      evidence.heard(good("0xd"), 0);
      expect([said(evidence, "0xa", "0xb"), said(evidence, "0xa", "0xb", "0xc")]).toEqual([false, true]);
    });

    it("come with their networks from a verifier, also over a restart", () => {
      const sql = nodeSql();
      const evidence = new ShareEvidence(sql);
      const reporter = tallyOf();
      for (let share = 0; share < 10; share += 1)
        for (const [login, host] of [
          ["0xa", 1],
          ["0xb", 2],
        ] as const)
          reporter.count({ kind: "invalid" }, 0, login, `192.0.2.${host}`);
      evidence.heard(told(reporter), 0);
      for (const one of [evidence, new ShareEvidence(sql)]) expect(said(one, "0xa", "0xb")).toBe(false);
    });
  });
});
