import { spawn } from "node:child_process";
import { join } from "node:path";
import * as v from "valibot";

/** What a program printed, and how it ended. */
export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs Wrangler. */
export type Wrangler = (args: readonly string[]) => Promise<Ran>;

const ROOT = join(import.meta.dirname, "..", "..");

/** The one that is pinned here. @param show whether what it prints is shown as it comes */
export const runWrangler =
  (show: (text: string) => void): Wrangler =>
  async (args) => {
    // Who deploys the pool deploys all of its scripts, in their order.
    const isDeploy = args[0] === "deploy";
    const program = isDeploy
      ? join(ROOT, "scripts", "deploy", "cli.ts")
      : join(ROOT, "node_modules", "wrangler", "bin", "wrangler.js");
    const env = { ...process.env, WRANGLER_SEND_METRICS: "false" };
    const child = spawn(process.execPath, [program, ...(isDeploy ? args.slice(1) : args)], {
      cwd: ROOT,
      env,
      stdio: ["ignore", "pipe", "pipe"],
    });
    const said = { stdout: "", stderr: "" };
    for (const stream of ["stdout", "stderr"] as const)
      child[stream].on("data", (chunk: Buffer) => {
        said[stream] += chunk.toString();
        if (args.includes("deploy")) show(chunk.toString());
      });
    const code = await new Promise<number>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (ended) => resolve(ended ?? 1));
    });
    return { code, ...said };
  };

const identity = v.object({
  loggedIn: v.boolean(),
  email: v.optional(v.string()),
  accounts: v.optional(v.array(v.object({ name: v.string(), id: v.string() })), []),
});
const names = v.array(v.object({ name: v.string() }));

/** Who deploys: accounts by name, or null where nobody is logged in. */
export async function accountsOf(wrangler: Wrangler): Promise<readonly string[] | null> {
  const { stdout } = await wrangler(["whoami", "--json"]);
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), identity), stdout);
  if (!parsed.success || !parsed.output.loggedIn) return null;
  return parsed.output.accounts.map(({ name }) => name);
}

/** Names of the secrets that a script of the environment has; null where it is not there, or cannot be asked. */
export async function secretsOf(wrangler: Wrangler, path: string, env: string): Promise<readonly string[] | null> {
  const { code, stdout } = await wrangler(["secret", "list", "--config", path, "--env", env]);
  const parsed = code === 0 ? v.safeParse(v.pipe(v.string(), v.parseJson(), names), stdout) : null;
  return parsed?.success === true ? parsed.output.map(({ name }) => name) : null;
}

/** Address of a deployed script, out of what Wrangler prints. */
export const addressIn = ({ stdout }: Ran): string | null =>
  /https:\/\/[\w.-]+\.workers\.dev/.exec(stdout)?.[0] ?? null;
