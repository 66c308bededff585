import { isRecord } from "./json-rpc.ts";
import { REJECTIONS, type RejectReason } from "./rejections.ts";

/** Why a request was not granted, as whoever asked reads it. */
export interface Refusal {
  /** Null where the words and the code are another pool's. */
  readonly reason: RejectReason | null;
  readonly code: number | null;
  readonly message: string;
}

/** What an answer means, in whichever dialect. */
export type Answer =
  /** `result` is undefined where EthereumStratum/2 has nothing to say but yes. */
  { readonly kind: "granted"; readonly result: unknown } | { readonly kind: "refused"; readonly refusal: Refusal };

/** A bare `"result":false` of the eth-proxy dialect does not say which of the two it is. */
const STALE_OR_INVALID: Refusal = { reason: null, code: null, message: "Stale or invalid share" };

const REASONS = Object.keys(REJECTIONS).filter((name): name is RejectReason => name in REJECTIONS);

/** Codes of the dialects, for pools that word their errors otherwise; those that mean one thing everywhere. */
const REASON_BY_CODE: ReadonlyMap<number, RejectReason> = new Map([
  [21, "stale"],
  [404, "stale"],
  [22, "duplicate"],
  [409, "duplicate"],
  [23, "invalid"],
  [406, "invalid"],
  [0, "notReady"],
  [503, "notReady"],
]);

/**
 * Reads the answer to a request: the counterpart of what {@link DIALECTS} writes.
 * @param body the parsed line
 * @param version2 EthereumStratum/2, where no error is success and `{"id":40}` alone a yes (EIP-1571)
 */
export function readAnswer(body: Readonly<Record<string, unknown>>, version2: boolean): Answer {
  const { result, error } = body;
  if (error !== undefined && error !== null && error !== false) return { kind: "refused", refusal: refusalOf(error) };
  if (result === false) return { kind: "refused", refusal: STALE_OR_INVALID };
  if (!version2 && (result === undefined || result === null)) {
    return { kind: "refused", refusal: { reason: null, code: null, message: "An answer without a result" } };
  }
  return { kind: "granted", result: result ?? undefined };
}

/** `{code, message}` in the eth-proxy dialect and EthereumStratum/2, `[code, message, null]` in version 1. */
function refusalOf(error: unknown): Refusal {
  const [rawCode, rawMessage]: unknown[] = Array.isArray(error)
    ? error
    : isRecord(error)
      ? [error["code"], error["message"]]
      : [null, error];
  const code = typeof rawCode === "number" ? rawCode : null;
  const message = typeof rawMessage === "string" ? rawMessage : (JSON.stringify(rawMessage) ?? "");
  return { reason: reasonOf(code, message), code, message };
}

/** Words before codes: stratum has only 20, "other", for several reasons, and 0 says two things. */
function reasonOf(code: number | null, message: string): RejectReason | null {
  const worded = REASONS.filter((reason) => REJECTIONS[reason].message === message);
  const coded = worded.find((reason) => {
    const { code: ethProxy, stratumCode, es2Code } = REJECTIONS[reason];
    return [ethProxy, stratumCode, es2Code].some((known) => known !== null && known === code);
  });
  return coded ?? worded[0] ?? (code === null ? null : (REASON_BY_CODE.get(code) ?? null));
}
