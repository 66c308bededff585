import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import * as v from "valibot";
import type { Finding } from "../doctor/finding.ts";
import type { DoctorOptions } from "../doctor/options.ts";
import { varsFrom, type Answers } from "./answers.ts";
import { setupChecks } from "./checks.ts";
import { varsOf, withEnvironment, type PlannedConfig, type ScriptConfig } from "./environment-toml.ts";
import { planSecrets, type SecretPlan } from "./secrets.ts";
import { accountsOf, addressIn, secretsOf, type Wrangler } from "./wrangler.ts";

/** What setup works with, so that tests can give it folders and a Wrangler of their own. */
export interface SetupWorld {
  /** Files of the pool's scripts, in the order in which they are deployed: who is called comes before who calls. */
  readonly configs: readonly string[];
  /** Where secrets that were made are kept on this machine. */
  readonly secretsFolder: string;
  readonly wrangler: Wrangler;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly say: (text: string) => void;
  readonly sayFinding: (finding: Finding) => void;
  /** Whether to go on with what was shown. */
  readonly confirm: () => Promise<boolean>;
  readonly ledger: DoctorOptions["ledger"];
  readonly headersOf: (upstream: string) => Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly nowMs: () => number;
}

/** How it ended. `address` is null where Wrangler did not print one and no domain was given. */
export type SetupEnd =
  | { readonly kind: "refused" | "declined" | "failed" }
  | { readonly kind: "dry" }
  | { readonly kind: "deployed"; readonly address: string | null; readonly secrets: Readonly<Record<string, string>> };

/**
 * Checks, shows, writes `[env.NAME]` and deploys. Nothing is written before everything was shown; a dry run writes nothing and bundles
 * what would be deployed. Run again with the same answers it changes nothing and deploys the same.
 */
export async function setUp(world: SetupWorld, answers: Answers, dryRun: boolean): Promise<SetupEnd> {
  const configs = await Promise.all(
    world.configs.map(async (path): Promise<ScriptConfig> => ({ path, toml: await readFile(path, "utf8") })),
  );
  const former =
    configs.map((config) => varsOf(config, answers.env)).find((vars) => Object.keys(vars).length > 0) ?? {};
  const vars = varsFrom(answers, former);
  const planned = withEnvironment(configs, { name: answers.env, vars, domain: answers.domain ?? null });
  const accounts = await accountsOf(world.wrangler);
  const secrets = await secretPlan(world, planned, answers.env, accounts !== null);
  const effective = planned.map((config) => varsOf(config, answers.env))[0] ?? {};
  let wrong = 0;
  const checked = { ...world, vars: effective, former, secrets: secrets.values, accounts, dryRun };
  for await (const finding of setupChecks(checked)) {
    world.sayFinding(finding);
    if (finding.outcome === "fail") wrong += 1;
  }
  show(world, planned, secrets, answers.env);
  if (wrong > 0) {
    world.say(`\n${wrong} of the checks above fail: nothing was written or deployed\n`);
    return { kind: "refused" };
  }
  if (dryRun) return await rehearse(world, planned, answers.env);
  if (!(await world.confirm())) return { kind: "declined" };
  return await deploy(world, planned, secrets, answers);
}

async function secretPlan(
  world: SetupWorld,
  planned: readonly PlannedConfig[],
  env: string,
  isLoggedIn: boolean,
): Promise<SecretPlan> {
  const lists = isLoggedIn ? await Promise.all(planned.map(({ path }) => secretsOf(world.wrangler, path, env))) : [];
  // One that only some of the scripts have is given to all of them.
  const [first = null, ...others] = lists;
  const everywhere = first?.filter((name) => others.every((list) => list?.includes(name) === true)) ?? null;
  return planSecrets(world.environment, everywhere, await readKept(world, env));
}

const keptFile = ({ secretsFolder }: SetupWorld, env: string): string => join(secretsFolder, `${env}.json`);

async function readKept(world: SetupWorld, env: string): Promise<Record<string, string>> {
  const text = await readFile(keptFile(world, env), "utf8").catch(() => "{}");
  return v.parse(v.pipe(v.string(), v.parseJson(), v.record(v.string(), v.string())), text);
}

function show({ say }: SetupWorld, planned: readonly PlannedConfig[], { lines }: SecretPlan, env: string): void {
  for (const { path, block, changed } of planned)
    say(changed ? `\n${basename(path)} gets\n\n${block}` : `\n${basename(path)} has [env.${env}] as it should be\n`);
  say(`\nSecrets\n${lines.map((line) => `  ${line}\n`).join("")}`);
  // What this does then, as one would do it by hand.
  say(`\nThen\n${planned.map(({ path }) => `  npm run deploy -- --config ${basename(path)} --env ${env}\n`).join("")}`);
}

/** Bundles each script as it would be deployed, from a file beside its own that is gone afterwards. */
async function rehearse(
  { wrangler, say }: SetupWorld,
  planned: readonly PlannedConfig[],
  env: string,
): Promise<SetupEnd> {
  for (const { path, toml } of planned) {
    const beside = join(dirname(path), `.setup-dry-run.${basename(path)}`);
    try {
      await writeFile(beside, toml);
      const { code } = await wrangler(["deploy", "--dry-run", "--config", beside, "--env", env]);
      if (code !== 0) return { kind: "failed" };
    } finally {
      await rm(beside, { force: true });
    }
  }
  say("\nA dry run: nothing was written, nothing was deployed. Without --dry-run this is done\n");
  return { kind: "dry" };
}

async function deploy(
  world: SetupWorld,
  planned: readonly PlannedConfig[],
  { values }: SecretPlan,
  { env, domain }: Answers,
): Promise<SetupEnd> {
  await mkdir(world.secretsFolder, { recursive: true, mode: 0o700 });
  const file = keptFile(world, env);
  // Before the deployment: what a Worker has and nobody knows would have to be made anew.
  await writeFile(file, JSON.stringify({ ...(await readKept(world, env)), ...values }, null, 2), { mode: 0o600 });
  let address = domain === undefined ? null : `https://${domain}`;
  for (const { path, toml, changed } of planned) {
    if (changed) await writeFile(path, toml);
    const secrets = Object.keys(values).length === 0 ? [] : ["--secrets-file", file];
    const ran = await world.wrangler(["deploy", "--config", path, "--env", env, ...secrets]);
    if (ran.code !== 0) {
      world.say(
        `\nWrangler could not deploy ${basename(path)}; what it said stands above. Run setup again when it is mended\n`,
      );
      return { kind: "failed" };
    }
    address ??= addressIn(ran);
  }
  world.say(`\nThe secrets of this environment are in ${file}, readable by you only\n`);
  return { kind: "deployed", address, secrets: { ...(await readKept(world, env)), ...values } };
}
