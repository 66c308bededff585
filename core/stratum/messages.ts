import { readHashrate } from "./hashrate-claim.ts";
import { parseLine, type RpcRequest } from "./json-rpc.ts";

/** The dialects that a session can speak, as its first lines told. */
export type DialectName = "ethProxy" | "es1" | "es2" | "stratum";

/** One request, read by the dialect of its session. `id` is the JSON text to echo. */
export type ClientMessage =
  /** `user` is the login with or without a worker, `worker` the member beside `params`. */
  | {
      readonly method: "login";
      readonly id: string;
      readonly user: string;
      readonly password: string;
      readonly worker: string;
    }
  | { readonly method: "getWork"; readonly id: string }
  /** `job` is a header (lower case, `0x`) or a job id, `nonce` hex digits without `0x`: 16, or with an extranonce the rest. */
  | {
      readonly method: "submit";
      readonly id: string;
      readonly job: string;
      readonly nonce: string;
      readonly mixDigest: string | null;
      readonly worker: string;
    }
  /** `rate`: what the miner says it does, hashes a second; null where that cannot be read, which is answered all the same. */
  | { readonly method: "hashrate"; readonly id: string; readonly rate: number | null; readonly worker: string }
  | { readonly method: "hello"; readonly id: string; readonly protocol: string }
  /** `resume`: id of an earlier session of the peer's whose nonces it wants to keep; null for a new one. */
  | { readonly method: "subscribe"; readonly id: string; readonly resume: string | null }
  | { readonly method: "extranonceSubscribe"; readonly id: string }
  | { readonly method: "noop"; readonly id: string }
  | { readonly method: "bye" }
  /** A known method with params of the wrong count or shape. */
  | { readonly method: "illFormed"; readonly id: string; readonly reason: "invalidParams" | "malformedPow" }
  | { readonly method: "unknown"; readonly id: string };

/** Which dialect a request belongs to, were it a connection's first; null when none knows it. */
function detectDialect(request: RpcRequest): DialectName | null {
  switch (request.method) {
    case "mining.hello":
      return "es2";
    case "mining.subscribe":
      return request.params.some((param) => typeof param === "string" && /^EthereumStratum\/1\./i.test(param))
        ? "es1"
        : "stratum";
    case "mining.authorize":
      return "stratum";
    case "eth_submitlogin":
    case "eth_login":
    case "eth_getwork":
    case "eth_submitwork":
    case "eth_submithashrate":
      return "ethProxy";
    default:
      return null;
  }
}

/**
 * The dialect of a request on a connection that has not logged in: until then a program may change it, as some subscribe first and log in
 * by `eth_submitLogin` then.
 * @param spoken what the connection speaks so far; null at its first request
 * @returns null for a first request that no dialect knows
 */
export function dialectOf(request: RpcRequest, spoken: DialectName | null): DialectName | null {
  const named = detectDialect(request);
  if (spoken === null || named === null || named === "es1") return named ?? spoken;
  // `mining.subscribe` and `mining.authorize` belong to three dialects, so only what the spoken one lacks tells of another.
  return readMessage(request, spoken).method === "unknown" ? named : spoken;
}

/** Reads a request in a dialect. */
export function readMessage(request: RpcRequest, dialect: DialectName): ClientMessage {
  const { id } = request;
  const unknown = { method: "unknown", id } as const;
  if (request.method === "eth_submithashrate")
    return { method: "hashrate", id, rate: readHashrate(request.params[0]), worker: request.worker };
  if (dialect === "ethProxy") {
    switch (request.method) {
      case "eth_submitlogin":
      case "eth_login":
        return readLogin(request);
      case "eth_getwork":
        return { method: "getWork", id };
      case "eth_submitwork":
        return readEthProxySubmit(request);
      default:
        return unknown;
    }
  }
  switch (request.method) {
    case "mining.hello":
      return dialect === "es2"
        ? { method: "hello", id, protocol: textOf(request.named["proto"] ?? request.params[0]) }
        : unknown;
    case "mining.subscribe":
      return { method: "subscribe", id, resume: resumedSession(request.params) };
    case "mining.extranonce.subscribe":
      return { method: "extranonceSubscribe", id };
    case "mining.authorize":
      return readLogin(request);
    case "mining.submit":
      if (dialect === "es1") return readEs1Submit(request);
      return dialect === "es2" ? readEs2Submit(request) : readStratumSubmit(request);
    case "mining.hashrate":
      return { method: "hashrate", id, rate: readHashrate(request.params[0]), worker: rateOwner(request, dialect) };
    case "mining.noop":
    case "mining.ping":
      return { method: "noop", id };
    case "mining.bye":
      return { method: "bye" };
    default:
      return unknown;
  }
}

/** The login that a line names, in any dialect, unchecked; null when it is no login. For choosing a route before a session exists. */
export function loginOf(line: string): string | null {
  const parsed = parseLine(line);
  if (
    parsed.kind !== "request" ||
    !["eth_submitlogin", "eth_login", "mining.authorize"].includes(parsed.request.method)
  ) {
    return null;
  }
  const [user] = parsed.request.params;
  return typeof user === "string" ? user : null;
}

