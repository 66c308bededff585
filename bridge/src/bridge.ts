import { Server as HttpServer } from "node:http";
import { createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { ShareCounter, type BridgeStats, type MinerStats } from "./bridge-stats.ts";
import { KeptShares } from "./kept-shares.ts";
import { KnownFile } from "./known-file.ts";
import { MinerConnection, type MinerSurroundings } from "./miner-side/miner-connection.ts";
import { leftSessions } from "./session/kept-session.ts";
import { KnownSessions } from "./session/known-sessions.ts";
import { ShareDelivery } from "./session/share-delivery.ts";
import { fingerprint, selfSigned, type KeyPair } from "./miner-side/certificate.ts";
import { GetworkForwarder } from "./getwork/getwork-forwarder.ts";
import type { GetworkUpstream } from "./getwork/getwork-upstream.ts";
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
import { PoolFailover, type PoolState } from "./pool-side/pool-failover.ts";
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
  readonly #deliveries = new Set<ShareDelivery>();
  readonly #departed = new ShareCounter();
  #departedReconnects = 0;
  #kept: KeptShares | null = null;
  readonly #known = new KnownSessions();
  #knownFile: KnownFile | null = null;
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
    // A secret of the first pool's is nothing for the others, which may be somebody else's.
    const { proxy, ca, token } = options;
    this.#pools = addresses.map(
      (address, rank) => new PoolClient(address, { proxy, ca, token: rank === 0 ? token : undefined }, timings),
    );
    this.#failover = new PoolFailover(
      addresses,
      timings,
      log,
      ({ rank }) => this.#client(rank).probe(),
      (rank) => [...this.#miners, ...this.#deliveries].forEach((miner) => miner.returnTo(rank)),
    );
    const shared = { failover: this.#failover, claims: new UnclaimedShares(), timings, log };
    this.#repeats = new LogRepeats(log);
    this.#drainMs = timings.drainMs;
    this.#around = {
      ...shared,
      repeats: this.#repeats,
      known: this.#known,
      kept: () => this.#kept,
      dial: ({ rank, address }, login, miner, handlers) =>
        this.#client(rank).dial(address.stratumUrl(login), miner, handlers),
      onFinished: (miner) => this.#onFinished(miner),
    };
    const upstream = ({ rank }: PoolState): GetworkUpstream => this.#client(rank).getwork;
    this.#forwarder = new GetworkForwarder({ ...shared, upstream, kept: () => this.#kept });
    this.#getwork = new GetworkServer(this.#forwarder, this.#maxMiners, log);
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
    if (stratumTls.length > 0) {
      const pair = this.#options.tls ?? (await selfSigned());
      for (const address of stratumTls) {
        this.ports.stratumTls.push(await this.#open(this.#tlsServer(pair), "listen-tls", address));
      }
      this.#log.info({ sha256: fingerprint(pair.cert) }, "certificate for miners");
    }
    await this.#openKept();
  }

  /** The files are named after a port, which no other bridge on this machine can have. */
  async #openKept(): Promise<void> {
    const { stateDir = null } = this.#options;
    const [port = 0] = [...this.ports.stratum, ...this.ports.stratumTls, ...this.ports.getwork];
    if (stateDir === null) return;
    const path = join(stateDir, `shares-${port}.jsonl`);
    try {
      const { kept, left } = await KeptShares.open(path, this.#log);
      this.#kept = kept;
      if (left.size > 0) this.#log.info({ shares: left.size, file: path }, "shares were left on disk");
      const sessions = leftSessions(left);
      for (const session of sessions) {
        const delivery = new ShareDelivery(session, kept, this.#around, (finished) => this.#onDelivered(finished));
        this.#deliveries.add(delivery);
        delivery.start();
      }
      for (const [number, entry] of left) this.#forwarder.deliver(number, entry);
      this.#knownFile = await KnownFile.open(
        join(stateDir, `logins-${port}.jsonl`),
        this.#log,
        (entries) => this.#known.restore(entries, sessions),
        () => this.#known.entries(),
      );
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new BridgeOptionError("state", `--state: shares cannot be kept in ${stateDir}: ${reason}`);
    }
  }

  stats(): BridgeStats {
    const carried = [...this.#miners, ...this.#deliveries].map((miner) => miner.stats);
    const miners = [...carried, ...this.#getwork.rigs];
    const shares = new ShareCounter();
    for (const counts of [...miners, this.#departed.counts, this.#getwork.departed]) shares.add(counts);
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
        ...shares.counts,
        reconnects: carried.reduce((total, { reconnects }) => total + reconnects, this.#departedReconnects),
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
    // Before its miners go: a session of theirs is known to be live.
    await this.#knownFile?.close();
    for (const server of this.#servers) if (server instanceof HttpServer) server.closeAllConnections();
    for (const miner of [...this.#miners, ...this.#deliveries]) miner.close();
    for (const pool of this.#pools) pool.close();
    await Promise.all(closed);
    await this.#kept?.close();
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
    const full = this.#miners.size >= this.#maxMiners;
    // Silent connections take no miner's place.
    if (full) [...this.#miners].find(({ silent }) => silent)?.makeWay();
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
    this.#countDeparted(miner.stats);
  }

  #onDelivered(delivery: ShareDelivery): void {
    if (this.#deliveries.delete(delivery)) this.#countDeparted(delivery.stats);
  }

  #countDeparted(stats: MinerStats): void {
    this.#departed.add(stats);
    this.#departedReconnects += stats.reconnects;
  }
}
