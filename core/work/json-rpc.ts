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

/** One call of a batch. */
export interface JsonRpcCall {
  readonly method: string;
  readonly params: readonly unknown[];
}

/** The answers to a batch. */
export interface JsonRpcBatch {
  readonly kind: "ok";
  /** The `result` for the call at this place in the batch, or its `error` as a failure. */
  replyTo(index: number): JsonRpcReply;
}

/** JSON-RPC over HTTP to one node. Nothing throws for what a node does; nothing that comes back names a secret. */
export interface JsonRpc {
  /** @returns the `result`, or the `error` as a failure */
  call(call: JsonRpcCall): Promise<JsonRpcReply>;
  /** Sends calls in one request. */
  batch(calls: readonly JsonRpcCall[]): Promise<JsonRpcBatch | NodeFailure>;
}

/** @param at its place in a batch */
const request = ({ method, params }: JsonRpcCall, at: number) => ({ jsonrpc: "2.0", id: at + 1, method, params });

/** @param upstream where, with which credentials and how long; @param deps the platform */
export function createJsonRpc(upstream: UpstreamConfig, deps: NodeClientDeps): JsonRpc {
  const quote = createQuote(upstream);
  return {
    async call(call) {
      const reply = await post(upstream, deps, quote, request(call, 0));
      return reply.kind === "failed" ? reply : resultOf(reply.value, call.method, quote);
    },
    async batch(calls) {
      const reply = await post(upstream, deps, quote, calls.map(request));
      if (reply.kind === "failed") return reply;
      if (!Array.isArray(reply.value)) {
        const single = resultOf(reply.value, "the batch", quote);
        return single.kind === "failed" ? single : nodeFailure("malformed", "does not answer a batch with an array");
      }
      // The answers of a batch may come in any order (JSON-RPC 2.0, section 6).
      const answers: unknown[] = reply.value;
      const answerTo = (index: number) => answers.find((answer) => isRecord(answer) && answer["id"] === index + 1);
      return {
        kind: "ok",
        replyTo: (index) => resultOf(answerTo(index), calls[index]?.method ?? `call ${index}`, quote),
      };
    },
  };
}

/** POSTs one request or a batch. @returns the parsed JSON body */
async function post(
  upstream: UpstreamConfig,
  deps: NodeClientDeps,
  quote: (text: string) => string,
  body: unknown,
): Promise<JsonRpcReply> {
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
}

/** The `result` of one reply object, or its `error` as a failure. @param method for the message */
function resultOf(reply: unknown, method: string, quote: (text: string) => string): JsonRpcReply {
  if (!isRecord(reply)) return nodeFailure("malformed", `gave no answer to ${method}`);
  const error = reply["error"];
  if (error === undefined || error === null) return { kind: "ok", value: reply["result"] };
  const message = isRecord(error) && typeof error["message"] === "string" ? error["message"] : JSON.stringify(error);
  return nodeFailure(/\bno (mining )?work\b/i.test(message) ? "noWork" : "rpc", `${method}: ${quote(message)}`);
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
