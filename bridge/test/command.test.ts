import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterEach, expect, test } from "vitest";
import { parseObject } from "../src/json.ts";
import { answer, LOGIN, poolThat } from "./bridge-fixture.ts";
import { TcpMiner } from "./tcp-miner.ts";

const CLI = fileURLToPath(new URL("../src/cli.ts", import.meta.url));
/** Processes start slowly on a busy machine. */
const PATIENCE_MS = 120_000;
const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
});

function run(...args: string[]): { child: ChildProcess; out: string[]; errors: string[]; ended: Promise<unknown[]> } {
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", CLI, "--no-state", ...args], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  children.push(child);
  const out: string[] = [];
  const errors: string[] = [];
  createInterface(child.stdout).on("line", (line) => out.push(line));
  createInterface(child.stderr).on("line", (line) => errors.push(line));
  return { child, out, errors, ended: once(child, "close") };
}

const until = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 10));
};

test.each(["SIGINT", "SIGTERM"] as const)(
  "listens, carries a miner, logs lines where there is no terminal, and ends at %s",
  { timeout: PATIENCE_MS },
  async (signal) => {
    const pool = await poolThat(answer);
    const { child, out, ended } = run(
      pool.url,
      "--allow-insecure",
      "-l",
      "127.0.0.1:0",
      "--display",
      "json",
      "--status-interval",
      "1",
    );
    await until(() => out.length > 0);
    const port = Number(parseObject(out[0] ?? "")?.["port"]);
    const miner = await TcpMiner.connect(port);
    miner.say(LOGIN);
    await miner.untilLines(1);
    const messages = (): unknown[] => out.map((line) => parseObject(line)?.["msg"]);
    await until(() => messages().includes("status") && messages().includes("miner logged in"));
    expect(messages()[0]).toBe("listening for stratum over TCP");
    child.kill(signal);
    expect(await ended).toEqual([0, null]);
    await miner.untilClosed();
  },
);

test.each(["json", "lines"])(
  "ends by itself, without a stack trace, when nobody reads its %s any more",
  { timeout: PATIENCE_MS },
  async (display) => {
    const pool = await poolThat(answer);
    const common = ["--allow-insecure", "-l", "127.0.0.1:0", "--status-interval", "1"];
    const { child, out, errors, ended } = run(pool.url, ...common, "--display", display);
    await until(() => out.length > 0);
    child.stdout?.destroy();
    expect(await ended).toEqual([0, null]);
    expect(errors).toEqual([]);
  },
);

test("says in one line what is wrong with its options, and fails", { timeout: PATIENCE_MS }, async () => {
  const wrong: [args: string[], expected: RegExp][] = [
    [["ws://pool.example"], /--allow-insecure/],
    [["wss://pool.example", "--listen", "everywhere"], /write a port, or host:port/],
  ];
  const runs = wrong.map(([args, expected]) => ({ attempt: run(...args), expected }));
  for (const { attempt, expected } of runs) {
    const { errors, out, ended } = attempt;
    expect(await ended).toEqual([1, null]);
    expect(errors).toHaveLength(1);
    expect(errors[0]).toMatch(expected);
    expect(out).toEqual([]);
  }
});

test(
  "says where TLS for miners is switched on what ethminer needs for a self-signed certificate",
  { timeout: PATIENCE_MS },
  async () => {
    const { out, ended } = run("--help");
    expect(await ended).toEqual([0, null]);
    // Wrapped to the width of a terminal.
    const [, option] = /(--listen-tls .*?) +--listen-getwork/s.exec(out.join(" ").replaceAll(/\s+/g, " ")) ?? [];
    expect(option).toMatch(/ethminer refuses a certificate that is self-signed unless SSL_NOVERIFY=1/);
    const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
    expect(readme.replaceAll(/\s+/g, " ")).toMatch(
      /ethminer refuses the self-signed certificate of `--listen-tls` unless `SSL_NOVERIFY=1`/,
    );
  },
);
