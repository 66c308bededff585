/** A request as every dialect sends it. */
export interface RpcRequest {
  /** JSON text of the id, echoed unchanged: a number, a string or `null`. */
  readonly id: string;
  /** Lower case, because miners disagree about case; empty when the peer named none. */
  readonly method: string;
  /** `[]` where the peer sent none; a single value (EIP-1571's resume id) comes as an array of one. */
  readonly params: readonly unknown[];
  /** Members of an object in place of the parameter array, as EIP-1571 has them. */
  readonly named: Readonly<Record<string, unknown>>;
  /** The `worker` member beside `params`, empty where there is none. */
  readonly worker: string;
}

/** What a line turned out to be. A `response` is a peer's answer to one of our notifications: nothing is due. */
export type ParsedLine =
  | { readonly kind: "request"; readonly request: RpcRequest }
  | { readonly kind: "response" }
  | { readonly kind: "malformed" };

/** Narrows a JSON value to an object that is not an array. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Reads one line. Never throws: whatever a peer sends is one of the kinds. */
export function parseLine(line: string): ParsedLine {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return { kind: "malformed" };
  }
  if (!isRecord(value)) return { kind: "malformed" };
  const { id = null, method, params = null, worker } = value;
  if (method === undefined && ("result" in value || "error" in value)) return { kind: "response" };
  const idText = textOfId(id, line);
  if (idText === null || (method !== undefined && typeof method !== "string")) return { kind: "malformed" };
  if (typeof params === "number" || typeof params === "boolean") return { kind: "malformed" };
  return {
    kind: "request",
    request: {
      id: idText,
      method: (method ?? "").toLowerCase(),
      params: Array.isArray(params) ? params : typeof params === "string" ? [params] : [],
      named: isRecord(params) ? params : {},
      worker: typeof worker === "string" ? worker : "",
    },
  };
}

/** Ids that JSON.parse reads and String prints differently: 1.0, 1e3, -0. */
const EXOTIC_ID = /"id"\s*:\s*(?:-0|-?\d+[.eE])/;

/** JSON text of an id as the peer wrote it; null for one that is neither number, string nor null. */
function textOfId(id: unknown, line: string): string | null {
  if (id === null) return "null";
  if (typeof id === "string") return JSON.stringify(id);
  if (typeof id !== "number") return null;
  return Number.isSafeInteger(id) && !EXOTIC_ID.test(line) ? String(id) : sourceOfId(line);
}

/** Source text of the outermost `id`. A second parse, so only for ids that do not survive the first. */
function sourceOfId(line: string): string | null {
  const found: { holder: unknown; source: string }[] = [];
  const root: unknown = JSON.parse(
    line,
    function collect(this: unknown, key: string, value: unknown, context?: { source?: string }) {
      if (key === "id" && context?.source !== undefined) found.push({ holder: this, source: context.source });
      return value;
    },
  );
  return found.findLast(({ holder }) => holder === root)?.source ?? null;
}
