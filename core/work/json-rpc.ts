import type { UpstreamConfig } from "./upstream.ts";

/** The part of `fetch` that a node client needs; the platform's own `fetch` fits. */
export type HttpFetch = (
  url: string,
  init: {
    readonly method: "POST";
    readonly headers: Record<string, string>;
    readonly body: string;
    readonly redirect: "manual";
    readonly signal: AbortSignal;
  },
) => Promise<{ readonly status: number; text(): Promise<string> }>;

/** A time limit: `signal` aborts when it is over, `clear` lifts it. */
export interface Deadline {
  readonly signal: AbortSignal;
  clear(): void;
}

export interface NodeClientDeps {
  readonly fetch: HttpFetch;
  /** Begins a time limit. Its signal must end the reading of a body as well. */
  readonly deadline: (timeoutMs: number) => Deadline;
}

/** Why a node gave nothing usable. */
export type NodeFailureKind =
  /** No complete answer within `timeoutMs`. */
  | "timeout"
  /** No connection, or it broke. */
  | "unreachable"
  /** A status other than 200; redirects are never followed, because the secret headers would travel with them. */
  | "http"
  /** Not JSON, or not the JSON-RPC that was asked for. */
  | "malformed"
  /** The node's own JSON-RPC error. */
  | "rpc"
  /** The node is up and has no work: it is not mining, or not yet. */
  | "noWork"
  /** A node without the height in its work gave a pending block of another block, twice in a row. */
  | "inconsistent"
  /** The seed hash of its work is not that of the configured chain. */
  | "wrongSeed";

/** A failure as a value: `reason` is one line for logs and `/health`, without secrets. */
export interface NodeFailure {
  readonly kind: "failed";
  readonly failure: NodeFailureKind;
  readonly reason: string;
}

/** What was asked for, still unchecked. */
export interface JsonRpcValue {
  readonly kind: "ok";
  readonly value: unknown;
}

export type JsonRpcReply = JsonRpcValue | NodeFailure;

/** One line of a log or of `/health` should stay one. */
const LONGEST_QUOTE = 200;

/** @param reason one line without secrets */
export const nodeFailure = (failure: NodeFailureKind, reason: string): NodeFailure => ({
  kind: "failed",
  failure,
  reason,
});

/** A JSON object: neither null nor an array. */
export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** JSON-RPC over HTTP to one node. Nothing throws for what a node does; nothing that comes back names a secret. */
export interface JsonRpc {
  /** POSTs one request or a batch. @returns the parsed JSON body */
  post(body: unknown): Promise<JsonRpcReply>;
  /** The `result` of one reply object, or its `error` as a failure. `method` is for the message. */
  resultOf(reply: unknown, method: string): JsonRpcReply;
}

/** @param upstream where, with which credentials and how long; @param deps the platform */
export function createJsonRpc(upstream: UpstreamConfig, deps: NodeClientDeps): JsonRpc {
  const quote = createQuote(upstream);
  return {
    async post(body) {
      const limit = deps.deadline(upstream.timeoutMs);
      try {
        const response = await deps.fetch(upstream.url, {
          method: "POST",
          headers: { ...upstream.secretHeaders, "content-type": "application/json", accept: "application/json" },
          body: JSON.stringify(body),
          redirect: "manual",
          signal: limit.signal,
        });
        if (response.status !== 200) return nodeFailure("http", describeStatus(response.status));
        return parseBody(await response.text());
      } catch (error) {
        if (limit.signal.aborted) return nodeFailure("timeout", `no answer within ${upstream.timeoutMs} ms`);
        const message = error instanceof Error ? error.message : String(error);
        return nodeFailure("unreachable", `cannot be reached: ${quote(message)}`);
      } finally {
        // A timer that still runs would keep the object in memory.
        limit.clear();
      }
    },
    resultOf(reply, method) {
      if (!isRecord(reply)) return nodeFailure("malformed", `gave no answer to ${method}`);
      const error = reply["error"];
      if (error === undefined || error === null) return { kind: "ok", value: reply["result"] };
      const message =
        isRecord(error) && typeof error["message"] === "string" ? error["message"] : JSON.stringify(error);
      return nodeFailure(/\bno (mining )?work\b/i.test(message) ? "noWork" : "rpc", `${method}: ${quote(message)}`);
    },
  };
}

function parseBody(text: string): JsonRpcReply {
  try {
    return { kind: "ok", value: JSON.parse(text) };
  } catch {
    const what = text.trim() === "" ? "an empty body" : text.trimStart().startsWith("<") ? "HTML or XML" : "other text";
    return nodeFailure("malformed", `answered with ${what} instead of JSON: is this a JSON-RPC endpoint?`);
  }
}

function describeStatus(status: number): string {
  if (status >= 300 && status < 400) {
    return `status ${status}, a redirect: the URL is wrong, or Cloudflare Access asks for a login (check the service token)`;
  }
  if (status === 401) return "status 401: the node wants credentials, or does not know these";
  if (status === 403) {
    return "status 403: refused; check the credentials, and --http.vhosts where geth does not know the host name";
  }
  return `status ${status}`;
}

/** Another program's text on one line, of bounded length, with the endpoint and everything secret taken out. */
function createQuote(upstream: UpstreamConfig): (text: string) => string {
  const secrets = [upstream.url];
  // The part after `Basic ` or `Bearer ` is as secret as the whole.
  for (const value of Object.values(upstream.secretHeaders)) secrets.push(value, ...value.split(" "));
  const longestFirst = secrets.filter((secret) => secret.length > 3).toSorted((a, b) => b.length - a.length);
  return (text) => {
    let clean = text.replaceAll(/\s+/g, " ").trim();
    for (const secret of longestFirst) clean = clean.replaceAll(secret, "[redacted]");
    return clean.length > LONGEST_QUOTE ? `${clean.slice(0, LONGEST_QUOTE)}…` : clean;
  };
}
