import { describe, expect, it } from "vitest";
import { nextStep, type MachineTerms, type Payment, type Sighting } from "../../../core/payouts/payer/payment.ts";
import { keySigner, remoteSigner } from "../../../core/payouts/payer/signer.ts";
import { accountOf, checkSigned, signTransfer, type Transfer } from "../../../core/payouts/payer/transaction.ts";
import type { JsonRpcCall, JsonRpcReply, NodeRpc } from "../../../core/work/node-rpc.ts";

const LOGIN = `0x${"aa".repeat(20)}`;
const HASH = `0x${"01".repeat(32)}`;
const TERMS: MachineTerms = { confirmations: 5, finalDepth: 30, replaceAfterMs: 1_000, paused: false, nowMs: 10_000 };
const ATTEMPT: Payment["attempts"][number] = {
  hash: HASH,
  raw: "0x00",
  kind: "pay",
  fees: { kind: "legacy", gasPrice: 1n },
  atMs: 0,
};
const payment = (over: Partial<Payment>): Payment => ({
  v: 1,
  id: 7,
  kind: "payment",
  login: LOGIN,
  amount: 5n,
  valueWei: 5n,
  gasLimit: 21_000n,
  stage: "sent",
  least: 0n,
  nonce: 3,
  attempts: [ATTEMPT],
  lost: [],
  bornMs: 0,
  sentMs: 9_500,
  place: null,
  settled: false,
  paidAs: null,
  wasPaidAs: [],
  cancel: false,
  waits: null,
  sinceMs: 0,
  ...over,
});
const seen = (over: Partial<Extract<Sighting, { kind: "pay" | "cancel" | "other" }>>): Sighting => ({
  kind: "pay",
  hash: HASH,
  height: 100,
  depth: 0,
  ok: true,
  to: LOGIN,
  valueWei: 5n,
  byAll: true,
  ...over,
});
const absent: Sighting = { kind: "absent", next: true };
const unclear: Sighting = { kind: "unclear", reason: "no node answers" };
const place = { hash: HASH, height: 100 };

describe("the payment's machine", () => {
  it.each<[string, Partial<Payment>, Sighting, Partial<MachineTerms>, unknown]>([
    ["planned: it is debited", { stage: "planned" }, absent, {}, { do: "debit" }],
    ["planned and paused: nothing", { stage: "planned" }, absent, { paused: true }, { do: "wait" }],
    ["debited: it is signed", { stage: "debited", attempts: [] }, absent, {}, { do: "sign", kind: "pay" }],
    [
      "debited and cancelled: it is refunded",
      { stage: "debited", attempts: [], cancel: true },
      absent,
      {},
      { do: "refund" },
    ],
    ["signed: it is sent", { stage: "signed" }, absent, {}, { do: "send" }],
    ["signed and paused: nothing", { stage: "signed" }, absent, { paused: true }, { do: "wait" }],
    ["sent: the same bytes again", {}, absent, {}, { do: "send" }],
    ["sent and paused: it is followed all the same", {}, absent, { paused: true }, { do: "send" }],
    ["stuck: it is replaced", { sentMs: 0 }, absent, {}, { do: "sign", kind: "pay" }],
    ["stuck behind another: it waits", { sentMs: 0 }, { kind: "absent", next: false }, {}, { do: "send" }],
    ["stuck and paused: no bump", { sentMs: 0 }, absent, { paused: true }, { do: "send" }],
    ["cancelled: the nonce is used up", { cancel: true }, absent, {}, { do: "sign", kind: "cancel" }],
    ["nobody can tell: nothing", { sentMs: 0 }, unclear, {}, { do: "wait", why: "no node answers" }],
    ["seen: it is mined", {}, seen({}), {}, { do: "note", stage: "mined", place }],
    ["mined, not deep: it waits", { stage: "mined", place }, seen({ depth: 4 }), {}, { do: "wait", why: null }],
    ["mined and deep: it is settled", { stage: "mined", place }, seen({ depth: 5 }), {}, { do: "settle", hash: HASH }],
    [
      "mined under another hash: it is paid all the same",
      {},
      seen({ hash: `0x${"02".repeat(32)}` }),
      {},
      { stage: "mined" },
    ],
    ["fallen out: it is sent again", { stage: "mined", place }, absent, {}, { do: "note", stage: "sent", alarm: null }],
    [
      "settled and fallen out: an alarm",
      { stage: "settled", settled: true, place },
      absent,
      {},
      { stage: "sent", alarm: /deeper than/ },
    ],
    [
      "settled and moved: an alarm",
      { stage: "settled", settled: true, place },
      seen({ height: 101 }),
      {},
      { alarm: /elsewhere/ },
    ],
    [
      "settled, not final: it waits",
      { stage: "settled", settled: true, place },
      seen({ depth: 29 }),
      {},
      { do: "wait" },
    ],
    [
      "settled and final: the end",
      { stage: "settled", settled: true, place },
      seen({ depth: 30 }),
      {},
      { do: "finish" },
    ],
    [
      "settled, and mined anew under another of its hashes: it is listed with that one",
      { stage: "settled", settled: true, place, paidAs: `0x${"02".repeat(32)}` },
      seen({ depth: 5 }),
      {},
      { do: "settle", hash: HASH },
    ],
    [
      "final by the nodes that answer only: not yet",
      { stage: "settled", settled: true, place },
      seen({ depth: 99, byAll: false }),
      {},
      { do: "wait" },
    ],
    ["failed: noted at once", {}, seen({ ok: false }), {}, { stage: "reverted" }],
    ["failed and final: refunded", { stage: "reverted", place }, seen({ ok: false, depth: 30 }), {}, { do: "refund" }],
    ["failed, not final: it waits", { stage: "reverted", place }, seen({ ok: false, depth: 29 }), {}, { do: "wait" }],
    ["another's: noted", {}, seen({ kind: "other" }), {}, { stage: "foreign" }],
    [
      "another's and final: a new nonce",
      { stage: "foreign", place },
      seen({ kind: "other", depth: 30 }),
      {},
      { do: "renonce" },
    ],
    [
      "another's, final on some nodes: it waits",
      { stage: "foreign", place },
      seen({ kind: "other", depth: 30, byAll: false }),
      {},
      { do: "wait" },
    ],
    ["its cancel: noted", { cancel: true }, seen({ kind: "cancel" }), {}, { stage: "cancelled" }],
    [
      "its cancel and final: refunded",
      { stage: "cancelled", place },
      seen({ kind: "cancel", depth: 30 }),
      {},
      { do: "refund" },
    ],
    ["for the operator: nothing", { stage: "asking", waits: "x" }, seen({ depth: 99 }), {}, { do: "wait", why: "x" }],
    ["ended: nothing", { stage: "final" }, absent, {}, { do: "wait", why: null }],
  ])("%s", (_what, over, sighting, terms, step) => {
    const found = nextStep(payment(over), sighting, { ...TERMS, ...terms });
    const { alarm, ...rest } = step as { alarm?: RegExp | null };
    expect(found).toMatchObject(rest);
    if (alarm !== undefined && "alarm" in found) {
      if (alarm === null) expect(found.alarm).toBeNull();
      else expect(found.alarm).toMatch(alarm);
    }
  });
});

