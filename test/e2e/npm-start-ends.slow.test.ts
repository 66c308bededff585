import { execFileSync, spawn } from "node:child_process";
import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { ChainFile } from "../../devnet/node/chain-file.ts";
import { FREE_PORTS, npmStart, startProgram } from "../support/npm-start.ts";

const ROOT = join(import.meta.dirname, "..", "..");
let folder: string;
let args: readonly string[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "edgepool-start-"));
  args = [...FREE_PORTS, "--state", join(folder, "state")];
});
afterEach(() => rm(folder, { recursive: true, force: true }));

interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly command: string;
}

function processes(): Process[] {
  const list = execFileSync("ps", ["-A", "-o", "pid=,ppid=,stat=,args="], { encoding: "utf8" });
  return list.split("\n").flatMap((line) => {
    const [, pid, parent, state = "", command = ""] = /^ *(\d+) +(\d+) +(\S+) +(.*)$/.exec(line) ?? [];
    return pid === undefined || state.startsWith("Z") ? [] : [{ pid: Number(pid), parent: Number(parent), command }];
  });
}

/** Everything that a process started, and what that started. */
function below(pid: number, all = processes()): Process[] {
  const children = all.filter(({ parent }) => parent === pid);
  return children.concat(children.flatMap((child) => below(child.pid, all)));
}

const alive = (those: readonly Process[]) => {
  const now = new Set(processes().map(({ pid }) => pid));
  return those.filter(({ pid }) => now.has(pid)).map(({ command }) => command);
};

const isReady = (line: string): boolean => line.startsWith("ready:");

const gone = (started: readonly Process[]) => expect.poll(() => alive(started), { timeout: 120_000 }).toEqual([]);

it("waits for work of a real node, and ends with exit code 1 and the reason when none came in the time given", async () => {
  const run = await startProgram([...args, "--geth", "http://127.0.0.1:1", "--for", "1s", "--json"]);
  expect(run.code).toBe(1);
  expect(run.stderr).toMatch(/^npm start: the node gave no work: cannot be reached: .+$/m);
  expect(run.stdout).not.toMatch(/✔ Node/);
  expect(JSON.parse(run.stdout.trimEnd().split("\n").at(-1) ?? "")).toEqual({
    error: expect.stringContaining("the node gave no work: cannot be reached"),
  });
});

it("stops everything when npm alone gets SIGTERM", async () => {
  let started: Process[] = [];
  await npmStart([...args, "--no-miner"], (line, pid) => {
    if (!isReady(line)) return;
    started = below(pid);
    process.kill(pid, "SIGTERM");
  });
  expect(started.some(({ command }) => command.includes("workerd"))).toBe(true);
  await gone(started);
});

it("stops everything on Ctrl-C though workerd is frozen", async () => {
  let started: Process[] = [];
  await startProgram([...args, "--no-miner"], (line, pid) => {
    if (!isReady(line)) return;
    started = below(pid);
    for (const { pid: id, command } of started) if (command.includes("workerd")) process.kill(id, "SIGSTOP");
    process.kill(-pid, "SIGINT");
  });
  expect(started.some(({ command }) => command.includes("workerd"))).toBe(true);
  await gone(started);
});

it("leaves no workerd behind when it is killed together with the process that holds workerd", async () => {
  let started: Process[] = [];
  await startProgram([...args, "--no-miner"], (line, pid) => {
    if (!isReady(line)) return;
    started = below(pid);
    for (const { pid: id, command } of started) if (command.includes("pool-host")) process.kill(id, "SIGKILL");
    process.kill(pid, "SIGKILL");
  });
  expect(started.some(({ command }) => command.includes("pool-host"))).toBe(true);
  expect(started.some(({ command }) => command.includes("workerd serve"))).toBe(true);
  await gone(started);
});

it("stops everything, without a stack, when nobody reads its output any more", async () => {
  const program = spawn(process.execPath, [join(ROOT, "devnet", "start.ts"), ...args, "--no-miner"], { stdio: "pipe" });
  let [stdout, stderr] = ["", ""];
  let started: Process[] = [];
  program.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  program.stdout.on("data", (chunk: Buffer) => {
    stdout += chunk.toString();
    if (!stdout.includes("Pool: http") || program.stdout.destroyed) return;
    started = below(program.pid ?? 0);
    program.stdout.destroy();
  });
  expect(await new Promise((resolve) => program.once("exit", resolve))).toBe(0);
  expect(stderr).toBe("");
  await gone(started);
});

