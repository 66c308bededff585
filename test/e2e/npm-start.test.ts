import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startNode } from "../../devnet/node/node.ts";
import { runLedgerCli, runProgram } from "../support/ledger-cli.ts";
import { FREE_PORTS, startProgram } from "../support/npm-start.ts";

let state: string;
beforeEach(async () => (state = await mkdtemp(join(tmpdir(), "edgepool-start-"))));
afterEach(() => rm(state, { recursive: true, force: true }));

const start = (args: readonly string[], during?: (line: string, pid: number) => void) =>
  startProgram(["--state", state, ...args], during);

function groupIsGone(pid: number): boolean {
  try {
    process.kill(-pid, 0);
    return false;
  } catch {
    return true;
  }
}

describe("npm start", () => {
  it("mines shares and blocks into the ledger and ends with one JSON object and exit code 0", async () => {
    const easy = ["--difficulty", "50", "--block-difficulty", "400"];
    const run = await start([...FREE_PORTS, ...easy, "--for", "45s", "--json"]);
    expect(run.stderr).toBe("");
    const last = run.stdout.trimEnd().split("\n").at(-1) ?? "";
    const verdict = JSON.parse(last);
    expect(verdict).toEqual({
      accepted: expect.any(Number),
      stale: expect.any(Number),
      invalid: 0,
      blocks: expect.any(Number),
      hashrate: expect.any(Number),
      ledger: {
        roundTotal: expect.stringMatching(/^\d+$/),
        candidates: expect.any(Number),
        immature: expect.any(Number),
        matured: expect.any(Number),
        orphans: expect.any(Number),
        creditedInThisRun: expect.stringMatching(/^[1-9]\d*$/),
        blocksInThisRun: expect.any(Number),
      },
    });
    expect(verdict.accepted).toBeGreaterThan(0);
    expect(verdict.blocks).toBeGreaterThan(0);
    // Every share was worth 50, and every acknowledged one is in the books. The last ones may be credited but not yet answered.
    expect(Number(verdict.ledger.creditedInThisRun)).toBeGreaterThanOrEqual(50 * verdict.accepted);
    // No block without its entry. A second nonce for a header is a share, unless it comes to the ledger before the one that the chain has:
    // how often depends on how fast the machine finds blocks at the first, easy difficulty.
    expect(verdict.ledger.blocksInThisRun).toBeGreaterThanOrEqual(verdict.blocks);
    expect(verdict.ledger.blocksInThisRun).toBeLessThanOrEqual(2 * verdict.blocks);
    expect(run.code).toBe(0);
  });

  it("leaves no process behind on Ctrl-C", async () => {
    let group = 0;
    const run = await start([...FREE_PORTS, "--no-miner"], (line, pid) => {
      if (!line.startsWith("ready:")) return;
      group = pid;
      process.kill(-pid, "SIGINT");
    });
    expect(run).toMatchObject({ code: 0, stderr: "" });
    expect(group).toBeGreaterThan(0);
    expect(groupIsGone(group)).toBe(true);
  });

  it("shows a real node where to push its work, and lets the tools at its books and bans without a secret", async () => {
    const node = await startNode({ startHeight: 1_000 });
    const token = "of-this-test-and-no-other";
    const seen: string[] = [];
    let looked: Promise<unknown>[] = [];
    const run = await start([...FREE_PORTS, "--no-miner", "--geth", node.url, "--notify-token", token], (line, pid) => {
      seen.push(line);
      if (!line.startsWith("ready:")) return;
      const url = (name: string): string =>
        /http:\S+$/.exec(seen.find((text) => text.startsWith(`${name}:`)) ?? "")?.[0] ?? "";
      const pool = url("books").replace(/\/redis$/, "");
      looked = [
        runLedgerCli(["audit", url("books")]),
        runProgram("scripts/admin/cli.ts", pool, "bans"),
        fetch(url("node"), { method: "POST", body: "[]" }).then(({ status }) => status),
      ];
      void Promise.allSettled(looked).then(() => process.kill(-pid, "SIGINT"));
    });
    await node.close();
    expect(run).toMatchObject({ code: 0, stderr: "" });
    const [audit, bans, pushed] = await Promise.all(looked);
    expect(audit).toMatchObject({ code: 0, stderr: "" });
    expect(bans).toMatchObject({ code: 0 });
    // No work, but the right door.
    expect(pushed).toBe(400);
    expect(seen.find((line) => line.startsWith("node:"))).toMatch(
      new RegExp(`^node: geth … --miner\\.notify http://127\\.0\\.0\\.1:\\d+/notify/${token}$`),
    );
    // workerd's own notes are nobody's trouble.
    expect(seen.filter((line) => line.includes("NOSENTRY"))).toEqual([]);
  });

  it("says which port is in use and which flag chooses another", async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
    const { port } = taken.address() as AddressInfo;
    const run = await start(["--port", "0", "--node-port", "0", "--stratum-port", String(port)]);
    taken.close();
    expect(run.code).toBe(1);
    expect(run.stderr).toContain(`port ${port} for TCP stratum is in use; choose another with --stratum-port`);
  });

  it("ends with exit code 1 when nothing was recorded in the time given", async () => {
    const run = await start([...FREE_PORTS, "--no-miner", "--for", "2s", "--json"]);
    expect(run.code).toBe(1);
    expect(JSON.parse(run.stdout.trimEnd().split("\n").at(-1) ?? "")).toMatchObject({ accepted: 0, blocks: 0 });
  });
});
