import { parseObject, type JsonObject } from "../json.ts";

/** What a line from the pool is, as far as a bridge has to know. */
export type PoolLine =
  /** Names the request that it answers by `idKey`. */
  | { readonly kind: "answer"; readonly idKey: string; readonly body: JsonObject }
  /** New work: only the newest matters to a miner. */
  | { readonly kind: "job"; readonly idKey: string; readonly body: JsonObject }
  /** A setting that holds for the jobs after it. */
  | { readonly kind: "setting"; readonly body: JsonObject }
  /** Not understood: passed on as it is. */
  | { readonly kind: "unknown" };

/** How a JSON-RPC id is compared: an absent one counts as null. */
export function idKeyOf(id: unknown): string {
  return JSON.stringify(id ?? null);
}

export function parsePoolLine(line: string): PoolLine {
  const body = parseObject(line);
  if (body === null) return { kind: "unknown" };
  const idKey = idKeyOf(body["id"]);
  if (typeof body["method"] === "string") {
    return body["method"].toLowerCase() === "mining.notify" ? { kind: "job", idKey, body } : { kind: "setting", body };
  }
  // eth-proxy pushes work as an answer with id 0 or without one; so is the answer to a poll with id 0, and both are jobs.
  if (Array.isArray(body["result"]) && (idKey === "0" || idKey === "null")) return { kind: "job", idKey, body };
  return { kind: "answer", idKey, body };
}
