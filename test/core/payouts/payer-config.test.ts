import { describe, expect, it } from "vitest";
import { ConfigError } from "../../../core/config-problem.ts";
import { parseConfig } from "../../../core/parse-config.ts";

const ACCOUNT = `0x${"Ab".repeat(20)}`;
const KEY = "42".repeat(32);

const config = (payouts: Record<string, unknown>, over: Record<string, unknown> = {}) =>
  parseConfig({
    chain: "classic",
    upstream: [{ name: "main", url: "https://geth.mypool.com" }],
    unlocker: { enabled: true, accounts: [ACCOUNT] },
    payouts: { enabled: true, address: ACCOUNT, ...payouts },
    PAYOUT_PRIVATE_KEY: KEY,
    ...over,
  });

function problemOf(...args: Parameters<typeof config>): ConfigError {
  try {
    config(...args);
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error("no problem");
}
const names = (...args: Parameters<typeof config>): string[] =>
  problemOf(...args).problems.map(({ variable }) => variable);

describe("the payer's settings", () => {
  it("have the reference's names and defaults, and it is off unless it is switched on", () => {
    expect(config({ enabled: false }).payer).toBeNull();
    expect(config({}).payer).toMatchObject({
      key: KEY,
      signer: null,
      settings: {
        account: ACCOUNT.toLowerCase(),
        chainId: 61n,
        genesis: "0xd4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3",
        intervalMs: 7_200_000,
        threshold: 500_000_000n,
        requirePeers: 25,
        gas: 21_000n,
        gasPriceWei: 50_000_000_000n,
        autoGas: true,
        gasFrom: "pool",
        concurrentTx: 10,
        confirmations: 20,
        finalDepth: 10_000,
        replaceAfterMs: 600_000,
        pauseAt: [],
        dryRun: false,
        maxPayment: null,
      },
    });
  });

  it("take amounts as numbers and as text, the reference's gas and gasPrice among them", () => {
    const { settings } =
      config({ gas: "21000", gasPrice: "50000000000", threshold: 700_000_000, maxDay: "99" }).payer ?? {};
    expect(settings).toMatchObject({
      gas: 21_000n,
      gasPriceWei: 50_000_000_000n,
      threshold: 700_000_000n,
      maxDay: 99n,
    });
  });

  it("take a remote signer in place of a key, its credentials in a header and not in the address", () => {
    const { payer } = config(
      {},
      { PAYOUT_PRIVATE_KEY: undefined, PAYOUT_SIGNER_URL: "https://u:p@signer.mypool.com/" },
    );
    expect(payer?.key).toBeNull();
    expect(payer?.signer).toMatchObject({ at: { url: "https://signer.mypool.com/" }, method: "eth_signTransaction" });
    expect(payer?.signer?.at.secretHeaders["authorization"]).toMatch(/^Basic /);
  });

  it.each<[Record<string, unknown>, Record<string, unknown>, string]>([
    [{ address: "" }, {}, "payouts.address"],
    [{ threshold: 0 }, {}, "payouts.threshold"],
    [{ threshold: "1.5" }, {}, "payouts.threshold"],
    [{ finalDepth: 19 }, {}, "payouts.finalDepth"],
    [{ gas: 20_999 }, {}, "payouts.gas"],
    [{ gasFrom: "nobody" }, {}, "payouts.gasFrom"],
    [{ daemon: "http://127.0.0.1:8545" }, {}, "payouts.daemon"],
    [{}, { PAYOUT_SIGNER_URL: "https://signer.mypool.com" }, "PAYOUT_SIGNER_URL"],
    [{}, { PAYOUT_PRIVATE_KEY: undefined, PAYOUT_SIGNER_URL: "http://127.0.0.1:9000" }, "PAYOUT_SIGNER_URL"],
    [{}, { unlocker: { enabled: false } }, "payouts.enabled"],
    [{}, { chain: { name: "mine", epochLength: 30_000 }, unlocker: { enabled: false }, devnet: true }, "chain"],
  ])("%j with %j is named: %s", (payouts, over, name) => {
    expect(names(payouts, over)).toContain(name);
  });

  it("are whole without a key: three of the pool's four scripts get none, and the payer says where it is missing", () => {
    expect(config({}, { PAYOUT_PRIVATE_KEY: undefined }).payer).toMatchObject({ key: null, signer: null });
  });

  it("never say what a key is that is wrong", () => {
    const { message } = problemOf({}, { PAYOUT_PRIVATE_KEY: `${KEY}ff` });
    expect(message).toContain("PAYOUT_PRIVATE_KEY: found a secret that is not shown, allowed: 32 bytes as hex");
    expect(message).not.toContain(KEY);
  });
});
