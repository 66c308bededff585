import * as v from "valibot";
import { explorerOf } from "./api/explorer.ts";
import { leastEvidenceLimits } from "./ledger/write-path/evidence.ts";
import { ConfigError, type ConfigProblem } from "./config-problem.ts";
import { cacheShortage } from "./cache-memory.ts";
import { chainByName, customChain, epochOf, type ChainSpec } from "./chain-spec.ts";
import { isSecretSetting, isStructuredSetting, settingNames, settingsSchema, type Settings } from "./config-schema.ts";
import type { PoolConfig } from "./pool-config.ts";
import { isReachableHost } from "./reachable-host.ts";
import { durationText } from "./units.ts";
import { payerOf } from "./payouts/payer/payer-config.ts";
import { notificationsOf } from "./notifications/notifications-config.ts";
import { unlockerOf } from "./payouts/unlocker-config.ts";
import { basicAuth, type UpstreamConfig } from "./work/upstream.ts";

const show = (name: string, value: unknown): string => {
  if (value === undefined) return "nothing";
  if (isSecretSetting(name)) return "a secret that is not shown";
  // The address of a target may be all that it takes to write to it.
  if (/^notifications(?:\.targets)?(?:\.\d+)?(?:\.to)?$/.test(name)) return "what is not shown";
  const raw = typeof value === "bigint" ? value.toString() : JSON.stringify(value);
  // Credentials in a URL are as secret as those of UPSTREAM_SECRETS.
  const text = raw.replaceAll(/\/\/[^/@\s"]*@/g, "//[redacted]@");
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
};

/** Takes the settings out of the Worker's environment; bindings and foreign variables stay behind. */
function collect(env: Readonly<Record<string, unknown>>, problems: ConfigProblem[]): Record<string, unknown> {
  const found: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(env)) {
    if (!settingNames.has(name)) {
      // Settings begin in lower case and bindings do not, so this is a misspelt setting that would be ignored silently.
      if (/^[a-z]/.test(name) && typeof value !== "function")
        problems.push({ variable: name, found: show(name, value), allowed: `one of ${[...settingNames].join(", ")}` });
      continue;
    }
    // `.dev.vars` cannot unset a variable: an empty text is "not set". An empty secret is none, and who put it there believes that it is.
    if (value === "" && !isSecretSetting(name)) continue;
    found[name] = value;
    if (typeof value === "string" && isStructuredSetting(name) && /^\s*[[{]/.test(value)) {
      try {
        found[name] = JSON.parse(value);
      } catch {
        problems.push({ variable: name, found: show(name, value), allowed: "JSON" });
        delete found[name];
      }
    }
  }
  return found;
}

function upstreamsOf(
  settings: Settings,
  problems: ConfigProblem[],
): Pick<PoolConfig["work"], "upstreams" | "soloUpstreams"> {
  const names = new Set(settings.upstream.map((node) => node.name));
  for (const name of Object.keys(settings.UPSTREAM_SECRETS)) {
    if (!names.has(name))
      problems.push({
        variable: `UPSTREAM_SECRETS.${name}`,
        found: "credentials for an unknown upstream",
        allowed: `one of ${[...names].join(", ")}`,
      });
  }
  const common = settings.upstream.filter(({ scheme }) => scheme === undefined);
  const solo = settings.upstream.filter(({ scheme }) => scheme === "solo");
  const allowed =
    common.length === 0
      ? "a node of common work as well"
      : settings.payouts.scheme === "solo" && solo.length > 0
        ? "no node of its own for solo work where payouts.scheme is solo: all work is"
        : null;
  if (allowed !== null) problems.push({ variable: "upstream", found: 'scheme = "solo"', allowed });
  const parse = (node: Settings["upstream"][number]) => upstreamOf(node, settings);
  return { upstreams: common.map(parse), soloUpstreams: solo.map(parse) };
}

function upstreamOf({ name, url, timeout }: Settings["upstream"][number], settings: Settings): UpstreamConfig {
  const target = new URL(url);
  const credentials = settings.UPSTREAM_SECRETS[name];
  const username = credentials?.username ?? decodeURIComponent(target.username);
  const password = credentials?.password ?? decodeURIComponent(target.password);
  const headers = basicAuth(username, password);
  if (credentials?.cfAccessClientId) headers["cf-access-client-id"] = credentials.cfAccessClientId;
  if (credentials?.cfAccessClientSecret) headers["cf-access-client-secret"] = credentials.cfAccessClientSecret;
  target.username = "";
  target.password = "";
  return { name, url: target.href, timeoutMs: timeout, secretHeaders: headers };
}

/** Heights that these chains had in November 2026: no pool mines below them, so what does not fit there is refused before any miner comes. */
const HEIGHTS_OF_2026: Readonly<Record<string, number>> = { classic: 23_500_000, "ethereum-pow": 25_500_000 };

function chainOf({ chain: setting, devnet }: Settings, problems: ConfigProblem[]): ChainSpec {
  if (typeof setting !== "string") return customChain(setting);
  const chain = chainByName(setting);
  if (!chain) throw new Error(`chain ${setting} is allowed by the schema but not known to ethash-wasm`);
  const height = HEIGHTS_OF_2026[setting];
  const shortage = height === undefined || devnet ? null : cacheShortage(epochOf(chain, height));
  if (shortage !== null)
    problems.push({
      variable: "chain",
      found: JSON.stringify(setting),
      allowed: `a chain whose shares can be verified here: ${shortage}`,
    });
  return chain;
}

/** What Workers cannot fetch in production fails there only, with an error that says nothing: refused where it is set. */
function findUnreachable(settings: Settings, problems: ConfigProblem[]): void {
  if (settings.devnet) return;
  const addresses = settings.upstream.map(({ url }, at): [string, string] => [`upstream.${at}.url`, url]);
  if (settings.UPSTASH_REDIS_REST_URL !== null)
    addresses.push(["UPSTASH_REDIS_REST_URL", settings.UPSTASH_REDIS_REST_URL]);
  if (settings.PAYOUT_SIGNER_URL !== null) addresses.push(["PAYOUT_SIGNER_URL", settings.PAYOUT_SIGNER_URL]);
  for (const [variable, address] of addresses) {
    const url = new URL(address);
    if (isReachableHost(url)) continue;
    problems.push({
      variable,
      found: `the host ${url.hostname}`,
      allowed:
        "a host name in public DNS: Workers fetch neither IP addresses (Cloudflare's error 1003) nor this machine or a LAN. " +
        "Give a node at home a name by a Cloudflare Tunnel (docs/OPERATING.md); " +
        "only a pool that itself runs on this machine, as npm start and wrangler dev do, may set devnet = true",
    });
  }
}

/** A share that is on its way must not outlive what tells whether it was written. */
function findShortEvidence(
  { hashrateExpiration, ledgerTimeout, verifier, api }: Settings,
  problems: ConfigProblem[],
): void {
  const least = leastEvidenceLimits({ queueTimeoutMs: verifier.queueTimeout, ledgerTimeoutMs: ledgerTimeout });
  const why =
    "a share that is sent again is told from a new one by its hashrate entry, which must outlive " +
    `verifier.queueTimeout ("${durationText(verifier.queueTimeout)}"), ledgerTimeout ("${durationText(ledgerTimeout)}") twice, a restart and ` +
    "an outage of ten minutes; gone sooner, shares that miners were told true for would be left to the operator";
  for (const [variable, found, leastMs] of [
    ["hashrateExpiration", hashrateExpiration, least.hashrateExpirationMs],
    ["api.hashrateLargeWindow", api.hashrateLargeWindow, least.hashrateLargeWindowMs],
  ] as const)
    if (found < leastMs)
      problems.push({
        variable,
        found: `"${durationText(found)}"`,
        allowed: `at least "${durationText(leastMs)}": ${why}`,
      });
}

/** Settings that are allowed each by itself and make no sense together. */
function findContradictions(settings: Settings, problems: ConfigProblem[]): void {
  const { blockRefreshInterval, workMaxAge, hashrateExpiration, api } = settings;
  const wrong = (variable: string, ms: number, allowed: string): void => {
    problems.push({ variable, found: `"${durationText(ms)}"`, allowed });
  };
  if (3 * blockRefreshInterval > workMaxAge)
    wrong(
      "blockRefreshInterval",
      blockRefreshInterval,
      `a third of workMaxAge or less, that is "${durationText(Math.floor(workMaxAge / 3))}": one lost poll must not leave miners without work`,
    );
  if (api.hashrateWindow >= api.hashrateLargeWindow)
    wrong(
      "api.hashrateWindow",
      api.hashrateWindow,
      `less than api.hashrateLargeWindow, which is "${durationText(api.hashrateLargeWindow)}"`,
    );
  if (api.hashrateLargeWindow > hashrateExpiration)
    wrong(
      "api.hashrateLargeWindow",
      api.hashrateLargeWindow,
      `at most hashrateExpiration, which is "${durationText(hashrateExpiration)}": older entries are gone`,
    );
  findShortEvidence(settings, problems);
}

function upstashOf(settings: Settings, problems: ConfigProblem[]): PoolConfig["ledger"]["upstash"] {
  const { UPSTASH_REDIS_REST_URL: url, UPSTASH_REDIS_REST_TOKEN: token } = settings;
  if (url !== null && token !== null) return { url, token };
  if (url !== null || token !== null)
    problems.push({
      variable: url === null ? "UPSTASH_REDIS_REST_URL" : "UPSTASH_REDIS_REST_TOKEN",
      found: "nothing",
      allowed: "both UPSTASH_REDIS_REST_URL and UPSTASH_REDIS_REST_TOKEN, or neither (embedded ledger)",
    });
  return null;
}

function vardiffOf(settings: Settings, problems: ConfigProblem[]): PoolConfig["stratum"]["vardiff"] {
  const { vardiff } = settings.stratum;
  if (vardiff === null || vardiff === false) return null;
  if (vardiff.minDiff > vardiff.maxDiff)
    problems.push({
      variable: "stratum.vardiff.minDiff",
      found: vardiff.minDiff.toString(),
      allowed: `at most maxDiff, which is ${vardiff.maxDiff}`,
    });
  return {
    targetTimeMs: vardiff.targetTime,
    retargetTimeMs: vardiff.retargetTime,
    variancePercent: vardiff.variancePercent,
    minDifficulty: vardiff.minDiff,
    maxDifficulty: vardiff.maxDiff,
  };
}

function workOf(settings: Settings, problems: ConfigProblem[]): PoolConfig["work"] {
  return {
    terms: {
      poolDifficulty: settings.difficulty,
      classTable: settings.stratum.vardiff ? 1 : 0,
      ...(settings.payouts.scheme === "solo" ? { solo: true } : {}),
    },
    ...upstreamsOf(settings, problems),
    blockRefreshIntervalMs: settings.blockRefreshInterval,
    recommitIntervalMs: settings.recommitInterval,
    upstreamCheckIntervalMs: settings.upstreamCheckInterval,
    stateUpdateIntervalMs: settings.stateUpdateInterval,
    maxAgeMs: settings.workMaxAge,
    jobRelays: settings.jobRelays,
    notifyToken: settings.NOTIFY_TOKEN,
    healthCheck: settings.healthCheck,
    maxFails: settings.maxFails,
  };
}

function policyOf({ policy, BRIDGE_TOKEN: bridgeToken }: Settings): PoolConfig["policy"] {
  const { timeout, ...banning } = policy.banning;
  const { grace, ...limits } = policy.limits;
  return {
    refreshIntervalMs: policy.refreshInterval,
    resetIntervalMs: policy.resetInterval,
    bridgeToken,
    banning: { ...banning, timeoutMs: timeout },
    limits: { ...limits, graceMs: grace },
  };
}

/** A simulated chain's blocks are on no explorer, whatever chain it plays. */
function explorerFrom({ explorer, devnet }: Settings, chain: ChainSpec): PoolConfig["api"]["explorer"] {
  if (explorer !== undefined) return explorer;
  return devnet ? null : explorerOf(chain.name);
}

function toConfig(settings: Settings, problems: ConfigProblem[]): PoolConfig {
  const { stratum, api, verifier } = settings;
  const chain = chainOf(settings, problems);
  return {
    name: settings.name,
    coin: settings.coin,
    chain,
    chainId: typeof settings.chain === "string" ? null : settings.chain.chainId,
    home: settings.home,
    devnet: settings.devnet,
    stratum: {
      difficulty: settings.difficulty,
      timeoutMs: stratum.timeout,
      loginTimeoutMs: stratum.loginTimeout,
      maxWorkers: stratum.maxWorkers,
      vardiff: vardiffOf(settings, problems),
    },
    getwork: settings.getwork,
    work: workOf(settings, problems),
    ledger: {
      upstash: upstashOf(settings, problems),
      restToken: settings.REDIS_TOKEN,
      readToken: settings.REDIS_READ_TOKEN,
      commitIntervalMs: settings.ledgerCommitInterval,
      timeoutMs: settings.ledgerTimeout,
      outboxBound: settings.outboxLimit,
      hashrateExpirationMs: settings.hashrateExpiration,
    },
    verifier: { shards: verifier.shards, queueBound: verifier.queueLimit, queueTimeoutMs: verifier.queueTimeout },
    policy: policyOf(settings),
    api: {
      statsCollectIntervalMs: api.statsCollectInterval,
      purgeIntervalMs: api.purgeInterval,
      hashrateWindowMs: api.hashrateWindow,
      hashrateLargeWindowMs: api.hashrateLargeWindow,
      luckWindows: api.luckWindow,
      payments: api.payments,
      blocks: api.blocks,
      metricsToken: settings.METRICS_TOKEN,
      explorer: explorerFrom(settings, chain),
    },
    unlocker: unlockerOf(settings, problems),
    payouts: settings.payouts,
    payer: payerOf(settings, problems),
    notifications: notificationsOf(settings, problems),
    admin: { token: settings.ADMIN_TOKEN },
    log: settings.log,
  };
}

/**
 * One secret for two doors would open the greater one to whoever was trusted with the smaller one. A script sees its own secrets only, so that
 * whoever has all of them looks as well.
 */
export function sharedSecrets(settings: Readonly<Record<string, unknown>>): ConfigProblem[] {
  const names = new Map<string, string>();
  const problems: ConfigProblem[] = [];
  for (const [name, value] of Object.entries(settings)) {
    if (!isSecretSetting(name) || name.endsWith("_URL") || typeof value !== "string") continue;
    const first = names.get(value);
    if (first === undefined) names.set(value, name);
    else problems.push({ variable: name, found: `the same secret as ${first}`, allowed: "a secret of its own" });
  }
  return problems;
}

function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null) for (const part of Object.values(value)) deepFreeze(part);
  return Object.freeze(value);
}

/**
 * Turns the Worker's environment (`[vars]`, secrets, bindings) into the pool's configuration.
 * @example
 * parseConfig({ chain: "classic", upstream: [{ name: "main", url: "https://node.example" }] }).stratum.timeoutMs; // 120000
 * @throws ConfigError that names every wrong variable, what was found and what is allowed
 */
export function parseConfig(env: Readonly<Record<string, unknown>>): PoolConfig {
  const problems: ConfigProblem[] = [];
  const result = v.safeParse(settingsSchema, collect(env, problems));
  if (!result.success) {
    for (const issue of result.issues) {
      const variable = v.getDotPath(issue) ?? "settings";
      const allowed =
        issue.type === "strict_object" && issue.expected === "never"
          ? `no such setting (${issue.message})`
          : issue.type === "object" && issue.received === "undefined"
            ? "a value: it has no default (docs/OPERATING.md)"
            : issue.message;
      problems.push({ variable, found: show(variable, issue.input), allowed });
    }
    throw new ConfigError(problems);
  }
  problems.push(...sharedSecrets(result.output));
  findUnreachable(result.output, problems);
  findContradictions(result.output, problems);
  const config = toConfig(result.output, problems);
  if (problems.length > 0) throw new ConfigError(problems);
  return deepFreeze(config);
}
