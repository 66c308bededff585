import { isRecord } from "../../core/work/node-rpc.ts";

/** An error that goes to the caller with geth's code and words. */
export class RpcError extends Error {
  override readonly name = "RpcError";
  readonly code: number;
  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

/** A value that JSON can carry. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** Carries out one call. @throws RpcError for what the caller did wrong or the node refuses. */
export type RpcMethod = (params: readonly unknown[]) => Json | Promise<Json>;

type Id = string | number | null;

/**
 * Answers the body of one HTTP request, single or batch, as geth words it.
 * @returns the answer, empty where a body holds nothing but notifications.
 */
export async function answerRpc(body: string, methods: ReadonlyMap<string, RpcMethod>): Promise<string> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch {
    return JSON.stringify(failure(null, new RpcError(-32700, "parse error")));
  }
  if (!Array.isArray(parsed)) {
    const answer = await answerOne(parsed, methods);
    return answer === undefined ? "" : JSON.stringify(answer);
  }
  if (parsed.length === 0) return JSON.stringify(failure(null, new RpcError(-32600, "empty batch")));
  const answers = [];
  for (const call of parsed) answers.push(await answerOne(call, methods));
  const said = answers.filter((answer) => answer !== undefined);
  return said.length === 0 ? "" : JSON.stringify(said);
}

async function answerOne(call: unknown, methods: ReadonlyMap<string, RpcMethod>) {
  if (!isRecord(call)) return failure(null, new RpcError(-32600, "invalid request"));
  const { id, method, params = [] } = call;
  const isNotification = id === undefined;
  const answerId = typeof id === "string" || typeof id === "number" ? id : null;
  if (typeof method !== "string" || call["jsonrpc"] !== "2.0" || typeof id === "object" || typeof id === "boolean") {
    return failure(answerId, new RpcError(-32600, "invalid request"));
  }
  try {
    const run = methods.get(method);
    if (run === undefined) throw new RpcError(-32601, `the method ${method} does not exist/is not available`);
    if (!Array.isArray(params)) throw new RpcError(-32602, "non-array args");
    const result = await run(params);
    return isNotification ? undefined : { jsonrpc: "2.0", id: answerId, result };
  } catch (error) {
    if (!(error instanceof RpcError)) throw error;
    return isNotification ? undefined : failure(answerId, error);
  }
}

function failure(id: Id, { code, message }: RpcError) {
  return { jsonrpc: "2.0", id, error: { code, message } };
}
