import * as v from "valibot";
import { chainSetting } from "./chain-setting.ts";
import { HINTS, HOMES, JURISDICTIONS } from "./home.ts";
import { notificationSettings } from "./notifications/notifications-schema.ts";
import { parsePercent } from "./payouts/revenue-split.ts";
import { SCHEMES } from "./payouts/schemes.ts";
import {
  count,
  decimal,
  difficultyValue,
  duration,
  flag,
  httpUrl,
  secret,
  secretText,
  shannon,
  weiValue,
  word,
} from "./setting-types.ts";

/** Settings that are lists or tables. From `.dev.vars`, `--var` or a secret they arrive as JSON text. */
const STRUCTURED = new Set([
  "upstream",
  "stratum",
  "getwork",
  "policy",
  "api",
  "verifier",
  "log",
  "chain",
  "unlocker",
  "explorer",
  "payouts",
  "notifications",
]);

const upstream = v.strictObject(
  {
    name: word("a name of letters, digits, - and _", /^[\w-]{1,32}$/),
    url: httpUrl,
    timeout: duration("10s", "100ms", "60s"),
    scheme: v.optional(v.picklist(["solo"], "solo; left out for a node of common work")),
  },
  'a table such as { name = "main", url = "https://geth.mypool.com", timeout = "10s" }',
);

/** Credentials of an upstream, in the secret `UPSTREAM_SECRETS`, by the upstream's name. */
const upstreamSecret = v.strictObject(
  {
    cfAccessClientId: v.optional(secretText),
    cfAccessClientSecret: v.optional(secretText),
    username: v.optional(secretText),
    password: v.optional(secretText),
  },
  "a table with cfAccessClientId and cfAccessClientSecret, or username and password",
);

const VARDIFF = "false, or a table with targetTime, retargetTime, variancePercent, minDiff and maxDiff";
const vardiff = v.strictObject(
  {
    targetTime: duration("30s", "100ms", "10m"),
    retargetTime: duration("60s", "100ms", "1h"),
    variancePercent: count(30, 1, 99),
    minDiff: v.optional(difficultyValue, "100000000"),
    maxDiff: v.optional(difficultyValue, "10000000000000"),
  },
  VARDIFF,
);

/** The reference has seconds here, as a number, and a duration everywhere else: both are read. */
const banTimeout = v.optional(
  v.pipe(
    v.unknown(),
    v.transform((value) => (typeof value === "number" ? `${value}s` : value)),
    duration("30m", "1s"),
  ),
  "30m",
);

const banning = v.strictObject({
  enabled: flag(true),
  timeout: banTimeout,
  invalidPercent: count(30, 1, 100),
  checkThreshold: count(30, 1, 1_000_000),
  malformedLimit: count(5, 1, 1_000_000),
});

const limits = v.strictObject({
  enabled: flag(false),
  limit: count(30, 1, 1_000_000),
  grace: duration("5m", "0s", "24h"),
  limitJump: count(10, 0, 1_000_000),
});

const ADDRESS = "a 0x address of 40 hex digits";
const address = v.pipe(
  v.string(ADDRESS),
  v.regex(/^0x[0-9a-fA-F]{40}$/, ADDRESS),
  v.transform((text) => text.toLowerCase()),
);
/** Empty, as the reference's configuration has it, is none. */
const optionalAddress = v.optional(
  v.pipe(
    v.union([v.literal(""), address], ADDRESS),
    v.transform((text) => text || null),
  ),
  "",
);

/** Numbers are taken by their shortest decimal text: money is never computed with a double. */
const decimalText = (allowed: string, isAllowed: (text: string) => boolean) =>
  v.pipe(v.union([v.number(), v.string()], allowed), v.transform(String), v.check(isAllowed, allowed));

const rewards = v.strictObject(
  {
    eraLength: v.optional(v.nullable(decimal(1, Number.MAX_SAFE_INTEGER)), null),
    schedule: v.optional(
      v.array(v.strictObject({ from: decimal(0, Number.MAX_SAFE_INTEGER), wei: weiValue("Wei of a block's reward") })),
      [],
    ),
    uncles: v.optional(v.picklist(["ethash", "ecip1017", "none"], "ethash, ecip1017 or none"), "ethash"),
    baseFeeToMiner: v.optional(
      v.array(
        v.strictObject({
          from: decimal(0, Number.MAX_SAFE_INTEGER),
          numerator: decimal(0, 1_000_000),
          denominator: decimal(1, 1_000_000),
        }),
      ),
      [],
    ),
  },
  "a table { eraLength } or { schedule = [{ from, wei }] }, with uncles and baseFeeToMiner",
);

