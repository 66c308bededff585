import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `npm run ledger -- <args>` without npm, in an environment with nothing but what is given here. */
export function runLedgerCli(
  args: readonly string[],
  options: { readonly token?: string; readonly admin?: string; readonly input?: string } = {},
): Promise<Ended> {
  const secrets = {
    ...(options.token ? { LEDGER_TOKEN: options.token } : {}),
    ...(options.admin ? { ADMIN_TOKEN: options.admin } : {}),
  };
  return run(["scripts/ledger/cli.ts", ...args], secrets, options.input ?? "");
}

/** Runs another program of this repository in the same way. */
export function runProgram(...args: readonly string[]): Promise<Ended> {
  return run(args, {}, "");
}

function run(args: readonly string[], secrets: Readonly<Record<string, string>>, input: string): Promise<Ended> {
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", ...args], {
    env: { PATH: process.env["PATH"], ...secrets },
  });
  child.stdin.end(input);
  const output = { stdout: "", stderr: "" };
  child.stdout.on("data", (text: Buffer) => (output.stdout += String(text)));
  child.stderr.on("data", (text: Buffer) => (output.stderr += String(text)));
  return new Promise((resolve) => {
    child.once("close", (code) => resolve({ code, ...output }));
  });
}

/** Starts `npm run ledger -- serve …` and waits until it says where it listens. */
export async function servingLedgerCli(
  args: readonly string[],
  token: string,
): Promise<{ said: string; url: string; stop: () => Promise<void> }> {
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", "scripts/ledger/cli.ts", ...args], {
    env: { PATH: process.env["PATH"], LEDGER_TOKEN: token },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = once(child, "exit");
  const [said] = (await Promise.race([once(createInterface(child.stdout), "line"), ended])) as unknown[];
  const stop = async (): Promise<void> => {
    child.kill("SIGTERM");
    await ended;
  };
  return { said: String(said), url: /^\S+/.exec(String(said))?.[0] ?? "", stop };
}
