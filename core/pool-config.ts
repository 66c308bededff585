import type { Explorer } from "./api/explorer.ts";
import type { ChainSpec } from "./chain-spec.ts";
import type { NotificationsConfig } from "./notifications/notifications-config.ts";
import type { PayoutsConfig } from "./payouts/schemes.ts";
import type { PayerConfig } from "./payouts/payer/payer-config.ts";
import type { UnlockerConfig } from "./payouts/unlocker-config.ts";
import type { Home } from "./home.ts";
import type { HeaderTerms } from "./work/job.ts";
import type { UpstreamConfig } from "./work/upstream.ts";

/** Everything that an operator can set, parsed once and frozen. Names follow open-ethereum-pool; durations are ms, difficulties hashes. */
export interface PoolConfig {
  /** Name of this pool in `eth:nodes`. */
  readonly name: string;
  /** Prefix of every Redis key, `eth` by default. */
  readonly coin: string;
  readonly chain: ChainSpec;
  /** Chain id (EIP-155) of a chain of the operator's own; null where it is known by name or was not given. */
  readonly chainId: number | null;
  /** Where the parts of which there is one live, or in a jurisdiction all objects; null: near whoever calls them first. */
  readonly home: Home | null;
  /** The pool runs on this machine for trying out: local addresses, and a simulated chain at any height. */
  readonly devnet: boolean;
  readonly stratum: {
    /** Share difficulty in hashes. */
    readonly difficulty: bigint;
    /** A peer that sends nothing for this long is closed. */
    readonly timeoutMs: number;
    /** A peer that has not logged in after this long is closed. */
    readonly loginTimeoutMs: number;
    /** Worker names of one login that count apart; new ones beyond count as `0`. */
    readonly maxWorkers: number;
    /** Null: there are no classes of difficulty, every share is worth `difficulty`. */
    readonly vardiff: VardiffConfig | null;
  };
  readonly getwork: { readonly limitBodySize: number; readonly limitHeadersSize: number };
  readonly work: {
    /** What new headers are stamped with. */
    readonly terms: HeaderTerms;
    readonly upstreams: readonly UpstreamConfig[];
    /** Nodes whose work is for logins that mine solo: another etherbase or extra data, so that its headers are others. */
    readonly soloUpstreams: readonly UpstreamConfig[];
    readonly blockRefreshIntervalMs: number;
    /** Sessions are pushed another header of the same height no more often. */
    readonly recommitIntervalMs: number;
    readonly upstreamCheckIntervalMs: number;
    readonly stateUpdateIntervalMs: number;
    /** Work that no node has confirmed for this long is not handed out. */
    readonly maxAgeMs: number;
    /** Relay objects between the template and the sessions; 0: none, null: as many as the logins need. */
    readonly jobRelays: number | null;
    /** Token of `POST /notify/<token>`; null switches the route off. */
    readonly notifyToken: string | null;
    readonly healthCheck: boolean;
    /** Failures in a row after which a node is sick. */
    readonly maxFails: number;
  };
  readonly ledger: {
    /** Null: the embedded ledger. */
    readonly upstash: { readonly url: string; readonly token: string } | null;
    /** Bearer token of the embedded ledger's REST endpoint `/redis`, to read and write; null: nobody writes there. */
    readonly restToken: string | null;
    /** The same for reading only. Without either the route is off. */
    readonly readToken: string | null;
    readonly commitIntervalMs: number;
    /** How long one request to Redis may take. */
    readonly timeoutMs: number;
    /** Shares that the outbox of one verifier may hold. */
    readonly outboxBound: number;
    readonly hashrateExpirationMs: number;
  };
  readonly verifier: {
    readonly shards: number;
    /** Shares that may wait for a light cache per shard. */
    readonly queueBound: number;
    /** How long a share may wait for its verdict before it is answered `Work not ready`. */
    readonly queueTimeoutMs: number;
  };
  readonly policy: {
    readonly refreshIntervalMs: number;
    /** What counts against a client is forgotten after this long. */
    readonly resetIntervalMs: number;
    /** Whoever shows it vouches for the miners behind it: each is judged by its own name. Null: nobody may. */
    readonly bridgeToken: string | null;
    readonly banning: {
      readonly enabled: boolean;
      readonly timeoutMs: number;
      readonly invalidPercent: number;
      readonly checkThreshold: number;
      readonly malformedLimit: number;
    };
    readonly limits: {
      readonly enabled: boolean;
      readonly limit: number;
      readonly graceMs: number;
      readonly limitJump: number;
    };
  };
  readonly api: {
    readonly statsCollectIntervalMs: number;
    readonly purgeIntervalMs: number;
    readonly hashrateWindowMs: number;
    readonly hashrateLargeWindowMs: number;
    readonly luckWindows: readonly number[];
    readonly payments: number;
    readonly blocks: number;
    /** Bearer token of `/metrics`; null switches the route off. */
    readonly metricsToken: string | null;
    /** Null: the chain has no explorer to link to. */
    readonly explorer: Explorer | null;
  };
  /** Null: switched off, and nobody is credited by this pool. */
  readonly unlocker: UnlockerConfig | null;
  readonly payouts: PayoutsConfig;
  /** Null: switched off, and nobody is paid by this pool. */
  readonly payer: PayerConfig | null;
  /** Null: nobody is told of anything. */
  readonly notifications: NotificationsConfig | null;
  readonly admin: {
    /** Bearer token of the routes under `/admin`; null switches them off. */
    readonly token: string | null;
  };
  readonly log: {
    readonly level: "debug" | "info" | "warn" | "error";
    /** One line a share: off by default, logs are billed. */ readonly shares: boolean;
  };
}

/** How sessions with an extranonce are brought to the class of difficulty that suits their hashrate. */
export interface VardiffConfig {
  /** Time that should lie between two shares of a connection. */
  readonly targetTimeMs: number;
  /** How often the difficulty is reconsidered. */
  readonly retargetTimeMs: number;
  /** How far beyond half or double `targetTimeMs` a class is kept, in percent: classes lie a factor of 4 apart. */
  readonly variancePercent: number;
  /** Classes easier than this are not given, in hashes. */
  readonly minDifficulty: bigint;
  /** Nor harder ones. */
  readonly maxDifficulty: bigint;
}
