import { RecentMap } from "../bounded-map.ts";
import { parseLine } from "../stratum/json-rpc.ts";
import { DIALECTS } from "../stratum/dialects.ts";
import { loggedInSession } from "../stratum/handle.ts";
import { frameText } from "../stratum/line-splitter.ts";
import type { RejectReason } from "../stratum/rejections.ts";
import type { SessionState } from "../stratum/session.ts";
import { newRecord } from "./connection-record.ts";
import type { Peer } from "./peer.ts";
import { type ConnectionHost, StratumConnection } from "./stratum-connection.ts";

/** One POST of HTTP getwork. */
export interface GetworkPost {
  /** Lower-case `0x` address, from the URL. */
  readonly login: string;
  /** Worker in the URL, empty where it names none. */
  readonly worker: string;
  readonly ip: string;
  readonly body: string;
}

/** Rigs of a login that are remembered. */
const PLACES = 256;

/**
 * Where the rigs of a login search that come by HTTP getwork: all that lasts from one POST to the next, in memory. Without it a rig that began
 * inside an easier class would be told the pool's target for as long as it runs, and credited for what that class is worth.
 */
export class GetworkPlaces {
  readonly #places = new RecentMap<string, Pick<SessionState, "region" | "track" | "job">>(PLACES);

  of({ ip, worker }: GetworkPost): Partial<SessionState> {
    return this.#places.get(`${ip} ${worker}`) ?? {};
  }

  /** @param state after a POST; before the first submit there is nothing to remember */
  keep({ ip, worker }: GetworkPost, { region, track, job }: SessionState): void {
    if (region.strays !== null) this.#places.set(`${ip} ${worker}`, { region, track, job });
  }
}

/**
 * Answers a POST: an eth-proxy session that the URL has logged in and that ends with its answer.
 * @returns the JSON-RPC answer, always to be sent with status 200. Never rejects.
 */
export async function answerPost(post: GetworkPost, host: ConnectionHost, places: GetworkPlaces): Promise<string> {
  const { login, worker, ip, body } = post;
  const fresh = newRecord({ ip, owner: login, worker, begun: null }, "", host.clock.nowMs());
  const record = { ...fresh, state: { ...loggedInSession(fresh.state, "ethProxy", login), ...places.of(post) } };
  return await new Promise((resolve) => {
    const peer: Peer = {
      send: (line) => {
        // Before the rig can come back.
        places.keep(post, connection.state);
        resolve(frameText(line).trimEnd());
      },
      // Most often after the answer. Without one the pool has failed inside, and the miner is to come back.
      close: () => resolve(refusePost(body, "notReady")),
    };
    const connection = new StratumConnection(peer, record, host);
    void connection.post(body);
  });
}

/** Refuses a POST, ban included: always a JSON-RPC answer, which makes miners wait and not storm (docs/protocol.md, section 3). */
export function refusePost(body: string, reason: RejectReason): string {
  const parsed = parseLine(body);
  return DIALECTS.ethProxy.rejection(parsed.kind === "request" ? parsed.request.id : "null", reason);
}
