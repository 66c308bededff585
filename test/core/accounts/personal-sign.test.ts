import { readFileSync } from "node:fs";
import { eip191Signer } from "micro-eth-signer";
import { describe, expect, test } from "vitest";
import { checkPersonalSign } from "../../../core/accounts/personal-sign.ts";
import { type JsonRpcCall, type JsonRpcReply, nodeFailure, type NodeRpc } from "../../../core/work/node-rpc.ts";

interface Vector {
  readonly key: string;
  readonly address: string;
  readonly message: string;
  readonly hash: string;
  readonly signature: string;
}
const file = readFileSync(new URL("../../vectors/eip191.json", import.meta.url), "utf8");
const { vectors } = JSON.parse(file) as { vectors: Vector[] };
const first = vectors[1] as Vector;
const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;

/** A node that answers with the code of a contract and what its `isValidSignature` says. */
function nodeWith(answers: Record<string, JsonRpcReply>, asked: JsonRpcCall[] = []): NodeRpc {
  return {
    async call(call) {
      asked.push(call);
      return answers[call.method] ?? nodeFailure("rpc", "the method does not exist");
    },
    batch: () => Promise.reject(new Error("not asked for")),
  };
}
const ok = (value: unknown): JsonRpcReply => ({ kind: "ok", value });
const noContract = nodeWith({ eth_getCode: ok("0x") });
const CONTRACT = `0x${"c0".repeat(20)}`;

/** The other form of the same signature. */
function flipped(signature: string): string {
  const s = ORDER - BigInt(`0x${signature.slice(66, 130)}`);
  const v = signature.endsWith("1b") ? "1c" : "1b";
  return `${signature.slice(0, 66)}${s.toString(16).padStart(64, "0")}${v}`;
}

describe("a personal signature", () => {
  test.each(vectors)("of $address over $message is what two other libraries make of it", async (vector) => {
    const { key, address, message, hash, signature } = vector;
    expect(`0x${eip191Signer.getHash(message).replace(/^0x/, "")}`).toBe(hash);
    expect(eip191Signer.sign(message, key, false)).toBe(signature);
    expect(await checkPersonalSign(message, signature, address, [])).toEqual({ kind: "genuine" });
  });

  test("counts with 0 and 1 in the place of 27 and 28, as hardware wallets write it, and in capitals", async () => {
    const { message, signature, address } = first;
    const v = signature.endsWith("1b") ? "00" : "01";
    expect(await checkPersonalSign(message, signature.slice(0, 130) + v, address, [])).toEqual({ kind: "genuine" });
    const capitals = `0x${signature.slice(2).toUpperCase()}`;
    expect(await checkPersonalSign(message, capitals, address, [])).toEqual({ kind: "genuine" });
  });

  test("in its other form, with the s of the upper half, is refused by name", async () => {
    for (const { message, signature, address } of vectors)
      expect(await checkPersonalSign(message, flipped(signature), address, [noContract])).toMatchObject({
        kind: "refused",
        by: "high_s",
      });
  });

  test("over another text, of another key, cut, or that no key can have made is refused", async () => {
    const { message, signature, address } = first;
    const bad = { kind: "refused", by: "bad_signature" };
    const nobody = `0x${"ff".repeat(32)}${"11".repeat(32)}1b`;
    for (const [text, bytes, login] of [
      [`${message} `, signature, address],
      [message, signature, vectors[14]?.address ?? ""],
      [message, signature.slice(0, 128), address],
      [message, `${signature.slice(0, 130)}1d`, address],
      [message, nobody, address],
      [message, `0x${"00".repeat(65)}`, address],
      [message, "0x", address],
      [message, "", address],
      [message, `${signature}zz`, address],
      [message, `0x${"ab".repeat(3_000)}`, address],
    ] as const)
      expect(await checkPersonalSign(text, bytes, login, [noContract]), bytes).toMatchObject(bad);
  });
});

describe("a contract's signature", () => {
  const agrees = ok(`0x1626ba7e${"00".repeat(28)}`);
  const code = ok("0x6080");

  test("counts where the contract says so, whatever its length, and the call is that of EIP-1271", async () => {
    const { message, hash } = first;
    const asked: JsonRpcCall[] = [];
    const node = nodeWith({ eth_getCode: code, eth_call: agrees }, asked);
    for (const bytes of [1, 65, 130])
      expect(await checkPersonalSign(message, `0x${"ab".repeat(bytes)}`, CONTRACT, [node])).toEqual({
        kind: "genuine",
      });
    const data = `0x1626ba7e${hash.slice(2)}${"40".padStart(64, "0")}${"1".padStart(64, "0")}` + "ab".padEnd(64, "0");
    expect(asked[1]).toEqual({ method: "eth_call", params: [{ to: CONTRACT, data }, "latest"] });
  });

  test.each([
    ["answers no", ok(`0xffffffff${"00".repeat(28)}`)],
    ["answers with nothing", ok("0x")],
    ["answers with no text", ok(null)],
    ["reverts", nodeFailure("rpc", "execution reverted")],
  ])("is refused where the contract %s", async (_, answer) => {
    const node = nodeWith({ eth_getCode: code, eth_call: answer });
    expect(await checkPersonalSign(first.message, "0xab", CONTRACT, [node])).toMatchObject({
      kind: "refused",
      by: "bad_signature",
    });
  });

  test("is asked of the next node where one is away, and of nobody where all are", async () => {
    const away = nodeWith({ eth_getCode: nodeFailure("timeout", "no answer") });
    const half = nodeWith({ eth_getCode: code, eth_call: nodeFailure("unreachable", "connection lost") });
    const well = nodeWith({ eth_getCode: code, eth_call: agrees });
    expect(await checkPersonalSign("x", "0xab", CONTRACT, [away, half, well])).toEqual({ kind: "genuine" });
    expect(await checkPersonalSign("x", "0xab", CONTRACT, [away, half])).toMatchObject({ kind: "unavailable" });
  });
});
