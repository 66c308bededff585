/** `npm run deploy [-- --dry-run] [--env NAME] [--secrets-file FILE]`: brings to Cloudflare what has changed of the pool's scripts. */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import * as v from "valibot";
import {
  leadsPastThePage,
  nameOf,
  POOL_SCRIPTS,
  type ClassOrigin,
  type PoolScript,
  scriptConfig,
} from "../../core/deploy/pool-scripts.ts";
import { firstDeployAdvice, rollOut, type WranglerRun } from "../../core/deploy/rollout.ts";
import { ConfigError } from "../../core/config-problem.ts";
import { sharedSecrets } from "../../core/parse-config.ts";
import { marksOf } from "./marks.ts";

const ROOT = join(import.meta.dirname, "..", "..");
const OUT = join(ROOT, ".wrangler", "scripts");
const WRANGLER = join(ROOT, "node_modules", "wrangler", "bin", "wrangler.js");

interface Options {
  readonly dryRun?: boolean;
  readonly env?: string;
  readonly secretsFile?: string;
  readonly config: string;
}

const say = (text: string): void => void process.stderr.write(`edgepool: ${text}\n`);

/** Wrangler's output is shown as it comes where `shown`, and read afterwards. */
function wrangler(args: readonly string[], shown = false): Promise<WranglerRun> {
  const child = spawn(process.execPath, [WRANGLER, ...args], { cwd: ROOT, stdio: ["inherit", "pipe", "pipe"] });
  const run = { stdout: "", stderr: "" };
  child.stdout.on("data", (chunk: Buffer) => {
    run.stdout += chunk.toString();
    if (shown) process.stdout.write(chunk);
  });
  child.stderr.on("data", (chunk: Buffer) => {
    run.stderr += chunk.toString();
    if (shown) process.stderr.write(chunk);
  });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ code: code ?? 1, ...run }));
  });
}

/** Bundles a script, from a configuration of its own. */
async function prepare(whole: object, script: PoolScript, origin: ClassOrigin, shown = false) {
  const directory = join(OUT, script.entry);
  await rm(directory, { recursive: true, force: true });
  await mkdir(directory, { recursive: true });
  const config = join(directory, "wrangler.json");
  const text = JSON.stringify(scriptConfig(whole, script, { root: "../../.." }, origin), null, 2);
  await writeFile(config, `${text}\n`);
  const bundle = join(directory, "bundle");
  const run = await wrangler(["deploy", "--config", config, "--dry-run", "--outdir", bundle], shown);
  if (run.code !== 0) throw new Error(`${script.entry} cannot be bundled:\n${run.stderr}${run.stdout}`);
  const hash = createHash("sha256").update(JSON.stringify(scriptConfig(whole, script, { root: "." })));
  for (const folder of [bundle, ...(script.entry === "page" ? [join(ROOT, "web", "dist")] : [])]) {
    const files = await readdir(folder, { recursive: true, withFileTypes: true });
    // Source maps and Wrangler's README tell of this machine and day.
    const kept = files.filter((file) => file.isFile() && !/\.map$|README\.md$/.test(file.name));
    for (const file of kept.map(({ parentPath, name }) => join(parentPath, name)).toSorted())
      hash.update(file.slice(folder.length)).update(await readFile(file));
  }
  return { config, fingerprint: hash.digest("hex").slice(0, 16) };
}

const secretsSchema = v.pipe(v.string(), v.parseJson(), v.record(v.string(), v.string()));

async function main(options: Options): Promise<number> {
  const { unstable_readConfig } = await import("wrangler");
  const env = options.env === undefined ? {} : { env: options.env };
  const read = unstable_readConfig({ config: options.config, ...env });
  const pool = read.name ?? "edgepool";
  const whole = { ...read, name: pool };
  if (!leadsPastThePage(whole))
    say(
      'wrangler.toml has no routes of a zone: miners\' connections pass the page, and each new page closes them (docs/OPERATING.md, "Deployments and miners")',
    );
  if (options.dryRun === true) {
    for (const script of POOL_SCRIPTS) {
      const { fingerprint } = await prepare(whole, script, "new", true);
      say(
        `${nameOf(pool, script)}: bundled, ${fingerprint}; its configuration is .wrangler/scripts/${script.entry}/wrangler.json`,
      );
    }
    return 0;
  }
  const secrets =
    options.secretsFile === undefined ? null : v.parse(secretsSchema, await readFile(options.secretsFile, "utf8"));
  if (secrets !== null) {
    const shared = sharedSecrets(secrets);
    if (shared.length > 0) throw new ConfigError(shared);
  }
  const marked = { ...whole, kv_namespaces: await marksOf(whole.kv_namespaces, pool, wrangler, say) };
  const folder = await mkdtemp(join(tmpdir(), "edgepool-deploy-"));
  try {
    const outcome = await rollOut(pool, {
      wrangler: (args) => wrangler(args, args[0] === "deploy"),
      supplied: Object.keys(secrets ?? {}),
      prepare: (script, origin) => prepare(marked, script, origin),
      async secretsFile({ entry, secrets: used }) {
        const own = Object.entries(secrets ?? {}).filter(([name]) => used.includes(name));
        if (own.length === 0) return null;
        const path = join(folder, `${entry}.json`);
        await writeFile(path, JSON.stringify(Object.fromEntries(own)), { mode: 0o600 });
        return path;
      },
      say,
    });
    if (outcome.kind === "done") {
      say(outcome.deployed.length === 0 ? "nothing has changed" : `deployed: ${outcome.deployed.join(", ")}`);
      return 0;
    }
    say(`${outcome.script} was not deployed: ${outcome.reason}`);
    const advice = firstDeployAdvice(outcome.reason);
    if (advice !== null) say(advice);
    if (outcome.deployed.length > 0)
      say(`already deployed, and good with what is there: ${outcome.deployed.join(", ")}`);
    return 1;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const command = new Command("deploy")
  .description("Deploys what has changed of the pool's scripts, in the order in which they need each other")
  .option("--dry-run", "bundles every script and checks its configuration; sends nothing")
  .option("--env <name>", "an environment of wrangler.toml")
  .option("--secrets-file <file>", "JSON with secrets; each script gets those that it has a use for")
  .option("--config <file>", "another wrangler.toml", join(ROOT, "wrangler.toml"))
  .parse();
try {
  process.exitCode = await main(command.opts<Options>());
} catch (error) {
  say(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
