import { addr, Transaction } from "micro-eth-signer";
import { accountOf } from "../../../core/payouts/payer/transaction.ts";
import { remoteSigner, type PaymentSigner } from "../../../core/payouts/payer/signer.ts";
import { nodeFailure, type JsonRpcCall, type JsonRpcReply } from "../../../core/work/node-rpc.ts";

/** What a remote signer does with the next request: what it should; another transaction; or it signs, passes it on by itself, and its answer is lost. */
export type SignerMood = "well" | "another amount" | "another nonce" | "another recipient" | "lost" | "sent and lost";

/**
 * A signer over `eth_signTransaction` that is another program: each of its signatures is a new one, so that a transaction that it is asked
 * for twice has two hashes.
 */
export class SimSigner {
  mood: SignerMood = "well";
  /** Every transaction that it ever signed, raw. */
  readonly signed: string[] = [];
  readonly port: PaymentSigner;
  readonly #key: string;

  /** @param key 32 bytes as hex @param sends takes what it passes on by itself */
  constructor(key: string, sends: (raw: string) => void) {
    this.#key = `0x${key}`;
    const rpc = {
      call: async (call: JsonRpcCall) => this.#answer(call, sends),
      batch: async () => nodeFailure("rpc", "no batches"),
    };
    this.port = remoteSigner(rpc, "eth_signTransaction", accountOf(key) ?? "");
  }

  #answer({ params: [request] }: JsonRpcCall, sends: (raw: string) => void): JsonRpcReply {
    const fields = Object(request) as Record<string, string>;
    const big = (name: string): bigint => BigInt(fields[name] ?? 0);
    const { mood } = this;
    const wanted = {
      chainId: big("chainId"),
      nonce: big("nonce") + (mood === "another nonce" ? 1n : 0n),
      to: addr.addChecksum(mood === "another recipient" ? `0x${"66".repeat(20)}` : (fields["to"] ?? "")),
      value: big("value") + (mood === "another amount" ? 1n : 0n),
      gasLimit: big("gas"),
    };
    const unsigned =
      fields["gasPrice"] === undefined
        ? Transaction.prepare(
            {
              ...wanted,
              type: "eip1559",
              maxFeePerGas: big("maxFeePerGas"),
              maxPriorityFeePerGas: big("maxPriorityFeePerGas"),
            },
            false,
          )
        : Transaction.prepare({ ...wanted, type: "legacy", gasPrice: big("gasPrice") }, false);
    const raw = unsigned.signBy(this.#key, true).toHex().toLowerCase();
    this.signed.push(raw);
    if (mood === "sent and lost") sends(raw);
    return mood === "lost" || mood === "sent and lost"
      ? nodeFailure("timeout", "no answer within 30000 ms")
      : { kind: "ok", value: raw };
  }
}
