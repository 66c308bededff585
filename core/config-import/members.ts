/** What becomes of one member of a Go pool's config.json. */
export type MemberRule =
  /** It is this setting. `note` says what an operator should know about it here. */
  | { readonly kind: "setting"; readonly setting: string; readonly note: string | null }
  /** It has no use here. */
  | { readonly kind: "none"; readonly why: string }
  /** Its value must not be shown, and has no use here. */
  | { readonly kind: "secret"; readonly why: string };

const LISTEN = "Cloudflare listens: miners come to the Worker's host name, or through the bridge on their LAN";
const ONE_WORKER = "one Worker does what proxy, API, unlocker and payouts do there";
const NODES_OF_UPSTREAM = "the nodes of upstream are asked, with the timeout that they have there";
const LEDGER = "a Worker speaks no Redis over TCP: the embedded ledger or Upstash keeps the books under the same keys";
const ONE_DOOR = "every dialect, NiceHash's too, is spoken at one address";
const TLS = "Cloudflare ends TLS with a certificate of its own";
const BANS_INSIDE = "bans end connections in the Worker; there is no firewall to tell";
const HISTORY = "the history behind the page's charts is kept without it";
const LEDGER_FAILS =
  "it counts failures of Redis, after which miners are sent away; here shares wait in an outbox while the ledger is away. " +
  "(maxFails and healthCheck here are about nodes)";

/** Member and setting by dotted path, where the meaning is the same. */
const SETTINGS: readonly (readonly [member: string, setting: string, note?: string])[] = [
  ["name", "name"],
  ["coin", "coin"],
  ["network", "chain"],
  ["upstreamCheckInterval", "upstreamCheckInterval"],
  ["upstream", "upstream"],
  ["proxy.difficulty", "difficulty", "connections with an extranonce get what suits their hashrate (stratum.vardiff)"],
  ["proxy.hashrateExpiration", "hashrateExpiration"],
  [
    "proxy.blockRefreshInterval",
    "blockRefreshInterval",
    'every poll is billed: with --miner.notify on the node, "1s" is enough',
  ],
  ["proxy.stateUpdateInterval", "stateUpdateInterval"],
  ["proxy.limitBodySize", "getwork.limitBodySize"],
  ["proxy.stratum.timeout", "stratum.timeout"],
  ["proxy.debug", "log.level", "logs are billed"],
  ["proxy.policy.resetInterval", "policy.resetInterval"],
  ["proxy.policy.refreshInterval", "policy.refreshInterval"],
  ["proxy.policy.banning.enabled", "policy.banning.enabled"],
  ["proxy.policy.banning.timeout", "policy.banning.timeout", "seconds"],
  ["proxy.policy.banning.invalidPercent", "policy.banning.invalidPercent"],
  ["proxy.policy.banning.checkThreshold", "policy.banning.checkThreshold"],
  ["proxy.policy.banning.malformedLimit", "policy.banning.malformedLimit"],
  ["proxy.policy.limits.enabled", "policy.limits.enabled"],
  ["proxy.policy.limits.limit", "policy.limits.limit"],
  ["proxy.policy.limits.grace", "policy.limits.grace"],
  ["proxy.policy.limits.limitJump", "policy.limits.limitJump"],
  ["api.statsCollectInterval", "api.statsCollectInterval"],
  ["api.purgeInterval", "api.purgeInterval"],
  ["api.hashrateWindow", "api.hashrateWindow"],
  ["api.hashrateLargeWindow", "api.hashrateLargeWindow"],
  ["api.luckWindow", "api.luckWindow"],
  ["api.payments", "api.payments"],
  ["api.blocks", "api.blocks"],
  ["unlocker.enabled", "unlocker.enabled"],
  ["unlocker.poolFee", "unlocker.poolFee"],
  ["unlocker.poolFeeAddress", "unlocker.poolFeeAddress"],
  ["unlocker.depth", "unlocker.depth"],
  ["unlocker.immatureDepth", "unlocker.immatureDepth"],
  ["unlocker.keepTxFees", "unlocker.keepTxFees"],
  ["unlocker.interval", "unlocker.interval"],
  ["payouts.enabled", "payouts.enabled"],
  ["payouts.requirePeers", "payouts.requirePeers"],
  ["payouts.interval", "payouts.interval"],
  ["payouts.address", "payouts.address"],
  ["payouts.gas", "payouts.gas"],
  ["payouts.gasPrice", "payouts.gasPrice"],
  ["payouts.autoGas", "payouts.autoGas"],
  ["payouts.threshold", "payouts.threshold", "Shannon, as there"],
  ["payouts.concurrentTx", "payouts.concurrentTx"],
  [
    "pplns",
    "payouts.scheme",
    "there a number of shares; here payouts.pplnsWindow, a multiple of the network difficulty, 2 unless you set it: " +
      "that number × proxy.difficulty / the network difficulty is the same window",
  ],
];

