/** `npm run -s import-config -- config.json [--env NAME]`: settings of this pool, made of those of a Go pool. */
import { Command, InvalidArgumentError } from "commander";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as v from "valibot";
import { importConfig, type ImportResult } from "../../core/config-import/import-config.ts";
import { varsToml, type TomlEnvironment } from "../../core/config-import/vars-toml.ts";

const EXAMPLE = `
The settings go to standard output (or --out), what became of each member to standard error. Nothing that is printed would be refused
by the pool later. Exit code 1: the file cannot be used as it is, and each member that is in the way is named.

Examples
  npm run -s import-config -- config.json --upstream main=https://geth.mypool.com > vars.toml
  npm run -s import-config -- config.json --env staging --chain classic --account 0x… --out staging.toml`;

const bindingsSchema = v.object({
  durable_objects: v.object({ bindings: v.array(v.object({ name: v.string(), class_name: v.string() })) }),
  kv_namespaces: v.array(v.object({ binding: v.string() })),
});

interface Options {
  readonly env?: string;
  readonly out?: string;
  readonly chain?: string;
  readonly upstream: ReadonlyMap<string, string>;
  readonly account: readonly string[];
}

function environmentName(value: string): string {
  if (!/^[a-z0-9][a-z0-9-]{0,31}$/.test(value)) throw new InvalidArgumentError("a name of small letters, digits and -");
  return value;
}

function upstreamAddress(value: string, former: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  const at = value.indexOf("=");
  if (at < 1) throw new InvalidArgumentError("NAME=URL is needed, such as main=https://geth.mypool.com");
  return new Map([...former, [value.slice(0, at), value.slice(at + 1)]]);
}

const addAccount = (value: string, former: readonly string[]): readonly string[] => [...former, value];

/** An environment does not inherit bindings: without them the Worker would have no objects, and cron no mark to wait for. */
async function environmentOf(name: string): Promise<TomlEnvironment> {
  const { unstable_readConfig: readConfig } = await import("wrangler");
  const config = readConfig({ config: join(import.meta.dirname, "..", "..", "wrangler.toml") });
  const { durable_objects: objects, kv_namespaces: namespaces } = v.parse(bindingsSchema, config);
  return { name, bindings: objects.bindings, namespaces: namespaces.map(({ binding }) => binding) };
}

/** Two columns. */
function columns(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([first]) => first.length));
  return rows.map(([first, second]) => `  ${first.padEnd(width)}  ${second}`);
}

function report(
  { members, unknown, secrets, before }: Extract<ImportResult, { kind: "imported" }>,
  env: string,
): string {
  const taken = members.flatMap(({ member, setting, note }): [string, string][] =>
    setting === null ? [] : [[member, `${setting}${note === "" ? "" : `: ${note}`}`]],
  );
  const left = members.flatMap(({ member, setting, note }): [string, string][] =>
    setting === null ? [[member, note]] : [],
  );
  const puts = secrets.map(({ secret, why }): [string, string] => [`npm run secret -- ${secret}${env}`, why]);
  const parts: readonly [string, readonly string[]][] = [
    ["Taken over", columns(taken)],
    ["Not applicable", columns(left)],
    ["Unknown: none of the four pools reads these, nothing was made of them", unknown.map((member) => `  ${member}`)],
    ["Secrets", columns(puts)],
    ["Before the first start", before.map((step) => `  ${step}`)],
  ];
  return parts
    .filter(([, lines]) => lines.length > 0)
    .map(([title, lines]) => `${title}\n${lines.join("\n")}\n`)
    .join("\n");
}

async function run(path: string, { env, out, chain, upstream, account }: Options): Promise<void> {
  const json = await readFile(path, "utf8");
  const result = importConfig(json, { chain: chain ?? null, upstreams: upstream, accounts: account });
  if (result.kind === "refused") {
    const lines = result.problems.map(
      ({ member, found, allowed }) => `  ${member}: found ${found}, allowed: ${allowed}\n`,
    );
    process.stderr.write(`import-config: ${path} cannot be used as it is\n${lines.join("")}`);
    process.exitCode = 1;
    return;
  }
  const toml = varsToml(result.settings, env === undefined ? null : await environmentOf(env));
  // A file that is there may be the operator's only copy.
  if (out === undefined) process.stdout.write(toml);
  else await writeFile(out, toml, { flag: "wx" });
  process.stderr.write(report(result, env === undefined ? "" : ` --env ${env}`));
}

const program = new Command("import-config")
  .description(
    "Settings of this pool from the config.json of open-ethereum-pool, core-pool, open-etc-pool or open-etc-pool-friends",
  )
  .argument("<config.json>", "the file")
  .option("--env <name>", "a Wrangler environment instead of the top of wrangler.toml", environmentName)
  .option("--out <file.toml>", "a new file for the settings")
  .option("--chain <name>", "in the place of network")
  .option(
    "--upstream <name=url>",
    "public address of a node (again for each)",
    upstreamAddress,
    new Map<string, string>(),
  )
  .option("--account <address>", "what the nodes mine for, for unlocker.accounts (again for each)", addAccount, [])
  .addHelpText("after", EXAMPLE)
  .action(run);

try {
  await program.parseAsync();
} catch (error) {
  process.stderr.write(`import-config: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
}
