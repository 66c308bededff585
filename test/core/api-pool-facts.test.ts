import { expect, it } from "vitest";
import { poolFacts } from "../../core/api/pool-facts.ts";
import { parseConfig } from "../../core/parse-config.ts";

const MINIMAL = { chain: "classic", upstream: [{ name: "main", url: "https://geth.mypool.com" }] };
const ACCOUNT = `0x${"b".repeat(40)}`;
const factsOf = (more: object) => {
  const { poolFee, scheme, pplnsWindow, payoutThreshold } = poolFacts(parseConfig({ ...MINIMAL, ...more }));
  return [poolFee, scheme, pplnsWindow, payoutThreshold];
};

it("a pool says what it keeps of a solo block where logins can choose solo, and only there", () => {
  const unlocker = { enabled: true, accounts: [ACCOUNT] };
  const payouts = { soloFee: "0.3" };
  const upstream = [...MINIMAL.upstream, { name: "alone", url: "https://solo.mypool.com", scheme: "solo" }];
  const fee = (more: object) => poolFacts(parseConfig({ ...MINIMAL, ...more })).soloFee;
  expect([fee({ unlocker, payouts }), fee({ unlocker, payouts, upstream })]).toEqual([null, "0.3"]);
  const alone = poolFacts(parseConfig({ ...MINIMAL, unlocker, payouts: { ...payouts, scheme: "solo" } }));
  expect([alone.scheme, alone.poolFee, alone.soloFee]).toEqual(["solo", "0.3", null]);
});

it("a pool says what it keeps, how it shares out and from when on it pays, and nothing of what it does not do itself", () => {
  const unlocker = { enabled: true, poolFee: "0.7", accounts: [ACCOUNT] };
  expect(factsOf({})).toEqual([null, null, null, null]);
  expect(factsOf({ unlocker })).toEqual(["0.7", "prop", null, null]);
  expect(factsOf({ unlocker, payouts: { scheme: "pplns", pplnsWindow: "1.5" } })).toEqual([
    "0.7",
    "pplns",
    "1.5",
    null,
  ]);
  const payouts = { enabled: true, address: ACCOUNT, threshold: 250_000_000 };
  expect(factsOf({ unlocker, payouts, PAYOUT_PRIVATE_KEY: `0x${"1".repeat(64)}` })).toEqual([
    "0.7",
    "prop",
    null,
    250_000_000,
  ]);
});
