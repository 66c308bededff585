import { describe, expect, it } from "vitest";
import { internalTransfers } from "../../../core/payouts/internal-transfers.ts";
import { nodeFailure, type JsonRpcReply, type NodeRpc } from "../../../core/work/node-rpc.ts";

const US = `0x${"ab".repeat(20)}`;
const THEM = `0x${"cd".repeat(20)}`;

const answering = (reply: JsonRpcReply): NodeRpc => ({
  call: async () => reply,
  batch: () => Promise.reject(new Error("nothing is asked in batches")),
});
const traced = (reply: JsonRpcReply) => internalTransfers(answering(reply), 7, US);
const frame = (over: Record<string, unknown>) => ({ type: "CALL", from: THEM, to: US, value: "0x5", ...over });
const ofCalls = (...calls: unknown[]): JsonRpcReply => ({ kind: "ok", value: [{ result: { calls } }] });

describe("transfers inside contracts", () => {
  it("are not 0 where a node did not answer in time: the balance would be called wrong for the node's fault", async () => {
    const late = nodeFailure("timeout", "no answer within 10 s");
    await expect(traced(late)).rejects.toThrow("trace of 7: no answer within 10 s");
  });

  it("are 0 where the node says that it does not trace", async () => {
    expect(await traced(nodeFailure("rpc", "the method debug_traceBlockByNumber does not exist"))).toBe(0n);
  });

  it("come in and go out at any depth; what a failed frame did, a delegate call's value and the transaction itself are none", async () => {
    const deep = frame({
      to: THEM,
      value: "0x0",
      calls: [frame({ value: "0x7" }), frame({ from: US, to: THEM, value: "0x1" })],
    });
    const undone = frame({ error: "reverted", calls: [frame({ value: "0x9" })] });
    const delegated = frame({ type: "DELEGATECALL", value: "0x9" });
    expect(await traced(ofCalls(frame({}), deep, undone, delegated))).toBe(5n + 7n - 1n);
    const failed: JsonRpcReply = {
      kind: "ok",
      value: [{ result: { error: "out of gas", calls: [frame({})] } }, { result: frame({}) }],
    };
    expect(await traced(failed)).toBe(0n);
  });
});
