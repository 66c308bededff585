import { Server as HttpServer } from "node:http";
import { createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { setTimeout as pause } from "node:timers/promises";
import type { BridgeStats } from "./bridge-stats.ts";
import { MinerConnection, type MinerSurroundings } from "./miner-side/miner-connection.ts";
import { fingerprint, selfSigned, type KeyPair } from "./miner-side/certificate.ts";
import { GetworkForwarder } from "./getwork/getwork-forwarder.ts";
import { GetworkServer } from "./getwork/getwork-server.ts";
import { EVERYWHERE, listen } from "./miner-side/listen.ts";
import { LogRepeats } from "./log-repeats.ts";
import {
  BridgeOptionError,
  DEFAULT_TIMINGS,
  SILENT,
  type BridgeLog,
  type BridgeOptions,
  type ListenAddress,
} from "./options.ts";
import { PoolClient } from "./pool-side/pool-client.ts";
import { PoolAddress } from "./pool-side/pool-address.ts";
import { PoolFailover } from "./pool-side/pool-failover.ts";
import { UnclaimedShares } from "./session/unclaimed-shares.ts";

/** A bridge that runs. */
export interface Bridge {
  /** The ports that listen, in the order of the options. */
  readonly ports: {
    readonly stratum: readonly number[];
    readonly stratumTls: readonly number[];
    readonly getwork: readonly number[];
  };
  stats(): BridgeStats;
  /** Takes no more miners, waits a moment for the answers to shares, then disconnects everybody and frees the ports. */
  close(): Promise<void>;
}

const DEFAULT_MAX_MINERS = 4096;
const TLS_HANDSHAKE_MS = 10_000;
const DRAIN_STEP_MS = 20;
/** What is spoken on the ports of each option. */
const SPOKEN = {
  listen: "listening for stratum over TCP",
  "listen-tls": "listening for stratum over TLS",
  "listen-getwork": "listening for getwork over HTTP",
} as const;

/**
 * Starts a bridge: miners of the LAN on one side, pools behind WebSockets on the other.
 * @throws BridgeOptionError for an option that cannot be used; nothing is left listening then.
 */
export async function startBridge(options: BridgeOptions): Promise<Bridge> {
  const bridge = new RunningBridge(options);
  try {
    await bridge.listen();
  } catch (error) {
    await bridge.close();
    throw error;
  }
  return bridge;
}

class RunningBridge implements Bridge {
  readonly ports = { stratum: [] as number[], stratumTls: [] as number[], getwork: [] as number[] };
  readonly #options: BridgeOptions;
  readonly #log: BridgeLog;
  readonly #pools: readonly PoolClient[];
  readonly #failover: PoolFailover;
  readonly #around: MinerSurroundings;
  readonly #forwarder: GetworkForwarder;
  readonly #getwork: GetworkServer;
  readonly #servers: Server[] = [];
  readonly #miners = new Set<MinerConnection>();
  readonly #maxMiners: number;
  readonly #startedAtMs = Date.now();
  readonly #departed = { accepted: 0, rejected: 0, reconnects: 0 };
  readonly #repeats: LogRepeats;
  readonly #drainMs: number;
  #connections = 0;

  constructor(options: BridgeOptions) {
    const log = options.log ?? SILENT;
    const timings = { ...DEFAULT_TIMINGS, ...options.timings };
    const addresses = options.pools.map((pool) => PoolAddress.parse(pool, options.allowInsecure ?? false));
    if (addresses.length === 0) throw new BridgeOptionError("pool", "no pool is given; write wss://pool.example");
    this.#options = options;
    this.#log = log;
    this.#maxMiners = options.maxMiners ?? DEFAULT_MAX_MINERS;
    this.#pools = addresses.map((address) => new PoolClient(address, options, timings));
    this.#failover = new PoolFailover(
      addresses,
      timings,
      log,
      ({ rank }) => this.#client(rank).probe(),
      (rank) => this.#miners.forEach((miner) => miner.returnTo(rank)),
    );
    const shared = { failover: this.#failover, claims: new UnclaimedShares(), timings, log };
    this.#repeats = new LogRepeats(log);
    this.#drainMs = timings.drainMs;
    this.#around = {
      ...shared,
      repeats: this.#repeats,
      dial: ({ rank, address }, login, handlers) => this.#client(rank).dial(address.stratumUrl(login), handlers),
      onFinished: (miner) => this.#onFinished(miner),
    };
    this.#forwarder = new GetworkForwarder({ ...shared, upstream: ({ rank }) => this.#client(rank).getwork });
    this.#getwork = new GetworkServer(this.#forwarder, this.#maxMiners);
  }

  async listen(): Promise<void> {
    const { stratum = [], stratumTls = [], getwork = [] } = this.#options;
    for (const address of stratum) {
      const server = createServer((socket) => this.#accept(socket));
      this.ports.stratum.push(await this.#open(server, "listen", address));
    }
    for (const address of getwork) {
      this.ports.getwork.push(await this.#open(this.#getwork.createServer(), "listen-getwork", address));
    }
    if (stratumTls.length === 0) return;
    const pair = this.#options.tls ?? (await selfSigned());
    for (const address of stratumTls) {
      this.ports.stratumTls.push(await this.#open(this.#tlsServer(pair), "listen-tls", address));
    }
    this.#log.info({ sha256: fingerprint(pair.cert) }, "certificate for miners");
  }

  stats(): BridgeStats {
    const carried = [...this.#miners].map((miner) => miner.stats);
    const miners = [...carried, ...this.#getwork.rigs];
    const departed = [this.#departed, { ...this.#getwork.departed, reconnects: 0 }];
    const sum = (key: "accepted" | "rejected" | "reconnects"): number =>
      [...miners, ...departed].reduce((total, counts) => total + counts[key], 0);
    return {
      startedAtMs: this.#startedAtMs,
      pools: this.#failover.states.map(({ address, state, lastError }) => ({
        url: address.label,
        state,
        lastError,
        miners: carried.filter((miner) => miner.pool === address.label).length,
      })),
      miners,
      totals: {
        accepted: sum("accepted"),
        rejected: sum("rejected"),
        reconnects: sum("reconnects"),
        connections: this.#connections,
        getworkRequests: this.#getwork.requests,
      },
    };
  }

  async close(): Promise<void> {
    const closed = this.#servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve())));
    await this.#drain();
    this.#failover.close();
    this.#forwarder.stop();
    for (const server of this.#servers) if (server instanceof HttpServer) server.closeAllConnections();
    for (const miner of this.#miners) miner.close();
    for (const pool of this.#pools) pool.close();
    await Promise.all(closed);
    this.#repeats.flush();
  }

  /** Gives the pool a moment for the shares that it has not answered. */
  async #drain(): Promise<void> {
    const untilMs = performance.now() + this.#drainMs;
    while (performance.now() < untilMs && this.stats().miners.some(({ pendingShares }) => pendingShares > 0)) {
      await pause(DRAIN_STEP_MS);
    }
  }

  #client(rank: number): PoolClient {
    const client = this.#pools[rank];
    if (client === undefined) throw new Error(`there is no pool of rank ${rank}`);
    return client;
  }

  #tlsServer(pair: KeyPair): Server {
    try {
      const server = createTlsServer({ ...pair, handshakeTimeout: TLS_HANDSHAKE_MS }, (socket) => this.#accept(socket));
      server.on("tlsClientError", (error) => this.#log.debug({ reason: error.message }, "TLS handshake failed"));
      return server;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new BridgeOptionError("tls-cert", `the certificate or its key cannot be used: ${reason}`);
    }
  }

  async #open(server: Server, option: keyof typeof SPOKEN, address: ListenAddress): Promise<number> {
    const port = await listen(server, option, address);
    this.#servers.push(server);
    this.#log.info({ host: address.host ?? EVERYWHERE, port }, SPOKEN[option]);
    return port;
  }

  #accept(socket: Socket): void {
    if (this.#miners.size >= this.#maxMiners) {
      this.#log.warn({ miner: socket.remoteAddress }, "too many miners; connection refused");
      socket.destroy();
      return;
    }
    this.#connections += 1;
    this.#miners.add(new MinerConnection(socket, this.#around));
  }

  #onFinished(miner: MinerConnection): void {
    if (!this.#miners.delete(miner)) return;
    const { accepted, rejected, reconnects } = miner.stats;
    this.#departed.accepted += accepted;
    this.#departed.rejected += rejected;
    this.#departed.reconnects += reconnects;
  }
}