/** Members that have no use here. */
const WITHOUT_USE: readonly (readonly [member: string, why: string])[] = [
  ["threads", "a Worker has no threads; verifier.shards divides the work instead"],
  ["coin-name", "the chain has its names"],
  ["algo", "the chain says which algorithm it is mined with"],
  ["avgBlockTime", "block times are measured"],
  ["blockTimeWindow", "block times are measured"],
  ["proxy.enabled", ONE_WORKER],
  ["proxy.listen", LISTEN],
  [
    "proxy.limitHeadersSize",
    "Cloudflare adds headers of its own to each request: getwork.limitHeadersSize leaves room for them",
  ],
  ["proxy.behindReverseProxy", "Cloudflare says where a connection comes from"],
  ["proxy.healthCheck", LEDGER_FAILS],
  ["proxy.maxFails", LEDGER_FAILS],
  ["proxy.hashLimit", "no login's hashrate is limited here"],
  ["proxy.stratumHostname", "the page shows the address that it was opened by"],
  ["proxy.stratum.enabled", LISTEN],
  ["proxy.stratum.listen", LISTEN],
  ["proxy.stratum.maxConn", "there is no common table of connections that could be full"],
  ["proxy.stratum.tls", TLS],
  ["proxy.stratum.certFile", TLS],
  ["proxy.stratum.keyFile", TLS],
  ["proxy.stratum_nice_hash.enabled", ONE_DOOR],
  ["proxy.stratum_nice_hash.listen", ONE_DOOR],
  ["proxy.stratum_nice_hash.timeout", ONE_DOOR],
  ["proxy.stratum_nice_hash.maxConn", ONE_DOOR],
  ["proxy.policy.workers", "a Worker has no threads"],
  ["proxy.policy.banning.ipset", BANS_INSIDE],
  [
    "proxy.policy.blacklist_file",
    "the set <coin>:blacklist of the ledger is the list: npm run -s admin -- <pool> blacklist add",
  ],
  ["api.enabled", ONE_WORKER],
  ["api.purgeOnly", ONE_WORKER],
  ["api.listen", LISTEN],
  ["api.poolCharts", HISTORY],
  ["api.poolChartsNum", HISTORY],
  ["api.minerCharts", HISTORY],
  ["api.minerChartsNum", HISTORY],
  ["api.netCharts", HISTORY],
  ["api.netChartsNum", HISTORY],
  ["api.shareCharts", HISTORY],
  ["api.shareChartsNum", HISTORY],
  ["redis.endpoint", LEDGER],
  ["redis.poolSize", LEDGER],
  ["redis.database", LEDGER],
  ["redis.sentinelEnabled", LEDGER],
  ["redis.masterName", LEDGER],
  ["redis.sentinelAddrs", LEDGER],
  ["exchange.enabled", "no exchange rates are shown"],
  ["exchange.url", "no exchange rates are shown"],
  ["exchange.timeout", "no exchange rates are shown"],
  ["exchange.refreshInterval", "no exchange rates are shown"],
  [
    "unlocker.donate",
    "there a part of the fee goes to an address that its author wrote into the program; here to nobody, unless you set unlocker.donate and unlocker.donateAddress",
  ],
  ["unlocker.daemon", NODES_OF_UPSTREAM],
  ["unlocker.timeout", NODES_OF_UPSTREAM],
  ["payouts.daemon", `${NODES_OF_UPSTREAM}; the pool signs, no node needs an unlocked account`],
  ["payouts.timeout", NODES_OF_UPSTREAM],
  ["payouts.bgsave", "there is no snapshot to ask for"],
  ["metrics.enabled", "the secret METRICS_TOKEN switches on /metrics"],
  ["metrics.listen", LISTEN],
  ["newrelicEnabled", "there is no agent: /metrics, with the secret METRICS_TOKEN, is for a Prometheus"],
  ["newrelicName", "there is no agent"],
  ["newrelicVerbose", "there is no agent"],
];

const SECRETS: readonly (readonly [member: string, why: string])[] = [
  ["redis.password", LEDGER],
  ["newrelicKey", "there is no agent"],
];

/** Every member that open-ethereum-pool, core-pool, open-etc-pool and open-etc-pool-friends read, by dotted path. */
export const MEMBERS: ReadonlyMap<string, MemberRule> = new Map<string, MemberRule>([
  ...SETTINGS.map(([member, setting, note = null]): [string, MemberRule] => [
    member,
    { kind: "setting", setting, note },
  ]),
  ...WITHOUT_USE.map(([member, why]): [string, MemberRule] => [member, { kind: "none", why }]),
  ...SECRETS.map(([member, why]): [string, MemberRule] => [member, { kind: "secret", why }]),
]);

/** True for a member that holds others, such as `proxy.policy`. */
export const isTable = (path: string): boolean => [...MEMBERS.keys()].some((member) => member.startsWith(`${path}.`));
