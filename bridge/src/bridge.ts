import { createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import type { BridgeStats } from "./bridge-stats.ts";
import { CarriedMiner } from "./carried-miner.ts";
import { fingerprint, selfSigned } from "./certificate.ts";
import { listen } from "./listeners.ts";
import { BridgeOptionError, DEFAULT_TIMINGS, SILENT, type BridgeOptions } from "./options.ts";
import { PoolAddress } from "./pool-address.ts";
import { PoolLink } from "./pool-link.ts";
import { proxyAgent } from "./pool-proxy.ts";
import { PoolRoster } from "./pool-roster.ts";
import { UnclaimedShares } from "./unclaimed-shares.ts";

/** A bridge that runs. */
export interface Bridge {
  /** The ports that listen, in the order of the options. */
  readonly ports: {
    readonly stratum: readonly number[];
    readonly stratumTls: readonly number[];
    readonly getwork: readonly number[];
  };
  stats(): BridgeStats;
  /** Disconnects the miners and frees the ports. */
  close(): Promise<void>;
}

const DEFAULT_MAX_MINERS = 4096;
const TLS_HANDSHAKE_MS = 10_000;

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
  readonly #servers: Server[] = [];
  readonly #miners = new Set<CarriedMiner>();
  readonly #startedAtMs = Date.now();
  readonly #departed = { accepted: 0, rejected: 0, reconnects: 0 };
  readonly #around;
  readonly #roster: PoolRoster;
  #connections = 0;

  constructor(options: BridgeOptions) {
    const log = options.log ?? SILENT;
    const timings = { ...DEFAULT_TIMINGS, ...options.timings };
    const pools = options.pools.map((pool) => PoolAddress.parse(pool, options.allowInsecure ?? false));
    if (pools.length === 0) throw new BridgeOptionError("pool", "no pool is given; write wss://pool.example");
    const dialOptions = pools.map((pool) => ({
      timings,
      ca: options.ca,
      agent: proxyAgent(options.proxy, pool.label),
    }));
    const dial = (rank: number, url: string, handlers: ConstructorParameters<typeof PoolLink>[2]): PoolLink => {
      const chosen = dialOptions[rank];
      if (chosen === undefined) throw new Error(`no pool of rank ${rank}`);
      return new PoolLink(url, chosen, handlers);
    };
    this.#options = options;
    this.#roster = new PoolRoster(
      pools,
      timings,
      log,
      (pool) => probe((handlers) => dial(pools.indexOf(pool), pool.stratumUrl(null), handlers)),
      (rank) => this.#miners.forEach((miner) => miner.returnTo(rank)),
    );
    this.#around = {
      roster: this.#roster,
      claims: new UnclaimedShares(),
      timings,
      log,
      dial: (pool, login, handlers) => dial(pool.rank, pool.address.stratumUrl(login), handlers),
      onFinished: (miner) => this.#onFinished(miner),
    } satisfies ConstructorParameters<typeof CarriedMiner>[1];
  }

  async listen(): Promise<void> {
    const { stratum = [], stratumTls = [] } = this.#options;
    for (const address of stratum) {
      this.ports.stratum.push(
        await this.#open(
          createServer({ pauseOnConnect: false }, (socket) => this.#accept(socket)),
          "listen",
          address,
        ),
      );
    }
    if (stratumTls.length === 0) return;
    const pair = this.#options.tls ?? (await selfSigned());
    this.#around.log.info({ sha256: fingerprint(pair.cert) }, "certificate for miners");
    for (const address of stratumTls) {
      const server = createTlsServer({ ...pair, handshakeTimeout: TLS_HANDSHAKE_MS }, (socket) => this.#accept(socket));
      server.on("tlsClientError", (error) => this.#around.log.debug({ reason: error.message }, "TLS handshake failed"));
      this.ports.stratumTls.push(await this.#open(server, "listen-tls", address));
    }
  }

  stats(): BridgeStats {
    const miners = [...this.#miners].map((miner) => miner.stats);
    const sum = (key: "accepted" | "rejected" | "reconnects"): number =>
      miners.reduce((total, miner) => total + miner[key], this.#departed[key]);
    return {
      startedAtMs: this.#startedAtMs,
      pools: this.#roster.states.map(({ address, state, lastError }) => ({
        url: address.label,
        state,
        lastError,
        miners: miners.filter((miner) => miner.pool === address.label).length,
      })),
      miners,
      totals: {
        accepted: sum("accepted"),
        rejected: sum("rejected"),
        reconnects: sum("reconnects"),
        connections: this.#connections,
        getworkRequests: 0,
      },
    };
  }

  async close(): Promise<void> {
    this.#roster.close();
    const closed = this.#servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve())));
    for (const miner of this.#miners) miner.close();
    await Promise.all(closed);
  }

  async #open(
    server: Server,
    option: string,
    address: { readonly host?: string; readonly port: number },
  ): Promise<number> {
    const port = await listen(server, option, address);
    this.#servers.push(server);
    return port;
  }

  #accept(socket: Socket): void {
    if (this.#miners.size >= (this.#options.maxMiners ?? DEFAULT_MAX_MINERS)) {
      this.#around.log.warn({ miner: socket.remoteAddress }, "too many miners; connection refused");
      socket.destroy();
      return;
    }
    this.#connections += 1;
    this.#miners.add(new CarriedMiner(socket, this.#around));
  }

  #onFinished(miner: CarriedMiner): void {
    if (!this.#miners.delete(miner)) return;
    const { accepted, rejected, reconnects } = miner.stats;
    this.#departed.accepted += accepted;
    this.#departed.rejected += rejected;
    this.#departed.reconnects += reconnects;
  }
}

/** Opens a connection and closes it again. */
function probe(dial: (handlers: ConstructorParameters<typeof PoolLink>[2]) => PoolLink): Promise<void> {
  return new Promise((resolve, reject) => {
    const link = dial({
      onOpen: () => {
        link.close();
        resolve();
      },
      onLine: () => undefined,
      onEnd: ({ reason }) => reject(new Error(reason)),
      onDrain: () => undefined,
      isWaiting: () => false,
    });
  });
}
