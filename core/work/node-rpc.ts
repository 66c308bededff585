import type { UpstreamConfig } from "./upstream.ts";

/** One POST, as the platform does it. Never follows a redirect: the secret headers would travel with it. Never rejects. */
export type HttpPost = (request: HttpRequest) => Promise<HttpAnswer>;

interface HttpRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** By then the whole answer must be there. */
  readonly timeoutMs: number;
}

type HttpAnswer =
  /** `body` is empty unless the status is 200. */
  | { readonly kind: "answered"; readonly status: number; readonly body: string }
  | { readonly kind: "timeout" }
  /** `reason` may quote the endpoint. */
  | { readonly kind: "unreachable"; readonly reason: string };

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
  | "wrongSeed"
  /** The node is on another chain than the configured one. */
  | "wrongChain"
  /** The light cache of this height has no room in an isolate. */
  | "tooLarge"
  /** Its work stays behind its own chain: blocks that are found on it are lost. */
  | "stuck";

/** A failure as a value: `reason` is one line for logs and `/health`, without secrets. */
export interface NodeFailure {
  readonly kind: "failed";
  readonly failure: NodeFailureKind;
  readonly reason: string;
}

/** What was asked for, still unchecked. */
interface JsonRpcValue {
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
interface JsonRpcBatch {
  readonly kind: "ok";
  /** The `result` for the call at this place in the batch, or its `error` as a failure. */
  replyTo(index: number): JsonRpcReply;
}

/** A member of a result; undefined where there is none. */
export function fieldIn(reply: JsonRpcReply, name: string): unknown {
  return reply.kind === "ok" && isRecord(reply.value) ? reply.value[name] : undefined;
}

/** JSON-RPC over HTTP to one node. Nothing throws for what a node does; nothing that comes back names a secret. */
export interface NodeRpc {
  /** @returns the `result`, or the `error` as a failure */
  call(call: JsonRpcCall): Promise<JsonRpcReply>;
  /** Sends calls in one request. */
  batch(calls: readonly JsonRpcCall[]): Promise<JsonRpcBatch | NodeFailure>;
}

/** @param at its place in a batch */
const request = ({ method, params }: JsonRpcCall, at: number) => ({ jsonrpc: "2.0", id: at + 1, method, params });

/** @param upstream where, with which credentials and how long; @param send the platform */
export function createNodeRpc(upstream: UpstreamConfig, send: HttpPost): NodeRpc {
  const quote = createQuote(upstream);
  return {
    async call(call) {
      const reply = await post(upstream, send, quote, request(call, 0));
      return reply.kind === "failed" ? reply : resultOf(reply.value, call.method, quote);
    },
    async batch(calls) {
      const reply = await post(upstream, send, quote, calls.map(request));
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
  { url, timeoutMs, secretHeaders }: UpstreamConfig,
  send: HttpPost,
  quote: (text: string) => string,
  body: unknown,
): Promise<JsonRpcReply> {
  const headers = { ...secretHeaders, "content-type": "application/json", accept: "application/json" };
  const answer = await send({ url, headers, body: JSON.stringify(body), timeoutMs });
  switch (answer.kind) {
    case "answered":
      return answer.status === 200 ? parseBody(answer.body) : nodeFailure("http", describeStatus(answer.status));
    case "timeout":
      return nodeFailure("timeout", `no answer within ${timeoutMs} ms`);
    case "unreachable":
      return nodeFailure("unreachable", `cannot be reached: ${quote(answer.reason)}`);
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
