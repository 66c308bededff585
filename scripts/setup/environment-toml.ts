import { parse, stringify, type TomlTable } from "smol-toml";
import { isRecord } from "../../core/stratum/json-rpc.ts";

/** A script's configuration file of Wrangler's. */
export interface ScriptConfig {
  readonly path: string;
  readonly toml: string;
}

/** A file as it should be. */
export interface PlannedConfig extends ScriptConfig {
  /** The tables of the environment alone, to be shown. */
  readonly block: string;
  readonly changed: boolean;
}

/** What the environment is to be. */
export interface EnvironmentWish {
  readonly name: string;
  /** Settings, over what the environment and then the top of the file have. */
  readonly vars: Readonly<Record<string, unknown>>;
  /** A host name of a zone of the account's; null: workers.dev. */
  readonly domain: string | null;
}

/** What an environment does not get from the top of the file (Wrangler's documentation, "Non-inheritable keys"). */
const NOT_INHERITED = [
  "durable_objects",
  "kv_namespaces",
  "r2_buckets",
  "d1_databases",
  "queues",
  "services",
  "vpc_services",
  "analytics_engine_datasets",
] as const;

/** Names a node on the machine of whoever develops: never an environment's. */
const NOT_FOR_ENVIRONMENTS = new Set(["upstream", "devnet"]);

const marker = (name: string): string =>
  `# [env.${name}] is written by \`npm run setup -- --env ${name}\`, from here to its end: run it again to change it. Comments inside are lost.`;

/**
 * The same files with `[env.NAME]` in each: settings, and every binding of the top, which no environment inherits. What else the
 * environment has, such as the id of its KV namespace or routes, stays. Doing it again changes nothing.
 */
export function withEnvironment(configs: readonly ScriptConfig[], wish: EnvironmentWish): PlannedConfig[] {
  const parsed = configs.map(({ toml }) => parse(toml));
  const scripts = new Set(parsed.flatMap(({ name }) => (typeof name === "string" ? [name] : [])));
  return configs.map((config, at) => {
    const block = blockOf(parsed[at] ?? {}, wish, scripts);
    const rest = withoutEnvironment(config.toml, wish.name).trimEnd();
    const toml = `${rest}\n\n${marker(wish.name)}\n${block}`;
    return { path: config.path, toml, block, changed: toml !== config.toml };
  });
}

const tableOf = (value: unknown): Record<string, unknown> => (isRecord(value) ? value : {});

function blockOf(top: TomlTable, { name, vars, domain }: EnvironmentWish, scripts: ReadonlySet<string>): string {
  const former = tableOf(tableOf(top["env"])[name]);
  const environment: Record<string, unknown> = { ...former };
  const defaults = Object.entries(tableOf(top["vars"])).filter(([setting]) => !NOT_FOR_ENVIRONMENTS.has(setting));
  // Each script has the settings: they are read where the classes are.
  environment["vars"] = { ...Object.fromEntries(defaults), ...tableOf(former["vars"]), ...vars };
  for (const key of NOT_INHERITED) {
    const bindings = top[key];
    if (bindings !== undefined) environment[key] = renamed(bindings, former[key], scripts, name);
  }
  // The one that serves the page is the one that a name leads to.
  if (domain !== null && top["assets"] !== undefined)
    environment["routes"] = [{ pattern: domain, custom_domain: true }];
  return stringify({ env: { [name]: environment } });
}

/** Bindings for an environment: another script of the pool's is that script's of this environment; ids are the environment's own. */
function renamed(top: unknown, former: unknown, scripts: ReadonlySet<string>, name: string): unknown {
  if (Array.isArray(top)) {
    const before: unknown[] = Array.isArray(former) ? former : [];
    return top.map((binding: unknown) =>
      renamed(
        binding,
        before.find((one) => sameBinding(one, binding)),
        scripts,
        name,
      ),
    );
  }
  if (!isRecord(top)) return top;
  const own = Object.entries(top).filter(([key]) => key !== "id" && key !== "preview_id");
  const entries = own.map(([key, value]): [string, unknown] => {
    const isScript = (key === "script_name" || key === "service") && typeof value === "string" && scripts.has(value);
    return [key, isScript ? `${value}-${name}` : renamed(value, tableOf(former)[key], scripts, name)];
  });
  const kept = Object.entries(tableOf(former)).filter(([key]) => key === "id" || key === "preview_id");
  return Object.fromEntries([...entries, ...kept]);
}

const nameOf = (binding: unknown): unknown => tableOf(binding)["binding"] ?? tableOf(binding)["name"];
const sameBinding = (one: unknown, other: unknown): boolean => nameOf(one) === nameOf(other);

/** Leaves out the tables of an environment, and the line that announces them. */
function withoutEnvironment(toml: string, name: string): string {
  const announced = marker(name);
  const header = new RegExp(String.raw`^\[{1,2}\s*env\.(?:"${name}"|${name})(?:\]|\.|\s)`);
  let inside = false;
  return toml
    .split("\n")
    .filter((line) => {
      if (line === announced) return false;
      if (line.startsWith("[")) inside = header.test(line);
      // What stands before the next table's header is that table's.
      return !inside;
    })
    .join("\n");
}

/** Settings that an environment has already; empty where it is new. */
export function varsOf({ toml }: ScriptConfig, name: string): Record<string, unknown> {
  return tableOf(tableOf(tableOf(parse(toml)["env"])[name])["vars"]);
}
