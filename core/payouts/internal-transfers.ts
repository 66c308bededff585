import { quantity } from "../work/chain-search.ts";
import { isRecord, type NodeRpc } from "../work/node-rpc.ts";
import { parseQuantity } from "../work/node-work.ts";

/** Frames that carry value from one account to another. */
const CARRYING = new Set(["CALL", "CREATE", "CREATE2", "SELFDESTRUCT"]);

/**
 * What contracts sent to an account in a block less what they took from it, Wei; transactions themselves are not counted. 0 where the node
 * does not trace.
 * @param account lower-case address @throws Error where a node that may trace gave no answer: a balance that is not explained would be its fault
 */
export async function internalTransfers(rpc: NodeRpc, height: number, account: string): Promise<bigint> {
  const params = [quantity(height), { tracer: "callTracer" }];
  const reply = await rpc.call({ method: "debug_traceBlockByNumber", params });
  if (reply.kind === "failed" && reply.failure !== "rpc") throw new Error(`trace of ${height}: ${reply.reason}`);
  if (reply.kind === "failed" || !Array.isArray(reply.value)) return 0n;
  const traces: unknown[] = reply.value;
  return traces.reduce<bigint>((sum, trace) => {
    const frame = isRecord(trace) ? trace["result"] : null;
    return sum + (isRecord(frame) && frame["error"] === undefined ? inside(frame, account) : 0n);
  }, 0n);
}

/** The frames that this one called; what a failed frame did was undone with it. */
function inside(frame: Readonly<Record<string, unknown>>, account: string): bigint {
  const calls: unknown = frame["calls"];
  if (!Array.isArray(calls)) return 0n;
  let sum = 0n;
  for (const call of calls) {
    if (!isRecord(call) || call["error"] !== undefined) continue;
    const value = parseQuantity(call["value"]) ?? 0n;
    if (typeof call["type"] === "string" && CARRYING.has(call["type"])) {
      if (isAccount(call["to"], account)) sum += value;
      if (isAccount(call["from"], account)) sum -= value;
    }
    sum += inside(call, account);
  }
  return sum;
}

const isAccount = (value: unknown, account: string): boolean =>
  typeof value === "string" && value.toLowerCase() === account;
