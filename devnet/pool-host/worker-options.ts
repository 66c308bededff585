import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { settingsFor } from "../../core/deploy/pool-scripts.ts";
import { type BindingValue, LOCAL_NAME, type WorkerBundle } from "./pool-messages.ts";

type Bindings = Readonly<Record<string, BindingValue>>;

/** A script of the pool for Miniflare, as Wrangler bundled it and with what its configuration binds. */
export function workerOptions(
  { name, directory, settings, script }: WorkerBundle,
  {
    bindings,
    secrets,
    registry,
  }: {
    readonly bindings: Bindings;
    readonly secrets: Readonly<Record<string, string>>;
    readonly registry: string | null;
  },
) {
  const own = Object.entries(secrets).filter(([secret]) => script?.secrets.includes(secret) ?? true);
  const vars = script === null ? bindings : settingsFor(script, bindings);
  return {
    ...settings,
    name,
    bindings: { ...Object(settings["bindings"]), ...vars, ...Object.fromEntries(own) },
    durableObjects: objectsOf(settings["durableObjects"], registry === null && script !== null),
    modulesRoot: directory,
    modules: modules(directory),
  };
}

interface BoundObjects {
  readonly className: string;
  readonly scriptName?: string;
  readonly useSQLite: boolean;
  readonly unsafeUniqueKey?: string;
}

/**
 * @param keepsNames under the names that they had when the pool was one script: a state folder of before keeps its books. Miniflare does not
 * know such names where a script is in another process: it would make a second object there.
 */
function objectsOf(bound: unknown, keepsNames: boolean): Record<string, BoundObjects> {
  const objects = Object.entries<{ className: string; scriptName?: string }>(Object(bound));
  return Object.fromEntries(
    objects.map(([binding, { className, scriptName }]) => [
      binding,
      {
        className,
        useSQLite: true,
        ...(keepsNames && { unsafeUniqueKey: `${LOCAL_NAME}-${className}` }),
        ...(scriptName !== undefined && { scriptName }),
      },
    ]),
  );
}

/** The entry comes first. */
const rank = (name: string): number => (name === "index.js" ? 0 : name.endsWith(".js") ? 1 : 2);

function modules(
  directory: string,
): { type: "ESModule" | "CompiledWasm"; path: string; contents: Uint8Array<ArrayBuffer> }[] {
  const names = readdirSync(directory).filter((name) => name.endsWith(".js") || name.endsWith(".wasm"));
  return names
    .toSorted((one, other) => rank(one) - rank(other))
    .map((name) => ({
      type: name.endsWith(".js") ? "ESModule" : "CompiledWasm",
      path: join(directory, name),
      contents: readFileSync(join(directory, name)),
    }));
}