it("names the machine's addresses for rigs; keeps a second run off its state folder, and lets go of it when killed", async () => {
  let [ready, refusal] = ["", ""];
  let second: Promise<unknown> = Promise.resolve();
  await startProgram([...args, "--no-miner", "--host", "0.0.0.0"], (line, pid) => {
    if (!isReady(line)) return;
    ready = line;
    second = startProgram(args).finally(() => process.kill(-pid, "SIGKILL"));
    const reason = `is in use by another npm start (process ${pid}); choose another with --state`;
    refusal = `npm start: state folder ${join(folder, "state")} ${reason}\n`;
  });
  expect(await second).toMatchObject({ code: 1, stdout: "", stderr: refusal });
  const own = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  const lan = own.filter(({ family, internal }) => family === "IPv4" && !internal).map(({ address }) => address);
  for (const address of lan) expect(ready).toContain(`stratum1+tcp://${address}:`);
  expect(ready.includes("127.0.0.1")).toBe(lan.length === 0);
});

const chain = () => new ChainFile(join(folder, "state", "simulated-chain.jsonl")).read();

it("goes on at once where a run that was killed has stopped: with its chain, its books, and no work that is dead", async () => {
  const easy = [...args, "--difficulty", "50", "--block-difficulty", "400", "--block-time", "0s", "--json"];
  /** The first answer of the node to a block above a height. */
  let answer: string | undefined;
  const untilBlocks = async (signal: NodeJS.Signals, above = 0) =>
    await startProgram(easy, (line, pid) => {
      const [, height, said] = /"message":"block offered".*"height":(\d+).*"answer":"(\w+)"/.exec(line) ?? [];
      if (Number(height) > above) answer ??= said;
      if (answer !== undefined && /blocks: [1-9]/.test(line)) process.kill(-pid, signal);
    });
  await untilBlocks("SIGKILL");
  const left = chain();
  answer = undefined;
  // A node forgets the headers that were being mined when it was killed, as a real one does.
  const again = await untilBlocks("SIGINT", (left.at(-1)?.height ?? 0) + 1);
  expect(again).toMatchObject({ code: 0, stderr: "" });
  expect(JSON.parse(again.stdout.trimEnd().split("\n").at(-1) ?? "").ledger.blocksInThisRun).toBeGreaterThan(0);
  expect(left.length).toBeGreaterThan(0);
  expect(chain().length).toBeGreaterThan(left.length);
  // Of a node that begins anew the pool's work would be dead for a minute, and what is found on it refused. (A rival may come too late.)
  expect(answer).toBe("accepted");
});

it("says in one line that the state folder cannot be used", async () => {
  const state = join(folder, "file", "state");
  writeFileSync(join(folder, "file"), "");
  const run = await startProgram([...FREE_PORTS, "--state", state]);
  expect(run).toMatchObject({ code: 1, stdout: "" });
  expect(run.stderr).toMatch(
    /^npm start: state folder .* cannot be used \(ENOTDIR: .*\); choose another with --state\n$/,
  );
});

it("does not run a node of one's own on the books of the simulated one, nor one chain on another's", async () => {
  const state = join(folder, "state");
  mkdirSync(state);
  writeFileSync(join(state, "simulated-chain.jsonl"), "");
  const own = ["--geth", "http://127.0.0.1:1", "--no-miner"];
  const refused = await startProgram([...args, ...own]);
  expect(refused).toMatchObject({ code: 1, stdout: "" });
  expect(refused.stderr).toMatch(
    /^npm start: state folder .* has the books of the simulated node, and this run would be of a node of your own, classic; choose another with --state, or begin with empty books: --fresh\n$/,
  );
  // What is emptied is the other's from then on, and not before.
  const emptied = await startProgram([...args, ...own, "--fresh", "--for", "1s"]);
  expect(emptied.stderr).toContain("the node gave no work");
  const mordor = await startProgram([...args, ...own, "--chain", "mordor"]);
  expect(mordor.stderr).toContain("has the books of a node of your own, classic, and this run would be of");
});

it("says in one line that the checkout cannot be written", async () => {
  mkdirSync(join(folder, "scripts"));
  cpSync(join(ROOT, "scripts", "bootstrap.mjs"), join(folder, "scripts", "bootstrap.mjs"));
  writeFileSync(join(folder, "package-lock.json"), "{}");
  // Root may write everywhere, but not below a file.
  writeFileSync(join(folder, "node_modules"), "");
  const program = spawn(process.execPath, [join(folder, "scripts", "bootstrap.mjs"), "start"], { stdio: "pipe" });
  let stderr = "";
  program.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  expect(await new Promise((resolve) => program.once("close", resolve))).toBe(1);
  expect(stderr).toMatch(/^edgepool: E\w+: .*node_modules.*\n$/);
});
