import { quantity } from "../../work/chain-search.ts";
import { isRecord, type NodeRpc } from "../../work/node-rpc.ts";
import { accountOf, checkSigned, signTransfer, type Signed, type Transfer } from "./transaction.ts";

/** Signs for one account. Nothing throws, and no reason names a key. */
export interface PaymentSigner {
  /** Why it cannot sign at all; null where it can. */
  readonly problem: string | null;
  sign(transfer: Transfer): Promise<Signed>;
}

/** How a remote signer is asked: web3signer's way, or clef's. `eth_sendTransaction` is no way: its hash is unknown until it answers. */
export type SignerMethod = "eth_signTransaction" | "account_signTransaction";

/** For an account whose key this pool does not have: what is under way is followed, and nothing is signed. */
export function noSigner(problem: string): PaymentSigner {
  return { problem, sign: async () => ({ ok: false, reason: problem }) };
}

/** @param key 32 bytes as hex; @param account whose key it has to be */
export function keySigner(key: string, account: string): PaymentSigner {
  const own = accountOf(key);
  if (own === null) return noSigner("PAYOUT_PRIVATE_KEY is no key");
  if (own !== account) return noSigner(`PAYOUT_PRIVATE_KEY is the key of ${own}, payouts.address is ${account}`);
  return {
    problem: null,
    async sign(transfer) {
      const signed = signTransfer(key, transfer);
      return signed.ok ? checkSigned(signed.raw, transfer, account) : signed;
    },
  };
}

/** A signer over JSON-RPC. Whatever it answers is decoded and compared: it may have changed the transaction, or be another's. */
export function remoteSigner(rpc: NodeRpc, method: SignerMethod, account: string): PaymentSigner {
  return {
    problem: null,
    async sign(transfer) {
      const reply = await rpc.call({ method, params: [requestOf(transfer, account)] });
      if (reply.kind === "failed") return { ok: false, reason: `the signer: ${reply.reason}` };
      const answer = isRecord(reply.value) ? reply.value["raw"] : reply.value;
      if (typeof answer !== "string") return { ok: false, reason: "the signer answered without a signed transaction" };
      return checkSigned(answer, transfer, account);
    },
  };
}

function requestOf({ chainId, nonce, to, valueWei, gasLimit, fees }: Transfer, from: string) {
  const price =
    fees.kind === "legacy"
      ? { gasPrice: quantity(fees.gasPrice) }
      : { maxFeePerGas: quantity(fees.maxFeePerGas), maxPriorityFeePerGas: quantity(fees.maxPriorityFeePerGas) };
  return {
    from,
    to,
    value: quantity(valueWei),
    nonce: quantity(nonce),
    gas: quantity(gasLimit),
    chainId: quantity(chainId),
    data: "0x",
    ...price,
  };
}
