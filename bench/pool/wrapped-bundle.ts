import { build } from "esbuild";
import { cp, readdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { WorkerBundle } from "../../devnet/pool-host/pool-messages.ts";

/** Modules by which an entry imports a script of the pool. */
const POOL_ENTRY = /worker\/(?:index|scripts\/\w+)\.ts$/;

/**
 * A script of the pool as Wrangler bundled it, byte for byte, behind another entry: one that imports the script's own and counts, or times,
 * what it does.
 * @param entry a TypeScript file
 * @param directory where the result is put; it must not be there yet
 */
export async function wrapBundle(bundle: WorkerBundle, entry: string, directory: string): Promise<WorkerBundle> {
  await cp(bundle.directory, directory, { recursive: true });
  const own = (await readdir(directory)).find((name) => name.endsWith(".js"));
  if (own === undefined) throw new Error(`no script in ${bundle.directory}`);
  await rename(join(directory, own), join(directory, "pool.js"));
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    format: "esm",
    write: false,
    plugins: [
      {
        name: "the pool stays a module of its own",
        setup: (made) => made.onResolve({ filter: POOL_ENTRY }, () => ({ path: "./pool.js", external: true })),
      },
    ],
  });
  await writeFile(join(directory, "index.js"), outputFiles[0]?.text ?? "");
  return { ...bundle, directory };
}

/**
 * The same script under another name, for a process of its own: its objects are those of the script that it is a copy of, as a Worker that
 * runs near its clients has its objects elsewhere.
 * @param name no other script of the pool has it
 */
export function withObjectsOf(bundle: WorkerBundle, name: string): WorkerBundle {
  const objects = Object.entries<object>(Object(bundle.settings["durableObjects"]));
  // What a script of several binds of the others says whose it is.
  const durableObjects = Object.fromEntries(
    objects.map(([binding, bound]) => [binding, { scriptName: bundle.name, ...bound }]),
  );
  return { ...bundle, name, settings: { ...bundle.settings, durableObjects } };
}
