import { BoundedMap } from "../../../core/bounded-map.ts";
import type { MinerRequest } from "../miner-side/miner-line.ts";
import { elementsOf, isObject, textOf, type JsonObject } from "../json.ts";

const REMEMBERED_JOBS = 64;

/** Which nonces a session has. */
export interface NonceSettings {
  /** What the pool calls the session, where it gives out extranonces; it has to be named for the extranonce to be kept. */
  readonly session: string | null;
  /** Hex digits that the miner puts before its own; null where the dialect has none. */
  readonly extranonce: string | null;
  /** The miner said that it takes `mining.set_extranonce`. */
  readonly takesExtranonce: boolean;
  /** EthereumStratum/2: settings come by `mining.set`, and a submit is `[job, tail, token]`. */
  readonly version2: boolean;
}

/** What the miner was told about its nonces: EthereumStratum has the pool choose the first bytes. */
export class NonceRange implements NonceSettings {
  session: string | null;
  extranonce: string | null;
  takesExtranonce: boolean;
  version2: boolean;
  /** The extranonce that held when a job was given out: a new one holds only from the next job on. */
  readonly #jobs = new BoundedMap<string, string>(REMEMBERED_JOBS);

  constructor(settings: NonceSettings | null = null) {
    this.session = settings?.session ?? null;
    this.extranonce = settings?.extranonce ?? null;
    this.takesExtranonce = settings?.takesExtranonce ?? false;
    this.version2 = settings?.version2 ?? false;
  }

  get settings(): NonceSettings {
    const { session, extranonce, takesExtranonce, version2 } = this;
    return { session, extranonce, takesExtranonce, version2 };
  }

  /** The miner's login was answered with yes. */
  learnLogin(request: MinerRequest, body: JsonObject): void {
    if (request.method === "mining.hello") this.version2 = true;
    if (request.method === "mining.extranonce.subscribe") this.takesExtranonce = true;
    if (request.method !== "mining.subscribe") return;
    this.extranonce = subscribedExtranonce(body) ?? this.extranonce;
    this.session = subscribedSession(body) ?? this.session;
  }

  /** What to say on a new connection for a login that the last one had answered. */
  replayOf(request: MinerRequest): JsonObject {
    if (request.method !== "mining.subscribe" || this.session === null) return request.body;
    // EIP-1571 has the session alone; in version 1 it follows the two params of every client.
    return { ...request.body, params: this.version2 ? [this.session] : [...request.params.slice(0, 2), this.session] };
  }

  /** A push goes to the miner. */
  learnPush(body: JsonObject): void {
    this.#learnExtranonce(pushedExtranonce(body));
    if (methodOf(body) !== "mining.notify" || this.extranonce === null) return;
    const job = textOf(elementsOf(body["params"])[0]);
    this.#jobs.delete(job);
    this.#jobs.set(job, this.extranonce);
  }

  /** A session whose id ends in its extranonce is resumed under the one that it has now. */
  #learnExtranonce(pushed: string | null): void {
    if (pushed === null) return;
    const { session, extranonce } = this;
    if (session !== null && extranonce !== null && extranonce !== "" && session.endsWith(extranonce)) {
      this.session = `${session.slice(0, -extranonce.length)}${pushed}`;
    }
    this.extranonce = pushed;
  }

  /** Extranonce that a submit was mined with; null where the submit carries its whole nonce. */
  extranonceOf(request: MinerRequest): string | null {
    if (request.method !== "mining.submit" || this.extranonce === null) return null;
    const job = textOf(request.params[this.version2 ? 0 : 1]);
    return this.#jobs.get(job) ?? this.extranonce;
  }
}

/** Second element of `[["mining.notify", session, protocol], extranonce]`, if the answer has that shape. */
export function subscribedExtranonce(body: JsonObject): string | null {
  return hexOrNull(elementsOf(body["result"])[1]);
}

/** The session of `[["mining.notify", session, "EthereumStratum/1…"], extranonce]`, or the text that version 2 answers. */
export function subscribedSession(body: JsonObject): string | null {
  const result = body["result"];
  if (typeof result === "string") return result;
  const [, session, protocol] = elementsOf(elementsOf(result)[0]);
  return typeof session === "string" && /^EthereumStratum\/1/i.test(textOf(protocol)) ? session : null;
}

/** Of `mining.set_extranonce` (version 1) and `mining.set` (version 2). */
export function pushedExtranonce(body: JsonObject): string | null {
  const method = methodOf(body);
  const first = elementsOf(body["params"])[0];
  if (method === "mining.set_extranonce") return hexOrNull(first);
  // EIP-1571 writes params as an object; some pools wrap it in an array.
  const settings = first ?? body["params"];
  return method === "mining.set" && isObject(settings) ? hexOrNull(settings["extranonce"]) : null;
}

function methodOf(body: JsonObject): string {
  return textOf(body["method"]).toLowerCase();
}

function hexOrNull(value: unknown): string | null {
  return typeof value === "string" && /^[0-9a-f]*$/i.test(value) ? value.toLowerCase() : null;
}
