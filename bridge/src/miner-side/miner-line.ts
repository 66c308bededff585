import { DEFAULT_WORKER, parseLogin, workerName } from "../../../core/policy/login.ts";
import { elementsOf, parseObject, textOf, type JsonObject } from "../json.ts";

/**
 * What a line from a miner is, as far as a bridge has to know. The bridge reads just enough to find the login and to
 * carry a session over to a new connection; what a request means is the pool's business.
 */
export type MinerLine =
  | { readonly kind: "login"; readonly request: MinerRequest; readonly login: Login | null }
  | { readonly kind: "submit"; readonly request: MinerRequest; readonly shareKey: string }
  /** Requests whose newest instance is as good as all of them. */
  | { readonly kind: "poll"; readonly request: MinerRequest }
  | { readonly kind: "other"; readonly request: MinerRequest }
  /** An answer of the miner to something that the pool asked: never answered itself. */
  | { readonly kind: "answer" };

/** A JSON-RPC request as the miner sent it. */
export interface MinerRequest {
  /** Lower case: miners disagree about the case (Jasminer sends `eth_getwork`). */
  readonly method: string;
  /** Undefined where the member is absent. */
  readonly id: unknown;
  readonly params: readonly unknown[];
  /** The parsed object, for a rewrite that keeps the order of its members. */
  readonly body: JsonObject;
}

/** Who mines. */
export interface Login {
  /** 20-byte address, lower case, `0x`. */
  readonly address: string;
  /** Null where the line names none. */
  readonly worker: string | null;
}

/** Requests that set a session up; they are what is replayed on a new connection. */
const LOGIN_METHODS = new Set([
  "eth_submitlogin",
  "eth_login",
  "mining.hello",
  "mining.subscribe",
  "mining.authorize",
  "mining.extranonce.subscribe",
]);

/** Params[0] of these is `<address>[.worker]`. */
const NAMING_METHODS = new Set(["eth_submitlogin", "eth_login", "mining.authorize"]);

/** Parses one line; null when it is no JSON object. */
export function parseMinerLine(line: string): MinerLine | null {
  const body = parseObject(line);
  if (body === null) return null;
  if (typeof body["method"] !== "string") return { kind: "answer" };
  const method = body["method"].toLowerCase();
  const request: MinerRequest = { method, id: body["id"], params: elementsOf(body["params"]), body };
  if (LOGIN_METHODS.has(method)) {
    return {
      kind: "login",
      request,
      login: NAMING_METHODS.has(method) ? readLogin(request.params[0], body["worker"]) : null,
    };
  }
  if (method === "eth_submitwork" || method === "mining.submit") {
    return { kind: "submit", request, shareKey: shareKey(request) };
  }
  if (method === "eth_getwork" || method === "eth_submithashrate") return { kind: "poll", request };
  return { kind: "other", request };
}

/**
 * What the pool's own rules make of a login text, so that route and table name the same miner as the ledger does.
 * @param worker the name beside the login, where the request has one.
 * @param urlWorker the URL's, where that has one.
 * @returns null when the text is no login.
 */
export function readLogin(text: unknown, worker: unknown, urlWorker = ""): Login | null {
  const login = typeof text === "string" ? parseLogin(text) : null;
  if (login === null) return null;
  // As the pool reads it: what is no text names nobody.
  const name = workerName(login.address, typeof worker === "string" ? worker : "", login.suffix, urlWorker);
  return { address: login.address, worker: name === DEFAULT_WORKER ? null : name };
}

/** Names a share within one login: every submitted field but the worker, lower case. */
function shareKey(request: MinerRequest): string {
  const fields = request.method === "mining.submit" ? request.params.slice(1) : request.params.slice(0, 2);
  return fields.map((field) => textOf(field).toLowerCase()).join(":");
}
