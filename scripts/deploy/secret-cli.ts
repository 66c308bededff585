/** `npm run secret -- NAME [--env ENV] < value`: gives a secret to each of the pool's scripts that has a use for it. */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { Command } from "commander";
import { nameOf, POOL_SCRIPTS } from "../../core/deploy/pool-scripts.ts";

const ROOT = join(import.meta.dirname, "..", "..");

function put(name: string, script: string, value: string): Promise<number> {
  const wrangler = join(ROOT, "node_modules", "wrangler", "bin", "wrangler.js");
  const child = spawn(process.execPath, [wrangler, "secret", "put", name, "--name", script], {
    cwd: ROOT,
    stdio: ["pipe", "inherit", "inherit"],
  });
  child.stdin.end(value);
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve(code ?? 1));
  });
}

async function main(name: string, { env }: { readonly env?: string }): Promise<number> {
  const scripts = POOL_SCRIPTS.filter(({ secrets }) => secrets.includes(name));
  if (scripts.length === 0) {
    const known = [...new Set(POOL_SCRIPTS.flatMap(({ secrets }) => secrets))].join(", ");
    process.stderr.write(`edgepool: no script knows a secret ${name}; there are: ${known}\n`);
    return 1;
  }
  if (process.stdin.isTTY) process.stderr.write(`edgepool: the value of ${name}, then Ctrl-D\n`);
  const value = (await text(process.stdin)).trim();
  const { unstable_readConfig } = await import("wrangler");
  const pool = unstable_readConfig({ config: join(ROOT, "wrangler.toml"), ...(env !== undefined && { env }) }).name;
  for (const script of scripts) {
    const code = await put(name, nameOf(pool ?? "edgepool", script), value);
    if (code !== 0) return code;
  }
  return 0;
}

const command = new Command("secret")
  .description("Gives a secret to each of the pool's scripts that has a use for it; the value comes on standard input")
  .argument("<name>", "such as UPSTASH_REDIS_REST_TOKEN")
  .option("--env <name>", "an environment of wrangler.toml")
  .parse();
process.exitCode = await main(command.args[0] ?? "", command.opts());
