import { isRecord } from "../stratum/json-rpc.ts";

/** A binding to a Durable Object, as wrangler.toml has it. */
interface ObjectBinding {
  readonly name: string;
  readonly class_name: string;
}

/** An environment of wrangler.toml. Vars and bindings of the top are not inherited by it. */
export interface TomlEnvironment {
  readonly name: string;
  readonly bindings: readonly ObjectBinding[];
  /** Bindings of KV namespaces. The environment's are its own: its first deployment makes them. */
  readonly namespaces: readonly string[];
}

/** Every string of JSON is a basic string of TOML too, but for DEL. */
const text = (value: string): string => JSON.stringify(value).replaceAll("\u007F", String.raw`\u007F`);
const key = (name: string): string => (/^[\w-]+$/.test(name) ? name : text(name));

function inline(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(inline).join(", ")}]`;
  if (isRecord(value))
    return `{ ${Object.entries(value)
      .map(([name, inner]) => `${key(name)} = ${inline(inner)}`)
      .join(", ")} }`;
  return typeof value === "string" ? text(value) : String(value);
}

function tableLines(path: string, table: Readonly<Record<string, unknown>>): string[] {
  const entries = Object.entries(table);
  const flat = entries.filter(([, value]) => !isRecord(value));
  const nested = entries.flatMap(([name, value]) => (isRecord(value) ? tableLines(`${path}.${key(name)}`, value) : []));
  const own =
    flat.length > 0 ? [`[${path}]`, ...flat.map(([name, value]) => `${key(name)} = ${inline(value)}`), ""] : [];
  return [...own, ...nested];
}

/**
 * Settings as a part of wrangler.toml: `[vars]`, or `[env.NAME.vars]` with the bindings that an environment needs again.
 * @param settings JSON values by name, nothing undefined @param environment null: the top of the file
 */
export function varsToml(settings: Readonly<Record<string, unknown>>, environment: TomlEnvironment | null): string {
  const top = environment === null ? "" : `env.${key(environment.name)}.`;
  const { bindings = [], namespaces = [] } = environment ?? {};
  const objects = bindings.flatMap((binding) => [
    `[[${top}durable_objects.bindings]]`,
    `name = ${text(binding.name)}`,
    `class_name = ${text(binding.class_name)}`,
    "",
  ]);
  const kept = namespaces.flatMap((binding) => [`[[${top}kv_namespaces]]`, `binding = ${text(binding)}`, ""]);
  return `${[...tableLines(`${top}vars`, settings), ...kept, ...objects].join("\n").trimEnd()}\n`;
}
