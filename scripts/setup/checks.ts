import * as v from "valibot";
import { chainSetting } from "../../core/chain-setting.ts";
import { chainByName, customChain, type ChainSpec } from "../../core/chain-spec.ts";
import { ConfigError } from "../../core/config-problem.ts";
import { beginningOf, HOMES, movedFrom } from "../../core/home.ts";
import { parseConfig } from "../../core/parse-config.ts";
import { isReachableHost } from "../../core/reachable-host.ts";
import { isRecord } from "../../core/stratum/json-rpc.ts";
import { fail, ok, skipped, warn, type Finding } from "../doctor/finding.ts";
import { ledgerChecks } from "../doctor/ledger-checks.ts";
import { nodeFindings } from "../doctor/node-checks.ts";
import type { DoctorOptions } from "../doctor/options.ts";

/** What is looked at before anything is written. */
export interface CheckedSetup {
  readonly vars: Readonly<Record<string, unknown>>;
  /** What the environment has already; empty where it is new. */
  readonly former: Readonly<Record<string, unknown>>;
  readonly secrets: Readonly<Record<string, string>>;
  readonly ledger: DoctorOptions["ledger"];
  /** What the pool sends to each upstream. */
  readonly headersOf: (upstream: string) => Readonly<Record<string, string>>;
  /** Null: nobody is logged in. */
  readonly accounts: readonly string[] | null;
  /** Nothing is deployed. */
  readonly dryRun: boolean;
  readonly timeoutMs: number;
  readonly nowMs: () => number;
}

/** Settings, account, home, nodes and ledger, in the doctor's words. */
export async function* setupChecks(setup: CheckedSetup): AsyncGenerator<Finding> {
  const { vars, secrets, accounts, ledger, timeoutMs, nowMs } = setup;
  yield* settingsFindings({ ...vars, ...secrets });
  yield accountFinding(accounts, setup.dryRun);
  yield homeFinding(vars["home"], setup.former);
  const chain = chainOf(vars["chain"]);
  for (const { name, url } of upstreamsOf(vars["upstream"])) {
    if (!isReachableHost(new URL(url)) && vars["devnet"] !== true)
      yield fail(
        "node address",
        `${name}: a Worker cannot reach ${new URL(url).host}`,
        "a public host name that leads to the node: a Cloudflare Tunnel with Access (docs/OPERATING.md, A private node)",
      );
    const findings = nodeFindings({ node: { url, name, headers: setup.headersOf(name) }, timeoutMs, nowMs }, chain);
    for await (const finding of findings) yield { ...finding, check: finding.check.replace(/^node/, `node ${name}`) };
  }
  if (ledger === null)
    yield ok("ledger", "embedded: a Durable Object; a Redis is cheaper from some 115 rigs on (/health says when)");
  else yield* ledgerChecks({ ledger, timeoutMs });
}

/** Who only looks needs no account. */
function accountFinding(accounts: readonly string[] | null, dryRun: boolean): Finding {
  if (accounts !== null)
    return ok(
      "account",
      `${accounts.join(", ")}. Workers Paid is needed: without it Cloudflare refuses the deployment (100328)`,
    );
  const logIn = "npx wrangler login (or CLOUDFLARE_API_TOKEN)";
  if (dryRun)
    return skipped("account", `Wrangler is not logged in, and a dry run needs no account; to deploy: ${logIn}`);
  return fail("account", "Wrangler is not logged in", logIn);
}

function* settingsFindings(env: Readonly<Record<string, unknown>>): Generator<Finding> {
  try {
    parseConfig(env);
    yield ok("settings", "the pool takes them");
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    for (const { variable, found, allowed } of error.problems)
      yield fail("settings", `${variable}: found ${found}`, `allowed: ${allowed}`);
  }
}

function homeFinding(home: unknown, former: Readonly<Record<string, unknown>>): Finding {
  const known = HOMES.find((one) => one === home) ?? null;
  const before = HOMES.find((one) => one === former["home"]) ?? null;
  const moved = Object.keys(former).length === 0 ? null : movedFrom(beginningOf(before), known);
  if (moved !== null) return fail("home", moved, "another --env, or the home that it had");
  if (known !== null) return ok("home", `${known}, for ever: objects never move`);
  return warn(
    "home",
    "none is set: who asks first decides where each part lives, for ever",
    "--home, near the nodes and the Redis",
  );
}

function chainOf(setting: unknown): ChainSpec | null {
  const parsed = v.safeParse(chainSetting, setting);
  if (!parsed.success) return null;
  return typeof parsed.output === "string" ? (chainByName(parsed.output) ?? null) : customChain(parsed.output);
}

function upstreamsOf(setting: unknown): { name: string; url: string }[] {
  if (!Array.isArray(setting)) return [];
  return setting.flatMap((node: unknown) =>
    isRecord(node) && typeof node["url"] === "string" && URL.canParse(node["url"])
      ? [{ name: String(node["name"]), url: node["url"] }]
      : [],
  );
}