const NONCE = /^[0-9a-f]{16}$/;
const HASH = /^[0-9a-f]{64}$/;

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** The last param, where it has the shape of the session ids that this pool gives: `s-…` in EthereumStratum/2, bare in /1. */
function resumedSession(params: readonly unknown[]): string | null {
  return /^(?:s-)?([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/.exec(textOf(params.at(-1)))?.[1] ?? null;
}

/** The params in lower case when all are strings and their number fits. */
function lowerParams(request: RpcRequest, atLeast: number, atMost: number): string[] | null {
  const { params } = request;
  if (params.length < atLeast || params.length > atMost) return null;
  const texts = params.filter((param) => typeof param === "string").map((param) => param.toLowerCase());
  return texts.length === params.length ? texts : null;
}

/** In EthereumStratum/2 the second param of `mining.hashrate` is the worker's token, which is its name here; elsewhere a program's own id. */
function rateOwner(request: RpcRequest, dialect: DialectName): string {
  return dialect === "es2" ? textOf(request.params[1]) : request.worker;
}

function illFormed(id: string, reason: "invalidParams" | "malformedPow"): ClientMessage {
  return { method: "illFormed", id, reason };
}

function readLogin(request: RpcRequest): ClientMessage {
  const [user, password] = request.params;
  if (typeof user !== "string") return illFormed(request.id, "invalidParams");
  return { method: "login", id: request.id, user, password: textOf(password), worker: request.worker };
}

function readEthProxySubmit(request: RpcRequest): ClientMessage {
  const params = lowerParams(request, 3, 3);
  if (!params) return illFormed(request.id, "invalidParams");
  const [nonce = "", header = "", mix = ""] = params;
  return pow(request, nonce, header, mix);
}

/** `[user, job, nonce, header, mix]` as ethminer's plain stratum mode sends it; the header names the job. */
function readStratumSubmit(request: RpcRequest): ClientMessage {
  const params = lowerParams(request, 5, 5);
  if (!params) return illFormed(request.id, "invalidParams");
  const [, , nonce = "", header = "", mix = ""] = params;
  const worker = workerSuffix(textOf(request.params[0]));
  return pow(request, nonce, header, mix, worker);
}

/** Each of the three with `0x` or without. */
function pow(request: RpcRequest, nonce: string, header: string, mixDigest: string, inParams = ""): ClientMessage {
  const [digits, job, mix] = [bare(nonce), bare(header), bare(mixDigest)];
  if (!NONCE.test(digits) || !HASH.test(job) || !HASH.test(mix)) return illFormed(request.id, "malformedPow");
  const worker = submitWorker(request, inParams);
  return { method: "submit", id: request.id, job: `0x${job}`, nonce: digits, mixDigest: `0x${mix}`, worker };
}

function readEs1Submit(request: RpcRequest): ClientMessage {
  const params = lowerParams(request, 3, 5);
  if (!params) return illFormed(request.id, "invalidParams");
  return tail(request, params[1] ?? "", params[2] ?? "", workerSuffix(textOf(request.params[0])));
}

function readEs2Submit(request: RpcRequest): ClientMessage {
  const params = lowerParams(request, 3, 3);
  if (!params) return illFormed(request.id, "invalidParams");
  return tail(request, params[0] ?? "", params[1] ?? "", textOf(request.params[2]));
}

function tail(request: RpcRequest, job: string, rest: string, inParams: string): ClientMessage {
  const nonce = bare(rest);
  if (!/^[0-9a-f]{1,16}$/.test(nonce)) return illFormed(request.id, "malformedPow");
  const worker = submitWorker(request, inParams);
  return { method: "submit", id: request.id, job: bare(job), nonce, mixDigest: null, worker };
}

/** The name that a submit gives, by the order of a login. @param inParams behind the user, or EthereumStratum/2's token */
function submitWorker(request: RpcRequest, inParams: string): string {
  return request.worker === "" ? inParams : request.worker;
}

function bare(hex: string): string {
  return hex.startsWith("0x") ? hex.slice(2) : hex;
}

/**
 * The whole nonce of a submit, or why there is none.
 * @param digits what the miner sent: the rest of the nonce, or all of it, which must then begin with what it was given
 * @param extranonce of the job that it names; empty where the dialect has none
 */
export function wholeNonce(
  digits: string,
  extranonce: string,
): { readonly nonce: string } | { readonly fault: "malformedPow" | "wrongExtranonce" } {
  if (NONCE.test(digits)) return digits.startsWith(extranonce) ? { nonce: digits } : { fault: "wrongExtranonce" };
  const nonce = `${extranonce}${digits}`;
  return NONCE.test(nonce) ? { nonce } : { fault: "malformedPow" };
}

/** The worker in `0xaddress.worker`. */
function workerSuffix(user: string): string {
  return /[./](.*)$/.exec(user)?.[1] ?? "";
}
