import { DurableObject } from "cloudflare:workers";
import { callRefusal, CALLS_VERSION, OLDER_PART } from "../core/deploy/calls-version.ts";
import type { PartAbout } from "../core/health/pool-parts.ts";
import { VERSION } from "../core/version.ts";
import type { Env } from "./env.ts";
import { dataCentreHere } from "./platform/data-centre.ts";
import type { PartRpc } from "./rpc.ts";

/** What the runtime calls, and nobody else. */
const EVENTS = new Set(["constructor", "fetch", "alarm", "webSocketMessage", "webSocketClose", "webSocketError"]);

/** Every class of the pool's: calls come in at one place, where their version is looked at, and each object can say what and where it is. */
export abstract class PoolObject extends DurableObject<Env> implements PartRpc {
  /** @throws Error that names who has to be brought up, for a call of a later version or one that this version does not have */
  async serve(version: number, method: string, parameters: readonly unknown[]): Promise<unknown> {
    const refusal = callRefusal(version);
    if (refusal !== null) throw new Error(refusal);
    const called: unknown = EVENTS.has(method) ? undefined : Reflect.get(this, method);
    if (typeof called !== "function") throw new Error(`this part ${OLDER_PART}`);
    return await Reflect.apply(called, this, parameters);
  }

  async about(): Promise<PartAbout> {
    return { calls: CALLS_VERSION, version: VERSION };
  }

  async dataCentre(): Promise<string | null> {
    return await dataCentreHere(this.env);
  }
}
