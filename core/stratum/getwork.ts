import type { Job } from "../work/job.ts";
import { DIALECTS } from "./dialects.ts";
import { parseLine } from "./json-rpc.ts";
import { type ClientMessage, readMessage } from "./messages.ts";
import type { RejectReason } from "./rejections.ts";

/** What an HTTP getwork request asks for. `id` is the JSON text to echo. */
export type GetworkCall =
  | Extract<ClientMessage, { method: "getWork" | "submit" | "hashrate" }>
  | { readonly method: "getBlock"; readonly id: string }
  | { readonly method: "refuse"; readonly id: string; readonly reason: RejectReason };

/** Reads the body of a POST: the eth-proxy dialect, without login, which the URL holds. Never throws. */
export function readGetwork(body: string): GetworkCall {
  const parsed = parseLine(body);
  if (parsed.kind !== "request") return { method: "refuse", id: "null", reason: "malformedRequest" };
  const { request } = parsed;
  const { id } = request;
  if (request.method === "eth_getblockbynumber") return { method: "getBlock", id };
  const message = readMessage(request, "ethProxy", "");
  switch (message.method) {
    case "getWork":
    case "submit":
    case "hashrate":
      return message;
    case "illFormed":
      return { method: "refuse", id, reason: message.reason };
    default:
      return { method: "refuse", id, reason: "unknownMethod" };
  }
}

/** A granted request; `result` is JSON text. */
export function getworkResult(id: string, result: string): string {
  return DIALECTS.ethProxy.result(id, result);
}

/** A request that is granted and has nothing to say but yes. */
export function getworkGranted(id: string): string {
  return DIALECTS.ethProxy.granted(id);
}

/** A refused one, ban included: always a JSON-RPC answer, which makes miners wait and not storm (docs/protocol.md, section 3). */
export function getworkRefusal(id: string, reason: RejectReason): string {
  return DIALECTS.ethProxy.rejection(id, reason);
}

/** What the reference answers to `eth_getBlockByNumber`: number and difficulty of the pending block, in hex. */
export function pendingBlock(job: Job): string {
  return `{"number":"0x${job.height.toString(16)}","difficulty":"0x${job.networkDifficulty.toString(16)}"}`;
}
