/** `npm run setup -- [--env NAME] [--dry-run] …`: from a checkout to a pool that runs. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Command, InvalidArgumentError } from "commander";
import { examine } from "../doctor/doctor.ts";
import { failures, lineOf } from "../doctor/report.ts";
import { headersFor, ledgerFrom } from "../doctor/surroundings.ts";
import { DOCTOR_LOGIN } from "../doctor/options.ts";
import { settingsOf, type Answers } from "./answers.ts";
import { varsOf } from "./environment-toml.ts";
import { askForRest, goOn } from "./questions.ts";
import { setUp, type SetupEnd } from "./setup.ts";
import { runWrangler } from "./wrangler.ts";

const ROOT = join(import.meta.dirname, "..", "..");
/** Of the pool's scripts, who is called before who calls. */
const CONFIGS = ["wrangler.toml"];
const TIMEOUT_MS = 15_000;

const HELP = `
It asks for what no flag says where it runs in a terminal. Secrets come from the environment (UPSTASH_REDIS_REST_URL, UPSTASH_REDIS_REST_TOKEN,
UPSTREAM_SECRETS, …); NOTIFY_TOKEN, ADMIN_TOKEN and METRICS_TOKEN are made where the Worker has none, and kept in .edgepool/secrets/.
Everything is looked at and shown before anything is written; run again, it changes only what you say.
Exit code 0: done. 1: a check fails, or Wrangler does. 2: the command was wrong.

Examples
  npm run setup -- --env staging --chain classic --upstream main=https://geth.mypool.com --home weur --dry-run
  npm run setup -- --env production --vars vars.toml --domain pool.mypool.com --account 0x…`;

interface Flags {
  readonly env: string;
  readonly chain?: string;
  readonly upstream: ReadonlyMap<string, string>;
  readonly difficulty?: number;
  readonly home?: string;
  readonly domain?: string;
  readonly account: readonly string[];
  readonly fee?: string;
  readonly vars?: string;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
  readonly devnet?: boolean;
}

function environmentName(text: string): string {
  if (!/^[a-z0-9][a-z0-9-]{0,31}$/.test(text)) throw new InvalidArgumentError("a name of small letters, digits and -");
  return text;
}

function upstream(text: string, former: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  const at = text.indexOf("=");
  if (at < 1 || !URL.canParse(text.slice(at + 1)))
    throw new InvalidArgumentError("NAME=URL is needed, such as main=https://geth.mypool.com");
  return new Map([...former, [text.slice(0, at), text.slice(at + 1)]]);
}

function hashes(text: string): number {
  if (!/^[1-9]\d{0,15}$/.test(text)) throw new InvalidArgumentError("a number of hashes");
  return Number(text);
}

function hostName(text: string): string {
  if (!/^[a-z0-9-]+(\.[a-z0-9-]+)+$/.test(text)) throw new InvalidArgumentError("a host name, such as pool.mypool.com");
  return text;
}

const say = (text: string): void => void process.stdout.write(text);

async function answersOf(flags: Flags): Promise<Answers> {
  const { env, chain, difficulty, home, domain, account, fee, devnet } = flags;
  if (devnet === true && flags.dryRun !== true)
    throw new Error("--devnet is for a dry run: a pool on Cloudflare reaches no node on this machine");
  const file = flags.vars === undefined ? {} : settingsOf(await readFile(flags.vars, "utf8"));
  const said: Answers = {
    env,
    chain,
    difficulty,
    home,
    domain,
    devnet,
    accounts: account,
    poolFee: fee,
    upstreams: flags.upstream,
    file,
  };
  if (!process.stdin.isTTY || flags.yes === true) return said;
  const [path = ""] = CONFIGS;
  const toml = await readFile(join(ROOT, path), "utf8");
  return await askForRest(said, varsOf({ path, toml }, env));
}

async function run(flags: Flags): Promise<void> {
  const answers = await answersOf(flags);
  const end = await setUp(
    {
      configs: CONFIGS.map((name) => join(ROOT, name)),
      secretsFolder: join(ROOT, ".edgepool", "secrets"),
      wrangler: runWrangler(say),
      environment: process.env,
      say,
      sayFinding: (finding) => say(lineOf(finding)),
      confirm: async () => flags.yes === true || (process.stdin.isTTY && (await goOn(flags.env))),
      ledger: ledgerFrom(process.env),
      headersOf: (name) => headersFor(name, process.env),
      timeoutMs: TIMEOUT_MS,
      nowMs: Date.now,
    },
    answers,
    flags.dryRun === true,
  );
  await finish(end, flags);
}

async function finish(end: SetupEnd, { env }: Flags): Promise<void> {
  if (end.kind === "declined") say("\nNothing was written. --yes says yes where nobody can be asked\n");
  if (end.kind !== "deployed") {
    process.exitCode = end.kind === "dry" ? 0 : 1;
    return;
  }
  if (end.address === null)
    return say(`\nDeployed. npm run -s doctor -- https://<its address> says whether it is well\n`);
  const { ADMIN_TOKEN = null, METRICS_TOKEN = null, NOTIFY_TOKEN = null } = end.secrets;
  say(`\n${end.address} (${env}). The doctor looks at it\n\n`);
  const nothing = { redisToken: null, redisReadToken: null, bridgeToken: null };
  const findings = examine({
    pool: end.address,
    secrets: { ...nothing, adminToken: ADMIN_TOKEN, metricsToken: METRICS_TOKEN, notifyToken: NOTIFY_TOKEN },
    ledger: ledgerFrom(process.env),
    node: null,
    login: DOCTOR_LOGIN,
    timeoutMs: TIMEOUT_MS,
    cronPatienceMs: 75_000,
    nowMs: Date.now,
  });
  process.exitCode = (await failures(findings, (finding) => say(lineOf(finding)))) === 0 ? 0 : 1;
  if (NOTIFY_TOKEN !== null)
    say(`\ngeth … --miner.notify ${end.address}/notify/<NOTIFY_TOKEN of .edgepool/secrets/${env}.json>\n`);
}

const program = new Command("setup")
  .description(
    "Checks nodes, ledger and account, writes a Wrangler environment, deploys it, and looks whether it is well",
  )
  .option("--env <name>", "the environment: staging, production, …", environmentName, "production")
  .option("--chain <name>", "ethereum, classic or mordor")
  .option("--upstream <name=url>", "a node, as a Worker reaches it (again for each)", upstream, new Map())
  .option("--difficulty <hashes>", "the pool's share difficulty", hashes)
  .option("--home <place>", "where the pool lives, for ever: weur, enam, …, or a jurisdiction: eu, us")
  .option("--domain <name>", "a host name of a zone of the account's; workers.dev without it", hostName)
  .option(
    "--account <address>",
    "what the nodes mine for: switches the unlocker on (again for each)",
    (text: string, former: readonly string[]) => [...former, text],
    [],
  )
  .option("--fee <percent>", "what the pool keeps of a block")
  .option("--vars <file.toml>", "settings of a file, such as import-config writes")
  .option("--dry-run", "check, show and bundle; write and deploy nothing")
  .option("--devnet", "with --dry-run: nodes on this machine will do")
  .option("--yes", "ask nothing")
  .addHelpText("after", HELP)
  .action(run);

try {
  await program.parseAsync();
} catch (error) {
  process.stderr.write(`setup: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
}
