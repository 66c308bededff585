import { describe, expect, it } from "vitest";
import { ShareEvidence } from "../../../core/health/share-evidence.ts";
import { VerdictReporter } from "../../../core/shares/verdict-reporter.ts";
import { nodeSql } from "../../../scripts/ledger/node-sql.ts";
import { VirtualClock } from "../../support/virtual-clock.ts";

const CLASSIC = { chain: "classic", algorithm: "Etchash", chainId: 61 };
const invalid = (...logins: string[]) => ({ invalid: Object.fromEntries(logins.map((l) => [l, 10])), good: [] });
const good = (...logins: string[]) => ({ invalid: {}, good: logins });

describe("invalid shares of many miners at once", () => {
  it("are a problem that says since when, how many, of whom, and what to compare", () => {
    const evidence = new ShareEvidence(nodeSql());
    evidence.heard(invalid("0xa", "0xb"), 0);
    evidence.heard(good("0xd"), 0);
    expect(evidence.problem(CLASSIC, 0)).toBeNull();
    evidence.heard(invalid("0xb", "0xc"), 5_000);
    expect(evidence.problem(CLASSIC, 65_000)).toBe(
      "for 1 min 5 s all of 3 of 4 miners' shares have been invalid (40 shares; 0xa, 0xb, 0xc): they and the pool do not mine the same. " +
        'To do: see that the nodes are on chain = "classic", whose chain id is 61 (work.upstreams below), and that the miners run Etchash',
    );
  });

  it("are none while most miners' shares are right, or a few rigs are broken", () => {
    const evidence = new ShareEvidence(nodeSql());
    evidence.heard(good("0xe", "0xf", "0x1", "0x2"), 0);
    for (let second = 0; second < 60; second += 5) evidence.heard(invalid("0xa", "0xb", "0xc"), second * 1000);
    expect(evidence.problem(CLASSIC, 60_000)).toBeNull();
  });

  it("are none where strangers send some junk each beside a miner whose shares are right", () => {
    const evidence = new ShareEvidence(nodeSql());
    evidence.heard(good("0xe"), 0);
    for (let stranger = 0; stranger < 12; stranger += 1)
      evidence.heard({ invalid: { [`0x${stranger}`]: 9 }, good: [] }, 1_000);
    expect(evidence.problem(CLASSIC, 1_000)).toBeNull();
    evidence.heard(invalid("0xa", "0xb", "0xc"), 2_000);
    expect(evidence.problem(CLASSIC, 3_000)).toMatch(/^for 1 s all of 3 of 4 .*\(30 shares; 0xa, 0xb, 0xc\)/);
  });

  it("are one for the only miner as well, after ten shares", () => {
    const evidence = new ShareEvidence(nodeSql());
    for (let report = 0; report < 5; report += 1) {
      expect(evidence.problem(CLASSIC, 0)).toBeNull();
      evidence.heard({ invalid: { "0xa": 2 }, good: [] }, 0);
    }
    expect(evidence.problem({ ...CLASSIC, chainId: null }, 0)).toMatch(
      /^for 0 s all of the only miner's shares .*chain = "classic" \(work/,
    );
  });

  it("are one although each was told true before on claims that proved wrong (a wrong chain, and no cache yet)", () => {
    const evidence = new ShareEvidence(nodeSql());
    evidence.heard(good("0xa", "0xb", "0xc"), 0);
    for (let atMs = 5_000; atMs <= 20_000; atMs += 5_000)
      evidence.heard({ invalid: { "0xa": 3, "0xb": 3, "0xc": 3 }, good: [] }, atMs);
    expect(evidence.problem(CLASSIC, 20_000)).toMatch(/^for 15 s all of 3 of 3 miners' shares/);
  });

  it("stay known over a restart and while bans keep the witnesses out, until shares are right again", () => {
    const sql = nodeSql();
    new ShareEvidence(sql).heard(invalid("0xa", "0xb", "0xc", "0xd", "0xe"), 0);
    const after = new ShareEvidence(sql);
    expect(after.problem(CLASSIC, 1_800_000)).toMatch(/^for 30 min all of 5 of 5/);
    after.heard(good("0xa", "0xb", "0xc"), 1_900_000);
    expect(after.problem(CLASSIC, 1_900_000)).toBeNull();
    expect(new ShareEvidence(sql).problem(CLASSIC, 1_900_000)).toBeNull();
  });

  it("are told by a verifier within five seconds, each login's with its reports", async () => {
    const clock = new VirtualClock();
    const evidence = new ShareEvidence(nodeSql());
    const reporter = new VerdictReporter(async (_counts, logins) => evidence.heard(logins, clock.nowMs()), clock);
    for (let share = 0; share < 10; share += 1)
      for (const login of ["0xa", "0xb", "0xc"]) reporter.count({ kind: "invalid" }, 0, login);
    reporter.count({ kind: "invalid" }, 0, "0xd");
    reporter.count({ kind: "accepted", block: false }, 0, "0xd");
    reporter.count({ kind: "invalid" }, 0, "0xd");
    await clock.pass(5_000);
    expect(evidence.problem(CLASSIC, clock.nowMs())).toMatch(/^for 5 s all of 3 of 4 .*\(30 shares;/);
  });
});
