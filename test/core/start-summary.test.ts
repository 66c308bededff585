import { describe, expect, it } from "vitest";
import { LocalSetup } from "../../devnet/start/local-setup.ts";
import { parseStartOptions } from "../../devnet/start/start-options.ts";
import { renderLine, type Moment } from "../../devnet/start/start-summary.ts";

const moment: Moment = {
  elapsedMs: 83_000,
  height: 7,
  networkDifficulty: "20000",
  shares: { accepted: 1_234, stale: 1, invalid: 0 },
  hashrate: 4_210,
  minerCache: 1,
  blocks: 2,
  ledger: {
    roundTotal: 5_000n,
    candidates: 2,
    immature: 3,
    matured: 4,
    orphans: 1,
    closedTotal: 41_000n,
    immatureShannon: 14_850_000_000n,
    balanceShannon: 4_950_000_000n,
    paidShannon: 2_500_000_000n,
  },
  connections: 1,
};

describe("the summary of npm start", () => {
  it("says in one line what the panel shows", () => {
    expect(renderLine(moment)).toBe(
      "1 min 23 s | height 7 | shares: 1,234 accepted · 1 stale · 0 invalid | miner: 4.21 kH/s | blocks: 2 | " +
        "ledger: open round 5,000 · 9 block(s) over 41,000 | " +
        "payouts: 2 candidate(s) · 3 immature · 4 matured · 1 orphan(s) · 14.850 immature, 4.950 balance, 2.500 paid",
    );
  });

  it("says so when the ledger does not answer, and shows the miner's cache while it is built", () => {
    const line = renderLine({ ...moment, ledger: null, minerCache: 0.4 });
    expect(line).toContain("ledger: does not answer");
    expect(line).toContain("builds its light cache, 40 %");
  });
});

const stateOf = (...argv: string[]) => parseStartOptions(argv).state;

describe("the command line of npm start", () => {
  it("reads durations and ports", () => {
    const options = parseStartOptions(["--for", "120s", "--json", "--port", "0", "--block-time", "30s"]);
    expect(options).toMatchObject({
      forMs: 120_000,
      json: true,
      port: 0,
      blockTimeMs: 30_000,
      miner: true,
      geth: null,
      fresh: false,
      upstashUrl: null,
      notifyToken: null,
    });
  });

  it("keeps the books of a real node apart from those of the simulated one", () => {
    expect(stateOf()).not.toBe(stateOf("--geth", "http://127.0.0.1:8545"));
    expect(stateOf("--geth", "http://127.0.0.1:8545", "--state", "mine")).toBe("mine");
  });
});

const checkPorts = async (...argv: string[]) => {
  const options = parseStartOptions([...argv, "--notify-token", "of-this-test-and-no-other"]);
  await new LocalSetup(options, () => undefined).checkPorts();
};

describe("the ports of npm start", () => {
  const any = ["--port", "0", "--stratum-port", "0", "--node-port", "0"];

  it("are three: one that is given twice is named before anything starts", async () => {
    await expect(checkPorts(...any, "--port", "39217", "--stratum-port", "39217")).rejects.toThrow(
      /^port 39217 is for the pool and for TCP stratum; choose another with --stratum-port$/,
    );
    await expect(checkPorts(...any, "--stratum-port", "39217", "--node-port", "39217")).rejects.toThrow(
      /^port 39217 is for TCP stratum and for the simulated node; choose another with --node-port$/,
    );
    await checkPorts(...any);
  });

  it("are not said to be taken where the address is none of this machine's", async () => {
    await expect(checkPorts(...any, "--host", "192.0.2.1")).rejects.toThrow(
      /^192\.0\.2\.1 is no address of this machine \(.*EADDRNOTAVAIL.*\); choose another with --host$/,
    );
  });
});
