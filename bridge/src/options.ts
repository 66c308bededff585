import type { BackOffLimits } from "../../core/back-off.ts";

/** Where the bridge listens. Port 0 takes any free one. */
export interface ListenAddress {
  /** `0.0.0.0` where absent: rigs of the LAN connect. */
  readonly host?: string;
  readonly port: number;
}

/** How long things may take, in ms. The defaults are meant for the open internet. */
export interface BridgeTimings {
  /** TCP, TLS, proxy and WebSocket handshake with a pool together. */
  readonly connectTimeoutMs: number;
  /** A pool that does not answer a login for this long counts as failed. */
  readonly loginTimeoutMs: number;
  /** Silence after which the pool is pinged. */
  readonly pingIntervalMs: number;
  /** The same while a miner waits for an answer. */
  readonly waitingPingMs: number;
  /** A ping unanswered for this long: the connection is dead even though it looks open. */
  readonly pongTimeoutMs: number;
  /** A miner may be silent for longer than a pool allows: after this long the pool gets an empty line, which keeps the session. */
  readonly keepAliveMs: number;
  /** Pauses between two attempts of one miner. */
  readonly backOff: BackOffLimits;
  /** How often a pool that failed is tried. */
  readonly probeIntervalMs: number;
  /** How long a pool of higher rank must have answered before miners are led back. */
  readonly returnAfterMs: number;
  /** The miners return spread over this time, so that they do not stampede. */
  readonly returnSpreadMs: number;
  /** A miner that connects and says nothing. */
  readonly firstLineTimeoutMs: number;
  /** How long shares of a miner that has gone are still carried to the pool. */
  readonly lingerMs: number;
  /** How long `close` waits for answers to shares. */
  readonly drainMs: number;
  /** How long an HTTP getwork poll waits for a pool, and how long a share does; polls come again anyway. */
  readonly pollPatienceMs: number;
  readonly sharePatienceMs: number;
  /** A request that no pool has answered for this long is answered by the bridge, where it can do so truthfully: miners wait 2 s. */
  readonly answerWithinMs: number;
  /** How old a job may be that is handed out while no pool answers. */
  readonly jobYoungMs: number;
  /** Shortest time between two jobs to one miner: ethminer drops the second of two jobs that it reads together. */
  readonly jobGapMs: number;
}

export const DEFAULT_TIMINGS: BridgeTimings = {
  connectTimeoutMs: 10_000,
  loginTimeoutMs: 15_000,
  pingIntervalMs: 20_000,
  waitingPingMs: 3_000,
  pongTimeoutMs: 8_000,
  keepAliveMs: 45_000,
  backOff: { firstMs: 250, longestMs: 30_000 },
  probeIntervalMs: 10_000,
  returnAfterMs: 30_000,
  returnSpreadMs: 10_000,
  firstLineTimeoutMs: 30_000,
  lingerMs: 60_000,
  drainMs: 2_000,
  pollPatienceMs: 4_000,
  sharePatienceMs: 30_000,
  answerWithinMs: 1_000,
  jobYoungMs: 120_000,
  jobGapMs: 40,
};

/** Where the bridge says what happens. A pino logger fits. */
export interface BridgeLog {
  debug(fields: Readonly<Record<string, unknown>>, message: string): void;
  info(fields: Readonly<Record<string, unknown>>, message: string): void;
  warn(fields: Readonly<Record<string, unknown>>, message: string): void;
  error(fields: Readonly<Record<string, unknown>>, message: string): void;
}

/** A log that keeps nothing. */
export const SILENT: BridgeLog = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

/** What a bridge is started with. */
export interface BridgeOptions {
  /** In order of preference, as `PoolAddress.parse` reads them. */
  readonly pools: readonly string[];
  /** TCP stratum. */
  readonly stratum?: readonly ListenAddress[];
  /** TLS stratum. */
  readonly stratumTls?: readonly ListenAddress[];
  /** Plain HTTP getwork. */
  readonly getwork?: readonly ListenAddress[];
  /** PEM, for `stratumTls`; a self-signed certificate is made where absent. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Allows pools without TLS. */
  readonly allowInsecure?: boolean;
  /** PEM of further authorities that may sign for a pool. */
  readonly ca?: string;
  /** `http://`, `https://` or `socks5://` proxy; absent: `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` as usual; null: none. */
  readonly proxy?: string | null;
  /** The first pool's BRIDGE_TOKEN: it then judges each miner by itself and not by the site's address. No other pool is shown it. */
  readonly token?: string;
  /** Folder of the bridge's own, for shares that no pool has answered and logins that pools have granted; null and absent: none, and miners wait for the pool's answer. */
  readonly stateDir?: string | null;
  /** Miners at one time; more are refused. */
  readonly maxMiners?: number;
  readonly timings?: Partial<BridgeTimings>;
  readonly log?: BridgeLog;
}

/** An option that cannot be used. The message says which, what was found and what is allowed. */
export class BridgeOptionError extends Error {
  override readonly name = "BridgeOptionError";
  readonly option: string;

  constructor(option: string, message: string) {
    super(message);
    this.option = option;
  }
}
