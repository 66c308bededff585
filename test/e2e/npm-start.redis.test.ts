import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { runLedgerCli } from "../support/ledger-cli.ts";
import { FREE_PORTS, startProgram } from "../support/npm-start.ts";

let state: string;
beforeEach(async () => (state = await mkdtemp(join(tmpdir(), "edgepool-start-"))));
afterEach(() => rm(state, { recursive: true, force: true }));

const EASY = ["--difficulty", "50", "--block-difficulty", "400", "--with-redis", "--json"];

/** Runs until a block is in the books, and audits them. @returns the ledger's part of the verdict, and the audit */
async function mine() {
  let books = "";
  let audit: ReturnType<typeof runLedgerCli> | undefined;
  const run = await startProgram([...FREE_PORTS, ...EASY, "--state", state], (line, pid) => {
    if (line.startsWith("books:")) books = /http:\S+$/.exec(line)?.[0] ?? "";
    if (audit !== undefined || !/blocks: [1-9]/.test(line)) return;
    audit = runLedgerCli(["audit", books]);
    void audit.then(() => process.kill(-pid, "SIGINT"));
  });
  expect(run).toMatchObject({ code: 0, stderr: "" });
  return { ...JSON.parse(run.stdout.trimEnd().split("\n").at(-1) ?? "").ledger, audit: await audit };
}

it("npm start --with-redis keeps the books on a redis-server, over its end and the next start", async () => {
  const first = await mine();
  expect(first.blocksInThisRun).toBeGreaterThan(0);
  expect(first.audit.stdout).toContain("open round");
  const second = await mine();
  const blocks = ({ candidates, immature, matured }: typeof second) => candidates + immature + matured;
  expect(blocks(second) - second.blocksInThisRun).toBe(blocks(first));
});
