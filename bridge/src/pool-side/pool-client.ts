import { GetworkUpstream } from "../getwork/getwork-upstream.ts";
import type { BridgeOptions, BridgeTimings } from "../options.ts";
import type { PoolAddress } from "./pool-address.ts";
import { PoolConnection, type DialOptions, type ConnectionHandlers } from "./pool-connection.ts";
import { proxyAgent } from "./pool-proxy.ts";

interface PoolClientOptions {
  readonly proxy: BridgeOptions["proxy"] | undefined;
  readonly ca: string | undefined;
  readonly token: string | undefined;
}

/** Which miner it is, said by one who may: the pool judges each by itself (docs/OPERATING.md, "Bans"). */
function vouchFor(token: string | undefined, miner: string): Record<string, string> {
  return token === undefined ? {} : { "edgepool-bridge-token": token, "edgepool-miner": miner };
}

/** The ways to one pool: WebSockets for stratum, HTTPS for getwork, through the same proxy and with the same authorities. */
export class PoolClient {
  readonly address: PoolAddress;
  readonly getwork: GetworkUpstream;
  readonly #dialOptions: Omit<DialOptions, "headers">;

  readonly #token: string | undefined;

  constructor(address: PoolAddress, { proxy, ca, token }: PoolClientOptions, timings: BridgeTimings) {
    const agent = proxyAgent(proxy, address.label);
    this.address = address;
    this.#token = token;
    this.#dialOptions = { timings, ca, agent };
    const vouch = (miner: string) => vouchFor(token, miner);
    this.getwork = new GetworkUpstream(address.secure, agent, ca, timings.loginTimeoutMs, vouch);
  }

  /** Begins a WebSocket; what comes of it is told to the handlers. @param miner address of the miner behind it, empty for none */
  dial(url: string, miner: string, handlers: ConnectionHandlers): PoolConnection {
    return new PoolConnection(url, { ...this.#dialOptions, headers: vouchFor(this.#token, miner) }, handlers);
  }

  /** Opens a WebSocket and closes it again; rejects with the reason when the pool cannot be reached. */
  probe(): Promise<void> {
    return new Promise((resolve, reject) => {
      const connection = this.dial(this.address.stratumUrl(null), "", {
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