const EXPLORER_LINK = "an https:// URL in which {} stands for the number or hash";
const explorerLink = v.pipe(
  v.string(EXPLORER_LINK),
  v.check((text) => /^https:\/\/[^{}]+\{\}[^{}]*$/.test(text) && URL.canParse(text.replace("{}", "0")), EXPLORER_LINK),
);

/** Null: no links. Left out: the links that the chain is known to have. */
const explorer = v.strictObject(
  { block: explorerLink, transaction: explorerLink, address: explorerLink },
  "a table with block, transaction and address",
);

const unlocker = v.strictObject({
  enabled: flag(false),
  accounts: v.optional(v.array(address, `a list, each of it ${ADDRESS}`), []),
  poolFee: v.optional(
    decimalText("a percentage from 0 to 100, such as 1.0", (text) => parsePercent(text) !== null),
    "1.0",
  ),
  poolFeeAddress: optionalAddress,
  donate: flag(false),
  donateAddress: optionalAddress,
  depth: count(120, 1, 100_000),
  immatureDepth: count(20, 1, 100_000),
  finalDepth: count(10_000, 1, 1_000_000),
  keepTxFees: flag(false),
  interval: duration("10m", "1s", "24h"),
  requirePeers: count(1, 0, 1_000),
  orphanedRounds: v.optional(v.picklist(["merge", "drop"], "merge or drop"), "merge"),
  rewards: v.optional(v.nullable(rewards), null),
});

const GAS_PRICE = "Wei for a unit of gas";
const payouts = v.strictObject({
  scheme: v.optional(v.picklist(SCHEMES, "prop, pplns or solo"), "prop"),
  pplnsWindow: v.optional(
    decimalText(
      "a decimal from 0.01 to 100, such as 2",
      (text) => /^\d{1,3}(\.\d{1,2})?$/.test(text) && Number(text) >= 0.01 && Number(text) <= 100,
    ),
    "2",
  ),
  soloFee: v.optional(
    decimalText("a percentage from 0 to 100, such as 1.0", (text) => parsePercent(text) !== null),
    "1.0",
  ),
  enabled: flag(false),
  address: optionalAddress,
  interval: duration("120m", "5s", "168h"),
  threshold: shannon("500000000"),
  requirePeers: count(25, 0, 1_000),
  gas: count(21_000, 21_000, 10_000_000),
  contractGas: count(100_000, 21_000, 10_000_000),
  autoGas: flag(true),
  gasPrice: v.optional(weiValue(GAS_PRICE), "50000000000"),
  maxGasPrice: v.optional(weiValue(GAS_PRICE), "500000000000"),
  gasFrom: v.optional(v.picklist(["pool", "miner"], "pool or miner"), "pool"),
  concurrentTx: count(10, 1, 100),
  maxPayment: shannon(null),
  maxRun: shannon(null),
  maxDay: shannon(null),
  confirmations: count(20, 1, 10_000),
  finalDepth: count(10_000, 1, 1_000_000),
  replaceAfter: duration("10m", "5s", "24h"),
  pauseAt: v.optional(v.array(decimal(1, Number.MAX_SAFE_INTEGER), "a list of heights"), []),
  dryRun: flag(false),
  signerMethod: v.optional(
    v.picklist(
      ["eth_signTransaction", "account_signTransaction"],
      "eth_signTransaction (web3signer) or account_signTransaction (clef)",
    ),
    "eth_signTransaction",
  ),
});

const LUCK_WINDOWS = "a rising list of 1 to 10 block counts, each from 1 to 10000";

const HOME = `a location hint of Cloudflare's (${HINTS.join(", ")}) or a jurisdiction (${JURISDICTIONS.join(", ")})`;

