import { spawn } from "node:child_process";

/** Runs `npm run ledger -- <args>` without npm, in an environment with nothing but what is given here. */
export function runLedgerCli(
  args: readonly string[],
  options: { readonly token?: string; readonly admin?: string; readonly input?: string } = {},
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", "scripts/ledger/cli.ts", ...args], {
    env: {
      PATH: process.env["PATH"],
      ...(options.token ? { LEDGER_TOKEN: options.token } : {}),
      ...(options.admin ? { ADMIN_TOKEN: options.admin } : {}),
    },
  });
  child.stdin.end(options.input ?? "");
  const output = { stdout: "", stderr: "" };
  child.stdout.on("data", (text: Buffer) => (output.stdout += String(text)));
  child.stderr.on("data", (text: Buffer) => (output.stderr += String(text)));
  return new Promise((resolve) => {
    child.once("close", (code) => resolve({ code, ...output }));
  });
}
