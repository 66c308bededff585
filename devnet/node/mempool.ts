import { Transaction as Signed } from "micro-eth-signer";
import type { DevChain } from "./chain.ts";
import type { Transaction } from "./transactions.ts";

/** What a transfer takes here, whoever gets it. */
const TRANSFER_GAS = 21_000n;

/** Transfers that wait for a block: what `eth_sendRawTransaction` takes, with the checks that geth makes of nonce, chain and price. */
export class Mempool {
  readonly #chainId: bigint;
  readonly #waiting = new Map<string, Transaction>();

  constructor(chainId: number) {
    this.#chainId = BigInt(chainId);
  }

  /** @param raw lower-case hex with `0x` @returns its hash, or geth's words where it is refused */
  offer(raw: string, chain: DevChain): { readonly hash: string } | { readonly refused: string } {
    const read = decode(raw);
    if (read === null) return { refused: "rlp: value size exceeds available input length" };
    const { chainId, transaction } = read;
    const { hash, from, nonce = 0, effectiveGasPrice } = transaction;
    if (chainId !== this.#chainId) return { refused: "invalid sender" };
    if (nonce < transactionCount(chain, from)) return { refused: "nonce too low" };
    if (this.#waiting.has(hash)) return { refused: "already known" };
    const rival = [...this.#waiting.values()].find((other) => other.from === from && other.nonce === nonce);
    if (rival !== undefined && effectiveGasPrice * 10n < rival.effectiveGasPrice * 11n)
      return { refused: "replacement transaction underpriced" };
    if (rival !== undefined) this.#waiting.delete(rival.hash);
    this.#waiting.set(hash, transaction);
    return { hash };
  }

  /** What the next block takes in: of each sender the nonces that follow. */
  take(chain: DevChain): Transaction[] {
    const next = new Map<string, number>();
    const taken: Transaction[] = [];
    for (const transaction of [...this.#waiting.values()].toSorted((a, b) => (a.nonce ?? 0) - (b.nonce ?? 0))) {
      const { hash, from, nonce = 0 } = transaction;
      const expected = next.get(from) ?? transactionCount(chain, from);
      if (nonce <= expected) this.#waiting.delete(hash);
      if (nonce !== expected) continue;
      taken.push(transaction);
      next.set(from, nonce + 1);
    }
    return taken;
  }

  /** A block fell out of the chain: what it held waits again. */
  giveBack(transactions: readonly Transaction[]): void {
    for (const transaction of transactions)
      if (transaction.nonce !== undefined) this.#waiting.set(transaction.hash, transaction);
  }

  /** Transactions of a sender with those that wait and follow. */
  pendingCount(chain: DevChain, from: string): number {
    const nonces = new Set([...this.#waiting.values()].filter((one) => one.from === from).map(({ nonce }) => nonce));
    let next = transactionCount(chain, from);
    while (nonces.has(next)) next += 1;
    return next;
  }
}

/** Transactions of an account up to a height; the head, when left out. */
export function transactionCount(chain: DevChain, from: string, height = chain.head.height): number {
  return chain
    .blocks()
    .filter((block) => block.height <= height)
    .reduce((sum, { contents }) => sum + contents.transactions.filter((one) => one.from === from).length, 0);
}

function decode(raw: string): { readonly chainId: bigint; readonly transaction: Transaction } | null {
  try {
    const signed = Signed.fromHex(raw);
    const fields: Record<string, unknown> = { ...signed.raw };
    const amount = (name: string): bigint => {
      const value = fields[name];
      return typeof value === "bigint" ? value : 0n;
    };
    const isLegacy = signed.type === "legacy";
    const transaction: Transaction = {
      hash: `0x${signed.hash.replace(/^0x/, "")}`,
      from: signed.recoverSender().address.toLowerCase(),
      to: String(fields["to"]).toLowerCase(),
      nonce: Number(amount("nonce")),
      value: amount("value"),
      gasUsed: TRANSFER_GAS,
      effectiveGasPrice: amount(isLegacy ? "gasPrice" : "maxFeePerGas"),
      type: isLegacy ? 0 : 2,
    };
    return { chainId: amount("chainId"), transaction };
  } catch {
    return null;
  }
}
