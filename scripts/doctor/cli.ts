/** `npm run -s doctor -- <pool-url> [--node URL] [--json]`: is a pool well, seen by its miners, its node and its operator. */
import { Command, InvalidArgumentError } from "commander";
import { waitingTime } from "../../devnet/cli/arguments.ts";
import { tokenFor } from "../../devnet/start/running-tokens.ts";
import { examine } from "./doctor.ts";
import type { Finding, Outcome } from "./finding.ts";
import { DOCTOR_LOGIN, type DoctorOptions } from "./options.ts";
import { failures, lineOf } from "./report.ts";
import { headersFor, ledgerFrom } from "./surroundings.ts";

const HELP = `
Secrets are read from the environment, under the names that the pool has them by, and none is needed: ADMIN_TOKEN, METRICS_TOKEN, NOTIFY_TOKEN,
REDIS_TOKEN, REDIS_READ_TOKEN, BRIDGE_TOKEN, UPSTASH_REDIS_REST_URL with UPSTASH_REDIS_REST_TOKEN, UPSTREAM_SECRETS for --node,
and UPSTASH_EMAIL with UPSTASH_API_KEY for plan, region and eviction of a database there.

It hands in no valid share. What it leaves behind: two leases of extranonces, which run out.
Exit code 0: well, or warnings only. 1: something fails. 2: it could not be looked at.

Examples
  npm run -s doctor -- https://pool.example
  NOTIFY_TOKEN=… ADMIN_TOKEN=… npm run -s doctor -- https://pool.example --node https://geth.mypool.com --json`;

interface Flags {
  readonly node?: string;
  readonly upstream: string;
  readonly login: string;
  readonly json?: boolean;
  readonly timeout: number;
  readonly cronWait: number;
}

const secret = (name: string): string | null => process.env[name] || null;

function address(text: string): string {
  if (!/^https?:\/\//.test(text) || !URL.canParse(text))
    throw new InvalidArgumentError("an address that begins with https://");
  return text;
}

function loginOf(text: string): string {
  if (!/^0x[0-9a-fA-F]{40}$/.test(text)) throw new InvalidArgumentError("a 20-byte hex address with 0x");
  return text.toLowerCase();
}

function optionsOf(pool: string, flags: Flags): DoctorOptions {
  const { origin } = new URL(address(pool));
  return {
    pool: origin,
    secrets: {
      adminToken: tokenFor(origin, "ADMIN_TOKEN") ?? null,
      metricsToken: secret("METRICS_TOKEN"),
      notifyToken: secret("NOTIFY_TOKEN"),
      redisToken: secret("REDIS_TOKEN"),
      redisReadToken: secret("REDIS_READ_TOKEN"),
      bridgeToken: secret("BRIDGE_TOKEN"),
    },
    ledger: ledgerFrom(process.env),
    node:
      flags.node === undefined
        ? null
        : {
            url: flags.node,
            name: flags.upstream === "" ? null : flags.upstream,
            headers: headersFor(flags.upstream || "main", process.env),
          },
    login: flags.login,
    timeoutMs: flags.timeout,
    cronPatienceMs: flags.cronWait,
    nowMs: Date.now,
  };
}

async function run(pool: string, flags: Flags): Promise<void> {
  const options = optionsOf(pool, flags);
  if (flags.json !== true) process.stdout.write(`Miners' checks use ${options.login}, which is credited nothing.\n`);
  const findings: Finding[] = [];
  const failed = await failures(examine(options), (finding) => {
    findings.push(finding);
    if (flags.json !== true) process.stdout.write(lineOf(finding));
  });
  const count = (wanted: Outcome): number => findings.filter(({ outcome }) => outcome === wanted).length;
  const healthy = failed === 0;
  if (flags.json === true) process.stdout.write(`${JSON.stringify({ healthy, login: options.login, findings })}\n`);
  else
    process.stdout.write(
      `${count("ok")} fine, ${count("warn")} to look at, ${failed} wrong, ${count("skipped")} not looked at\n`,
    );
  process.exitCode = healthy ? 0 : 1;
}

const program = new Command("doctor")
  .description("Examines a pool as its miners, its node and its operator see it; one line a check, with the fix")
  .argument("<pool>", "the pool's URL, such as https://pool.example")
  .option("--node <url>", "a node by the name that the pool reaches it at: it is asked itself", address)
  .option("--upstream <name>", "what `upstream` calls that node, for UPSTREAM_SECRETS and /notify", "")
  .option("--login <address>", "mine as this address", loginOf, DOCTOR_LOGIN)
  .option("--timeout <duration>", "for each answer", waitingTime(1), 15_000)
  .option(
    "--cron-wait <duration>",
    "how long to wait for the cron trigger, which comes every minute",
    waitingTime(0),
    75_000,
  )
  .option("--json", "one JSON object instead of lines")
  .addHelpText("after", HELP)
  .action(run);

try {
  await program.parseAsync();
} catch (error) {
  process.stderr.write(`doctor: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
}