const KEY = "46".repeat(32);
const ACCOUNT = accountOf(KEY) ?? "";
const transfer = (over: Partial<Transfer> = {}): Transfer => ({
  chainId: 1n,
  nonce: 9,
  to: `0x${"35".repeat(20)}`,
  valueWei: 10n ** 18n,
  gasLimit: 21_000n,
  fees: { kind: "legacy", gasPrice: 20n * 10n ** 9n },
  ...over,
});

function signerThat(answer: (call: JsonRpcCall) => unknown): NodeRpc {
  return {
    call: async (call): Promise<JsonRpcReply> => ({ kind: "ok", value: answer(call) }),
    batch: async () => ({ kind: "failed", failure: "rpc", reason: "no" }),
  };
}

describe("signatures", () => {
  it("are EIP-155's own example, byte for byte", () => {
    expect(signTransfer(KEY, transfer())).toMatchObject({
      raw:
        "0xf86c098504a817c800825208943535353535353535353535353535353535353535880de0b6b3a764000080" +
        "25a028ef61340bd939bc2195fe537567866003e1a15d3c71ff63e1590620aa636276" +
        "a067cbe9d8997f761aecb703304b3800ccf555c9f3dc64214b297fb1966a3b6d83",
    });
    expect(ACCOUNT).toBe("0x9d8a62f656a8d1615c1294fd71e9cfb3e4855a4f");
  });

  const wrongs: [string, Partial<Transfer>, RegExp][] = [
    ["chain", { chainId: 61n }, /chainId is 61, not 1/],
    ["nonce", { nonce: 10 }, /nonce is 10, not 9/],
    ["recipient", { to: `0x${"36".repeat(20)}` }, /to is not 0x3535/],
    ["value", { valueWei: 1n }, /value is 1, not/],
    ["gas limit", { gasLimit: 22_000n }, /gasLimit is 22000/],
    ["gas price", { fees: { kind: "legacy", gasPrice: 1n } }, /gasPrice is 1, not/],
    ["type", { fees: { kind: "eip1559", maxFeePerGas: 2n, maxPriorityFeePerGas: 1n } }, /type is eip1559/],
  ];
  it.each(wrongs)("of a remote signer that changed the %s are refused", async (_what, over, reason) => {
    const signed = signTransfer(KEY, transfer(over));
    for (const answer of [signed.ok ? signed.raw : "", { raw: signed.ok ? signed.raw : "", tx: {} }]) {
      const remote = remoteSigner(
        signerThat(() => answer),
        "account_signTransaction",
        ACCOUNT,
      );
      const result = await remote.sign(transfer());
      expect(result).toMatchObject({ ok: false, reason: expect.stringMatching(reason) });
    }
  });

  it("of another account, without a signature, or no transaction at all are refused", async () => {
    const other = signTransfer("47".repeat(32), transfer());
    for (const answer of [
      other.ok ? other.raw : "",
      "0x",
      "0xdeadbeef",
      `0x${"00".repeat(110)}`,
      null,
      { raw: 5 },
      { hash: HASH },
    ])
      expect(
        await remoteSigner(
          signerThat(() => answer),
          "eth_signTransaction",
          ACCOUNT,
        ).sign(transfer()),
      ).toMatchObject({
        ok: false,
      });
  });

  it("are asked for with every field, and taken where all of them match, of either type", async () => {
    const fees = { kind: "eip1559", maxFeePerGas: 9n, maxPriorityFeePerGas: 2n } as const;
    for (const wanted of [transfer(), transfer({ fees })]) {
      const calls: JsonRpcCall[] = [];
      const local = await keySigner(`0x${KEY}`, ACCOUNT).sign(wanted);
      const rpc = signerThat((call) => (calls.push(call), local.ok ? local.raw : null));
      expect(await remoteSigner(rpc, "eth_signTransaction", ACCOUNT).sign(wanted)).toEqual(local);
      expect(calls[0]?.params[0]).toMatchObject({
        from: ACCOUNT,
        nonce: "0x9",
        chainId: "0x1",
        value: "0xde0b6b3a7640000",
      });
      expect(checkSigned(local.ok ? local.raw : "", wanted, ACCOUNT)).toEqual(local);
    }
  });
});
