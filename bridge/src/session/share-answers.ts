import type { Login, MinerRequest } from "../miner-side/miner-line.ts";

/** The error of an answer, in whichever dialect. */
export interface AnswerError {
  readonly code: number | null;
  readonly message: string;
}

/** The share had been recorded before: 22, in EthereumStratum/2 409 (docs/protocol.md, section 1; EIP-1571). */
export function isDuplicate(error: AnswerError | null): boolean {
  return error !== null && (error.code === 22 || error.code === 409 || error.message === "Duplicate share");
}

/** The pool cannot judge shares now, and will later. The code is no help: stratum has only 20, "other", for it. */
export function isNotReady(error: AnswerError | null): boolean {
  return error !== null && (error.code === 0 || error.code === 503 || error.message === "Work not ready");
}

/** Names a share among all that pass the bridge. */
export function shareClaim(login: Login | null, extranonce: string | null, shareKey: string): string {
  return `${login?.address ?? ""}:${extranonce ?? ""}:${shareKey}`;
}

/** The bridge's own answer to a share, in the dialect that the share came in: recorded, or no longer of use to any pool. */
export function shareVerdict(request: MinerRequest, accepted: boolean, version2: boolean): string {
  const id = request.id ?? null;
  if (request.method !== "mining.submit") return JSON.stringify({ id, jsonrpc: "2.0", result: accepted });
  if (version2)
    return JSON.stringify(accepted ? { id, result: true } : { id, error: { code: 404, message: "Job not found" } });
  return JSON.stringify({ id, result: accepted ? true : null, error: accepted ? null : [21, "Job not found", null] });
}
