import { GetworkUpstream } from "../getwork/getwork-upstream.ts";
import type { BridgeOptions, BridgeTimings } from "../options.ts";
import type { PoolAddress } from "./pool-address.ts";
import { PoolConnection, type DialOptions, type ConnectionHandlers } from "./pool-connection.ts";
import { proxyAgent } from "./pool-proxy.ts";

/** The ways to one pool: WebSockets for stratum, HTTPS for getwork, through the same proxy and with the same authorities. */
export class PoolClient {
  readonly address: PoolAddress;
  readonly getwork: GetworkUpstream;
  readonly #dialOptions: DialOptions;

  constructor(address: PoolAddress, { proxy, ca }: Pick<BridgeOptions, "proxy" | "ca">, timings: BridgeTimings) {
    const agent = proxyAgent(proxy, address.label);
    this.address = address;
    this.#dialOptions = { timings, ca, agent };
    this.getwork = new GetworkUpstream(address.secure, agent, ca, timings.loginTimeoutMs);
  }

  /** Begins a WebSocket; what comes of it is told to the handlers. */
  dial(url: string, handlers: ConnectionHandlers): PoolConnection {
    return new PoolConnection(url, this.#dialOptions, handlers);
  }

  /** Opens a WebSocket and closes it again; rejects with the reason when the pool cannot be reached. */
  probe(): Promise<void> {
    return new Promise((resolve, reject) => {
      const connection = this.dial(this.address.stratumUrl(null), {
        onOpen: () => {
          connection.close();
          resolve();
        },
        onLine: () => undefined,
        onEnd: ({ reason, unreachable }) => (unreachable ? reject(new Error(reason)) : resolve()),
        onDrain: () => undefined,
        isWaiting: () => false,
      });
    });
  }

  close(): void {
    this.getwork.close();
  }
}
