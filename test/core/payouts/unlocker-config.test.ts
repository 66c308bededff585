import { describe, expect, it } from "vitest";
import { ConfigError } from "../../../core/config-problem.ts";
import { parseConfig } from "../../../core/parse-config.ts";

const ACCOUNT = `0x${"Ab".repeat(20)}`;
const OWN_CHAIN = { name: "mine", epochLength: 30_000 };

const parse = (unlocker: Record<string, unknown>, over: Record<string, unknown> = {}) =>
  parseConfig({
    chain: "classic",
    upstream: [{ name: "main", url: "https://geth.mypool.com" }],
    unlocker: { enabled: true, accounts: [ACCOUNT], ...unlocker },
    ...over,
  }).unlocker;

function problemsOf(...args: Parameters<typeof parse>): string[] {
  try {
    parse(...args);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems.map(({ variable }) => variable);
  }
  return [];
}

describe("the unlocker's settings", () => {
  it("have the reference's names and defaults, and it is off unless it is switched on", () => {
    expect(parse({ enabled: false, accounts: [] })).toBeNull();
    expect(parse({})).toMatchObject({
      intervalMs: 600_000,
      rules: { block: { kind: "ecip1017", eraLength: 5_000_000 } },
      settings: {
        accounts: [ACCOUNT.toLowerCase()],
        depth: 120,
        immatureDepth: 20,
        finalDepth: 10_000,
        requirePeers: 1,
        orphanedRounds: "merge",
        terms: { scheme: "prop", poolFee: "1.0", poolFeeAddress: null, donateTo: null, keepTxFees: false },
      },
    });
  });

  it("take a percentage as number or text and never as a double", () => {
    expect(parse({ poolFee: 0.7 })?.settings.terms.poolFee).toBe("0.7");
    expect(parse({ poolFee: "0.1000" })?.settings.terms.poolFee).toBe("0.1000");
    for (const poolFee of [-1, 101, "1%", 1e-9]) expect(problemsOf({ poolFee })).toEqual(["unlocker.poolFee"]);
  });

  it("take an empty address, as in the reference's configuration, for none", () => {
    expect(parse({ poolFeeAddress: "" })?.settings.terms.poolFeeAddress).toBeNull();
    expect(problemsOf({ poolFeeAddress: "0x12" })).toEqual(["unlocker.poolFeeAddress"]);
  });

  it.each<[Record<string, unknown>, string]>([
    [{ accounts: [] }, "unlocker.accounts"],
    [{ depth: 20 }, "unlocker.depth"],
    [{ finalDepth: 100 }, "unlocker.finalDepth"],
    [{ donate: true }, "unlocker.donateAddress"],
    [{ orphanedRounds: "keep" }, "unlocker.orphanedRounds"],
    [{ interval: "10" }, "unlocker.interval"],
  ])("refuse %o, by name", (unlocker, variable) => {
    expect(problemsOf(unlocker)).toEqual([variable]);
  });

  it("need the rewards of a chain of one's own, in one of two forms", () => {
    const chain = { chain: OWN_CHAIN };
    expect(problemsOf({}, chain)).toEqual(["unlocker.rewards"]);
    expect(parse({ rewards: { eraLength: 100, uncles: "ecip1017" } }, chain)?.rules.block).toEqual({
      kind: "ecip1017",
      eraLength: 100,
    });
    const schedule = [
      { from: 0, wei: "2000000000000000000" },
      { from: 10, wei: 5 },
    ];
    expect(parse({ rewards: { schedule } }, chain)?.rules).toEqual({
      block: {
        kind: "steps",
        steps: [
          { from: 0, wei: 2n * 10n ** 18n },
          { from: 10, wei: 5n },
        ],
      },
      uncles: "ethash",
      baseFeeToMiner: [],
    });
    for (const rewards of [
      {},
      { eraLength: 5, schedule },
      { schedule: schedule.toReversed() },
      { eraLength: 5, baseFeeToMiner: [{ from: 0, numerator: 2, denominator: 1 }] },
    ])
      expect(problemsOf({ rewards }, chain)).toEqual(["unlocker.rewards"]);
  });
});
