import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ChainFile } from "../../devnet/node/chain-file.ts";
import { startNode } from "../../devnet/node/node.ts";
import { healthOf } from "../../devnet/start/pool-health.ts";
import { tokenFor } from "../../devnet/start/running-tokens.ts";
import { upstashPort } from "../../durable-objects/platform/ledger-ports.ts";
import { runLedgerCli, runProgram } from "../support/ledger-cli.ts";
import { FREE_PORTS, startProgram } from "../support/npm-start.ts";

const ROOT = join(import.meta.dirname, "..", "..");

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

/** Starts the pool of this state again, without a miner, and waits until nothing is on its way into the ledger. */
async function listedAtTheEnd(): Promise<{ nonces: string[]; worths: number[]; log: string }> {
  let url = "";
  let reading: Promise<Books> | undefined;
  const run = await start([...FREE_PORTS, "--no-miner"], (line, pid) => {
    if (line.startsWith("books:")) url = /http:\S+$/.exec(line)?.[0] ?? "";
    if (line.startsWith("ready:")) reading = booksAt(url).finally(() => process.kill(-pid, "SIGINT"));
  });
  return { nonces: [], worths: [], ...(await reading), log: run.stdout };
}

/** Which part of a list's members is the nonce. */
const NONCE_AT = { candidates: 0, immature: 2, matured: 2 };

interface Books {
  /** Of all blocks. */
  readonly nonces: string[];
  /** What each share was credited with, the least first. */
  readonly worths: number[];
}

/** What is in the books at this URL. */
async function booksAt(url: string): Promise<Books> {
  const health = async () => healthOf(await (await fetch(url.replace(/redis$/, "health"))).json());
  await expect.poll(async () => (await health()).waiting, { timeout: 120_000, interval: 200 }).toBe(0);
  const redis = upstashPort({ url, token: tokenFor(url, "LEDGER_TOKEN") ?? "", timeoutMs: 120_000 });
  const lists = Object.entries(NONCE_AT).map(async ([list, at]) => {
    const members = await redis.command(["ZRANGE", `eth:blocks:${list}`, 0, -1]);
    return Array.isArray(members) ? members.map((member) => String(member).split(":")[at] ?? "") : [];
  });
  const shares = await redis.command(["ZRANGE", "eth:hashrate", 0, -1]);
  const worths = (Array.isArray(shares) ? shares : []).map((member) => Number.parseInt(String(member), 10));
  return { nonces: (await Promise.all(lists)).flat(), worths: worths.toSorted((a, b) => a - b) };
}

/** What a node took, by the log of the pool. @returns headers by nonce */
function acceptedOffers(stdout: string): Map<string, string> {
  const lines = stdout.split("\n").filter((line) => line.startsWith("pool: {"));
  const offers = lines.map((line) => JSON.parse(line.slice("pool: ".length)));
  const accepted = offers.filter(({ message, answer }) => message === "block offered" && answer === "accepted");
  return new Map(accepted.map(({ nonce, header }) => [nonce, header]));
}

describe("npm start", () => {
  it("mines shares and blocks into the ledger and ends with one JSON object and exit code 0", async () => {
    const easy = ["--difficulty", "50", "--block-difficulty", "400"];
    const page: Promise<number>[] = [];
    // The state folder as it is named where nobody names one: from the clone's own.
    const run = await startProgram(
      ["--state", relative(ROOT, state), ...FREE_PORTS, ...easy, "--for", "20s", "--json"],
      (line) => {
        const url = /^ready: dashboard (\S+)\/,/.exec(line)?.[1];
        if (url !== undefined)
          page.push(...["/", "/bridge.mjs"].map(async (path) => (await fetch(`${url}${path}`)).status));
      },
    );
    expect(run.stderr).toBe("");
    expect(await Promise.all(page)).toEqual([200, 200]);
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
    expect(verdict.ledger.blocksInThisRun).toBeGreaterThanOrEqual(verdict.blocks);
    expect(run.code).toBe(0);

    const { nonces, worths, log } = await listedAtTheEnd();
    // Every acknowledged share is in the books with what its nonce is worth: 50, or what its class has (docs/protocol.md). The last ones may
    // be credited but not yet answered.
    expect(worths.length).toBeGreaterThanOrEqual(verdict.accepted);
    const atLeast = worths.slice(0, verdict.accepted).reduce((sum, worth) => sum + worth, 0);
    expect(Number(verdict.ledger.creditedInThisRun)).toBeGreaterThanOrEqual(atLeast);
    const headerOf = acceptedOffers(run.stdout + log);
    const listed = nonces.map((nonce) => headerOf.get(nonce));
    // No block without its entry, no entry that no node took, none of them twice.
    expect(new Set(nonces).size).toBe(nonces.length);
    expect(new Set(listed)).toEqual(new Set(headerOf.values()));
    expect(new Set(listed).size).toBeGreaterThanOrEqual(verdict.blocks);
    // A second nonce for a header is a share, unless it comes to the ledger before the one that the chain has (docs/decisions/0047-rival-nonces.md).
    for (const header of listed) expect(listed.filter((other) => other === header).length).toBeLessThanOrEqual(2);
    const chain = new ChainFile(join(state, "simulated-chain.jsonl")).read();
    const uncles = chain.flatMap((block) => block.uncles.map(({ nonce }) => nonce));
    const ours = chain.flatMap(({ mined }) => mined?.nonce ?? []).concat(uncles);
    expect(ours.length).toBeGreaterThan(0);
    expect(nonces).toEqual(expect.arrayContaining(ours));
  });

  it("leaves no process behind on Ctrl-C", async () => {
    let group = 0;
    const run = await start([...FREE_PORTS, "--no-miner", "--notify"], (line, pid) => {
      if (!line.startsWith("ready:")) return;
      group = pid;
      process.kill(-pid, "SIGINT");
    });
    expect(run).toMatchObject({ code: 0, stderr: "" });
    // The real notifier's test, over a real socket, before it says that it is ready.
    expect(run.stdout).toContain("told: [local] A test.");
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

  it("says where to look when workerd does not run on this machine, without a stack", async () => {
    const program = join(state, "workerd-of-another-system");
    await writeFile(program, "#!/bin/sh\necho 'version `GLIBC_2.35` not found' >&2\nexit 1\n", { mode: 0o755 });
    const run = await startProgram(["--state", state, ...FREE_PORTS, "--no-miner"], undefined, {
      MINIFLARE_WORKERD_PATH: program,
    });
    expect(run.code).toBe(1);
    expect(run.stderr).toMatch(
      /^npm start: the pool did not start: workerd ended at once; .*workerd --version says why$/m,
    );
    expect(run.stderr).not.toMatch(/^ +at /m);
  });

  it("ends with exit code 1 when nothing was recorded in the time given", async () => {
    const run = await start([...FREE_PORTS, "--no-miner", "--for", "2s", "--json"]);
    expect(run).toMatchObject({ code: 1, stderr: "npm start: no share was recorded in the time of --for\n" });
    expect(JSON.parse(run.stdout.trimEnd().split("\n").at(-1) ?? "")).toMatchObject({ accepted: 0, blocks: 0 });
  });
});
