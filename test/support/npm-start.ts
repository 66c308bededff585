import { spawn } from "node:child_process";
import { join } from "node:path";

const ROOT = join(import.meta.dirname, "..", "..");
export const FREE_PORTS: readonly string[] = ["--port", "0", "--stratum-port", "0", "--node-port", "0"];

/** What a run of `npm start` left. */
interface Run {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Told of every line of standard output. */
type Listener = (line: string, pid: number) => void;

/** Runs `npm start`'s program in a process group of its own. @param env besides this process's own */
export function startProgram(
  args: readonly string[],
  during: Listener = () => undefined,
  env: Readonly<Record<string, string>> = {},
): Promise<Run> {
  return follow(process.execPath, [join(ROOT, "devnet", "start.ts"), ...args], during, env);
}

/** Runs npm itself. */
export function npmStart(args: readonly string[], during: Listener): Promise<Run> {
  return follow("npm", ["start", "--", ...args], during);
}

function follow(
  command: string,
  args: readonly string[],
  during: Listener,
  env: Readonly<Record<string, string>> = {},
): Promise<Run> {
  const child = spawn(command, args, { cwd: ROOT, detached: true, stdio: "pipe", env: { ...process.env, ...env } });
  let [stdout, stderr, rest] = ["", "", ""];
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  child.stdout.on("data", (chunk: Buffer) => {
    stdout += chunk.toString();
    const lines = (rest + chunk.toString()).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) during(line, child.pid ?? 0);
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, stdout, stderr }));
  });
}
