import { elementsOf, textOf, type JsonObject } from "../json.ts";
import type { Login, MinerRequest } from "../miner-side/miner-line.ts";
import { NonceRange, type NonceSettings } from "./nonce-range.ts";
import { ToldWork } from "./told-work.ts";

/** A login, and what the pool said to it. */
interface GrantedLogin {
  readonly request: MinerRequest;
  readonly answer: JsonObject;
}

/** What a pool has granted a miner: its logins, its nonces, and the work that it was told. */
export class SessionState {
  /** Null until a line of the miner named it. */
  login: Login | null = null;
  readonly nonces: NonceRange;
  readonly work: ToldWork;
  readonly #granted = new Map<string, GrantedLogin>();
  /** Granted to an earlier connection of the miner. */
  readonly #earlier = new Map<string, GrantedLogin>();

  constructor(nonces: NonceSettings | null = null, work: ToldWork = new ToldWork()) {
    this.nonces = new NonceRange(nonces);
    this.work = work;
  }

  get loggedIn(): boolean {
    return this.#granted.size > 0;
  }

  /** Logins that were granted, in the order in which they were said. */
  get requests(): readonly MinerRequest[] {
    return [...this.#granted.values()].map(({ request }) => request);
  }

  /** The pool said yes to a login. */
  grant(request: MinerRequest, answer: JsonObject): void {
    this.#granted.set(keyOf(request), { request, answer });
    this.nonces.learnLogin(request, answer);
  }

  /** All logins that were granted to the miner, on earlier connections too. */
  get grants(): readonly GrantedLogin[] {
    return [...new Map([...this.#earlier, ...this.#granted]).values()];
  }

  /** A login that was granted before; its nonces are known. */
  restore(granted: GrantedLogin): void {
    this.#granted.set(keyOf(granted.request), granted);
  }

  /** What the pool would say to this login, as it granted the very same one; null where it did not. */
  answerTo(request: MinerRequest): JsonObject | null {
    const granted = this.#granted.get(keyOf(request)) ?? this.#earlier.get(keyOf(request));
    if (granted === undefined || identityOf(granted.request) !== identityOf(request)) return null;
    const { answer } = granted;
    if (request.method !== "mining.subscribe" || this.nonces.extranonce === null) return answer;
    // Since then the nonces may have changed.
    const result = Array.isArray(answer["result"])
      ? [elementsOf(answer["result"])[0], this.nonces.extranonce]
      : (this.nonces.session ?? answer["result"]);
    return { ...answer, result };
  }

  /** The miner says a login again that was granted on an earlier connection, which `known` remembers. */
  grantAgain(request: MinerRequest, known: SessionState): void {
    const earlier = known.#earlier.get(keyOf(request));
    if (earlier !== undefined) this.#granted.set(keyOf(request), earlier);
  }

  /** The same session for another connection of the miner, which has said nothing yet. */
  forNextConnection(): SessionState {
    const next = new SessionState(this.nonces.settings, this.work.copy());
    for (const granted of this.grants) next.#earlier.set(keyOf(granted.request), granted);
    next.login = this.login;
    return next;
  }
}

/** All that a pool looks at in a login. */
export function identityOf({ method, params, body }: MinerRequest): string {
  return JSON.stringify([method, elementsOf(params), textOf(body["worker"])]);
}

/** A connection can authorize several users; of everything else the newest holds. */
function keyOf({ method, params }: MinerRequest): string {
  return method === "mining.authorize" ? `${method} ${textOf(params[0])}` : method;
}
