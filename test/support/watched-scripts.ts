import { cp, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { WorkerBundle } from "../../devnet/pool-host/pool-messages.ts";
import { bundlePool } from "../../devnet/pool-host/worker-bundle.ts";

/**
 * The pool's scripts, the page's first, with a word in the log, of level error, for each exception that leaves one of their objects or their entry. Whoever called
 * may well have an answer to it: an exception is a bug all the same.
 * @param sabotaged throws once in every script, when it has been called so often; null: never
 */
export async function watchedScripts(directory: string, sabotaged: number | null): Promise<WorkerBundle[]> {
  const scripts = await bundlePool();
  return await Promise.all(
    scripts.map(async (script): Promise<WorkerBundle> => {
      const own = join(directory, script.name);
      await cp(script.directory, own, { recursive: true });
      const bundled = (await readdir(own)).find((file) => file.endsWith(".js"));
      if (bundled === undefined) throw new Error(`${script.name} has no module`);
      await writeFile(
        join(own, "index.js"),
        entry(script.name, bundled, sabotaged === null ? null : sabotagedAt(script, sabotaged)),
      );
      return Object.assign({}, script, { directory: own });
    }),
  );
}

/** Payments are seldom called. */
const sabotagedAt = ({ name }: WorkerBundle, calls: number): number => (name.endsWith("-payouts") ? 2 : calls);

/** Runs inside workerd. */
const entry = (name: string, bundled: string, sabotaged: number | null): string => `
import pool, * as classes from "./${bundled}";
export * from "./${bundled}";

let calls = 0;
function watch(where, call) {
  const tell = (error) => {
    console.error("an exception left " + where + ": " + (error && error.stack || error));
    throw error;
  };
  try {
    if (++calls === ${sabotaged}) throw new TypeError("sabotage of ${name}");
    const result = call();
    return result instanceof Promise ? result.catch(tell) : result;
  } catch (error) {
    tell(error);
  }
}

for (const [name, { prototype }] of Object.entries(classes)) {
  if (name === "default" || prototype === undefined) continue;
  for (const [method, { value }] of Object.entries(Object.getOwnPropertyDescriptors(prototype))) {
    if (method === "constructor" || typeof value !== "function") continue;
    prototype[method] = function (...parameters) {
      return watch(name + "." + method, () => value.apply(this, parameters));
    };
  }
}

export default Object.fromEntries(
  Object.entries(pool).map(([name, handler]) => [name, (...parameters) => watch("${name} " + name, () => handler(...parameters))]),
);
`;
