import { DIALECTS, type Dialect } from "../../../core/stratum/dialects.ts";
import type { RejectReason } from "../../../core/stratum/rejections.ts";
import type { JsonObject } from "../json.ts";
import type { MinerLine, MinerRequest } from "../miner-side/miner-line.ts";
import { idKeyOf } from "../pool-side/pool-line.ts";

/** A request of the miner that has no answer of the pool yet. */
export interface Tracked {
  /** Order in which the miner said it. */
  readonly sequence: number;
  readonly line: string;
  readonly parsed: Exclude<MinerLine, { kind: "answer" }>;
  /** First nonce bytes that a share was mined with, where the pool hands them out. */
  readonly extranonce: string | null;
  /** When the miner said it, on the bridge's monotonic clock. */
  readonly saidAtMs: number;
  /** No connection carried the session when the miner said it, or one that had only just come. */
  readonly waited: boolean;
  /** Connections that it was sent on. */
  sends: number;
  /** Answers `Work not ready` that it got after a reconnect. */
  deferrals: number;
  /** On the bridge's disk under this number, or on its way there; null: not kept. */
  kept: number | null;
  /** The miner has its answer: the pool's own goes into the counts alone. */
  answered: boolean;
}

/** What is true of every request when the miner says it. */
export const NEW = { sends: 0, deferrals: 0, kept: null, answered: false } as const;

/** The dialect that a request is answered in. */
function dialectOf({ method }: MinerRequest, version2: boolean): Dialect {
  if (method.startsWith("eth_")) return DIALECTS.ethProxy;
  return version2 ? DIALECTS.es2 : DIALECTS.es1;
}

/** The bridge's own yes. */
export function granted(request: MinerRequest, version2: boolean): string {
  return dialectOf(request, version2).granted(idText(request));
}

/** The bridge's own no. */
export function refused(request: MinerRequest, version2: boolean, reason: RejectReason): string {
  return dialectOf(request, version2).rejection(idText(request), reason);
}

/** The bridge's own answer with something in it. */
export function result(request: MinerRequest, version2: boolean, value: unknown): string {
  return dialectOf(request, version2).result(idText(request), JSON.stringify(value));
}

/** The same object under another id; members keep their order, and a missing id comes first. */
export function withId(body: JsonObject, id: unknown): string {
  return JSON.stringify("id" in body ? { ...body, id } : { id, ...body });
}

function idText(request: MinerRequest): string {
  return JSON.stringify(request.id ?? null);
}

export function pollKey(tracked: Tracked): string {
  return `${tracked.parsed.request.method} ${idKeyOf(tracked.parsed.request.id)}`;
}

/** The work of a poll's answer as a push. */
export function pushOf(body: JsonObject): string {
  return JSON.stringify({ id: 0, jsonrpc: "2.0", result: body["result"] });
}

/** A question for work, whose answer is a job. */
export function isWorkPoll({ parsed }: Tracked): boolean {
  return parsed.request.method === "eth_getwork";
}

/** How an answer without a job in it is written. */
export function answerKind({ method }: MinerRequest): "login" | "noWork" | "answer" {
  if (method === "eth_getwork") return "noWork";
  return method === "eth_submitlogin" || method === "eth_login" ? "login" : "answer";
}

/** An array with id 0 is a push or the answer to a poll with id 0, but never that to a login or a share. */
export function answers(tracked: Tracked, body: JsonObject): boolean {
  return tracked.parsed.kind !== "submit" || !Array.isArray(body["result"]);
}

export function isKept({ kept }: Tracked): boolean {
  return kept !== null;
}