/** The settings as an operator writes them, with the defaults of open-ethereum-pool where it has them. */
export const settingsSchema = v.object({
  name: v.optional(word("a name of letters, digits, - and _", /^[\w-]{1,32}$/), "main"),
  coin: v.optional(word("a key prefix of letters, digits, - and _", /^[\w-]{1,16}$/), "eth"),
  chain: chainSetting,
  difficulty: v.optional(difficultyValue, "2000000000"),
  hashrateExpiration: duration("3h", "1m"),
  blockRefreshInterval: duration("1s", "100ms", "5m"),
  recommitInterval: duration("13s", "0s", "60s"),
  stateUpdateInterval: duration("3s", "100ms", "10m"),
  upstreamCheckInterval: duration("5s", "100ms", "1m"),
  workMaxAge: duration("60s", "1s", "1h"),
  jobRelays: v.optional(v.nullable(count(0, 0, 256)), null),
  healthCheck: flag(true),
  home: v.optional(v.nullable(v.picklist(HOMES, HOME)), null),
  devnet: flag(false),
  maxFails: count(3, 1, 1_000),
  upstream: v.pipe(
    v.array(upstream, "a list of tables { name, url, timeout }"),
    v.minLength(1, "at least one node"),
    v.check((list) => new Set(list.map((node) => node.name)).size === list.length, "nodes with different names"),
  ),
  ledgerCommitInterval: duration("0s", "0s", "500ms"),
  ledgerTimeout: duration("5s", "100ms", "30s"),
  outboxLimit: count(100_000, 1, 200_000),
  stratum: v.optional(
    v.strictObject({
      timeout: duration("120s", "1s", "24h"),
      loginTimeout: duration("10s", "1s", "5m"),
      maxWorkers: count(2_048, 1, 16_384),
      // Off with false; null says the same where settings are JSON.
      vardiff: v.optional(v.nullable(v.union([v.literal(false), vardiff], VARDIFF)), {}),
    }),
    {},
  ),
  getwork: v.optional(
    v.strictObject({ limitBodySize: count(1_024, 64, 65_536), limitHeadersSize: count(4_096, 256, 65_536) }),
    {},
  ),
  verifier: v.optional(
    v.strictObject({
      shards: count(1, 1, 256),
      // Each waits with a timer, and workerd gives an object 10,000.
      queueLimit: count(2_000, 1, 5_000),
      queueTimeout: duration("30s", "100ms", "5m"),
    }),
    {},
  ),
  policy: v.optional(
    v.strictObject({
      refreshInterval: duration("60s", "1s", "1h"),
      resetInterval: duration("60m", "1s", "24h"),
      banning: v.optional(banning, {}),
      limits: v.optional(limits, {}),
    }),
    {},
  ),
  api: v.optional(
    v.strictObject({
      statsCollectInterval: duration("5s", "100ms", "10m"),
      purgeInterval: duration("10m", "1s", "24h"),
      hashrateWindow: duration("30m", "1m"),
      hashrateLargeWindow: duration("3h", "1m"),
      luckWindow: v.optional(
        v.pipe(
          v.array(decimal(1, 10_000), LUCK_WINDOWS),
          v.minLength(1, LUCK_WINDOWS),
          v.maxLength(10, LUCK_WINDOWS),
          v.check(
            (windows) => windows.every((blocks, at) => at === 0 || blocks > (windows[at - 1] ?? 0)),
            LUCK_WINDOWS,
          ),
        ),
        [64, 128, 256],
      ),
      payments: count(30, 1, 1_000),
      blocks: count(50, 1, 1_000),
    }),
    {},
  ),
  unlocker: v.optional(unlocker, {}),
  explorer: v.optional(v.nullable(explorer)),
  payouts: v.optional(payouts, {}),
  notifications: v.optional(notificationSettings, {}),
  log: v.optional(
    v.strictObject({
      level: v.optional(v.picklist(["debug", "info", "warn", "error"], "debug, info, warn or error"), "info"),
      shares: flag(false),
    }),
    {},
  ),
  UPSTASH_REDIS_REST_URL: v.optional(v.nullable(httpUrl), null),
  UPSTASH_REDIS_REST_TOKEN: v.optional(v.nullable(secretText), null),
  REDIS_TOKEN: secret,
  REDIS_READ_TOKEN: secret,
  NOTIFY_TOKEN: secret,
  BRIDGE_TOKEN: secret,
  METRICS_TOKEN: secret,
  ADMIN_TOKEN: secret,
  PAYOUT_PRIVATE_KEY: v.optional(v.nullable(word("32 bytes as hex", /^(0x)?[0-9a-fA-F]{64}$/)), null),
  PAYOUT_SIGNER_URL: v.optional(v.nullable(httpUrl), null),
  NOTIFICATION_KEY: secret,
  TELEGRAM_BOT_TOKEN: v.optional(v.nullable(word("a bot's token, 123456:ABC…", /^\d{1,20}:[\w-]{10,100}$/)), null),
  MAIL_API_KEY: v.optional(v.nullable(secretText), null),
  NOTIFICATION_TARGETS: v.optional(v.record(v.string(), secretText, "a table of addresses by target name"), {}),
  UPSTREAM_SECRETS: v.optional(v.record(v.string(), upstreamSecret, "a table of credentials by upstream name"), {}),
});

/** The validated settings. */
export type Settings = v.InferOutput<typeof settingsSchema>;

/** Settings by name whose values must never be shown. Everything in capitals is a secret. */
export const isSecretSetting = (name: string): boolean => /^[A-Z]/.test(name);

/** True for settings that may arrive as JSON text. */
export const isStructuredSetting = (name: string): boolean =>
  STRUCTURED.has(name) || name === "UPSTREAM_SECRETS" || name === "NOTIFICATION_TARGETS";

/** Every setting's name. */
export const settingNames: ReadonlySet<string> = new Set(Object.keys(settingsSchema.entries));
