import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { nameOf, POOL_SCRIPTS, type PoolScript, scriptConfig } from "../../core/deploy/pool-scripts.ts";
import { LOCAL_NAME, type WorkerBundle } from "./pool-messages.ts";

const ROOT = join(import.meta.dirname, "..", "..");
const CACHE = join(ROOT, "node_modules", ".edgepool", "worker");
/** Everything that the Worker's bundle is made of. */
const INPUTS = [
  "devnet/pool-host/worker-bundle.ts",
  "worker",
  "durable-objects",
  "core",
  "wasm/dist",
  "wrangler.toml",
  ".dev.vars",
  "package-lock.json",
];
/** Brought by `npm run build`; the Worker cannot be started without. */
const BUILT = ["wasm/dist", "web/dist"];
const SETTINGS = "settings.json";
const KEPT_MS = 24 * 3_600_000;

const CONFIG = "wrangler.json";
/** Of the whole pool's bundle. */
const WHOLE = "whole";

let scripts: Promise<readonly WorkerBundle[]> | null = null;
let whole: Promise<WorkerBundle> | null = null;

/**
 * Bundles the pool's scripts as `npm run deploy` does, the page's first: it is where requests arrive. Bundles of the same sources are kept in
 * node_modules/.edgepool and used again.
 * @throws Error with wrangler's output
 */
export function bundlePool(): Promise<readonly WorkerBundle[]> {
  scripts ??= Promise.all(POOL_SCRIPTS.toReversed().map((script) => makeBundle(script.entry, script)));
  return scripts;
}

/** The whole pool as one script. */
export function bundleWorker(): Promise<WorkerBundle> {
  whole ??= makeBundle(WHOLE, null);
  return whole;
}

async function makeBundle(part: string, script: PoolScript | null): Promise<WorkerBundle> {
  const missing = BUILT.filter((path) => !existsSync(join(ROOT, path)));
  if (missing.length > 0) throw new Error(`${missing.join(" and ")} missing: run \`npm run build\` first`);
  const directory = await bundled(part, script);
  const settings: unknown = JSON.parse(await readFile(join(directory, SETTINGS), "utf8"));
  const name = script === null ? LOCAL_NAME : nameOf(LOCAL_NAME, script);
  return { name, directory, settings: { ...Object(settings) }, script };
}

async function bundled(part: string, script: PoolScript | null): Promise<string> {
  const directory = join(CACHE, `${await fingerprint()}-${part}`);
  if (existsSync(directory)) return directory;
  await mkdir(CACHE, { recursive: true });
  const made = await mkdtemp(join(CACHE, "new-"));
  try {
    const config = script === null ? join(ROOT, "wrangler.toml") : await writeConfig(made, script);
    await Promise.all([runWrangler(config, made), writeSettings(config, made)]);
    await assertWritten(made);
    // Two processes may bundle at once; the first to be done gives the name, both bundles are the same.
    await rename(made, directory).catch((error: unknown) => {
      if (!existsSync(directory)) throw error;
    });
  } finally {
    await rm(made, { recursive: true, force: true });
  }
  await forgetOld();
  return directory;
}

/**
 * Wrangler's exit code is 0 also where a signal has ended it: what it then left would be taken for the bundle until a source changes.
 * @throws Error
 */
export async function assertWritten(directory: string): Promise<void> {
  if (!(await readdir(directory)).some((name) => name.endsWith(".js")))
    throw new Error("wrangler was ended before it had bundled the Worker; try again");
}

async function writeConfig(directory: string, script: PoolScript): Promise<string> {
  const { unstable_readConfig } = await import("wrangler");
  const path = join(directory, CONFIG);
  const pool = { ...unstable_readConfig({ config: join(ROOT, "wrangler.toml") }), name: LOCAL_NAME };
  await writeFile(path, JSON.stringify(scriptConfig(pool, script, { root: ROOT })));
  return path;
}

/** Wrangler takes a second or more to load, so what it reads from a configuration is kept with the bundle. */
async function writeSettings(config: string, directory: string): Promise<void> {
  const { unstable_getMiniflareWorkerOptions } = await import("wrangler");
  const { workerOptions } = unstable_getMiniflareWorkerOptions(config);
  await writeFile(join(directory, SETTINGS), JSON.stringify(workerOptions));
}

async function runWrangler(config: string, directory: string): Promise<void> {
  const wrangler = join(ROOT, "node_modules", "wrangler", "bin", "wrangler.js");
  const child = spawn(process.execPath, [wrangler, "deploy", "--config", config, "--dry-run", "--outdir", directory], {
    cwd: ROOT,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, WRANGLER_SEND_METRICS: "false", WRANGLER_SEND_ERROR_REPORTS: "false", CI: "1" },
  });
  const end = (): void => void child.kill("SIGKILL");
  process.once("exit", end);
  child.once("close", () => process.off("exit", end));
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
  await new Promise<void>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => {
      if (code === 0) resolve();
      else reject(new Error(`wrangler could not bundle the Worker (exit code ${code}):\n${output}`));
    });
  });
}

async function fingerprint(): Promise<string> {
  // Settings name the page's folder: a checkout that was copied or moved would serve the page of where it was.
  const hash = createHash("sha256").update(`${ROOT}\0`);
  for (const input of INPUTS) {
    const path = join(ROOT, input);
    for (const file of existsSync(path) ? await filesBelow(path) : []) {
      hash.update(`${relative(ROOT, file)}\0`).update(await readFile(file));
    }
  }
  return hash.digest("hex").slice(0, 32);
}

async function filesBelow(path: string): Promise<string[]> {
  if ((await stat(path)).isFile()) return [path];
  const entries = await readdir(path, { withFileTypes: true, recursive: true });
  return entries.flatMap((entry) => (entry.isFile() ? [join(entry.parentPath, entry.name)] : [])).toSorted();
}

async function forgetOld(): Promise<void> {
  for (const name of await readdir(CACHE)) {
    const path = join(CACHE, name);
    const made = await stat(path).catch(() => null);
    if (made !== null && Date.now() - made.mtimeMs > KEPT_MS) await rm(path, { recursive: true, force: true });
  }
}
