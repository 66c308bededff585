import { addr, Transaction } from "micro-eth-signer";

/** What a unit of gas may cost, in Wei: `gasPrice` where blocks have no base fee, else the cap and the tip of EIP-1559. */
export type GasFees =
  | { readonly kind: "legacy"; readonly gasPrice: bigint }
  | { readonly kind: "eip1559"; readonly maxFeePerGas: bigint; readonly maxPriorityFeePerGas: bigint };

/** A transfer of coins, before its signature. */
export interface Transfer {
  readonly chainId: bigint;
  readonly nonce: number;
  /** Lower-case `0x` address. */
  readonly to: string;
  readonly valueWei: bigint;
  readonly gasLimit: bigint;
  readonly fees: GasFees;
}

/** A signed transfer. Both are lower-case hex with `0x`. */
interface SignedTransfer {
  /** What `eth_sendRawTransaction` takes. */
  readonly raw: string;
  readonly hash: string;
}

/** A signature, or why there is none. No reason ever names a key. */
export type Signed = ({ readonly ok: true } & SignedTransfer) | { readonly ok: false; readonly reason: string };

/** The most that a unit of gas can cost under these fees. */
export const feeCap = (fees: GasFees): bigint => (fees.kind === "legacy" ? fees.gasPrice : fees.maxFeePerGas);

/** The account of a key, lower case; null for 32 bytes that are no key. @param key 32 bytes as hex, with or without `0x` */
export function accountOf(key: string): string | null {
  try {
    return addr.fromPrivateKey(withPrefix(key)).toLowerCase();
  } catch {
    return null;
  }
}

/**
 * Signs a transfer: EIP-155 where its fees are legacy, else type 2. The same transfer gives the same bytes (RFC 6979).
 * @param key as {@link accountOf} takes it
 */
export function signTransfer(key: string, transfer: Transfer): Signed {
  try {
    const signed = unsigned(transfer).signBy(withPrefix(key), false);
    return { ok: true, raw: withPrefix(signed.toHex()).toLowerCase(), hash: hashOf(signed.hash) };
  } catch {
    // The library's error may quote what it was given.
    return { ok: false, reason: "the transaction could not be signed" };
  }
}

/** Whether bytes are this transfer, signed by this account: chain id, nonce, to, value, gas, fees and the recovered sender must match. */
export function checkSigned(raw: string, wanted: Transfer, account: string): Signed {
  if (!/^0x[0-9a-f]{100,4000}$/i.test(raw)) return refused("is no signed transaction");
  try {
    const found = Transaction.fromHex(raw.toLowerCase());
    const difference = differenceOf(found.raw, found.type, wanted);
    if (difference !== null) return refused(`signed another transaction: ${difference}`);
    if (!found.isSigned || !found.verifySignature()) return refused("gave a transaction without a valid signature");
    const sender = found.recoverSender().address.toLowerCase();
    if (sender !== account) return refused(`signed as ${sender}, the account is ${account}`);
    return { ok: true, raw: raw.toLowerCase(), hash: hashOf(found.hash) };
  } catch {
    return refused("gave a transaction that cannot be decoded");
  }
}

const refused = (what: string): Signed => ({ ok: false, reason: `the signer ${what}` });
const withPrefix = (hex: string): string => (hex.startsWith("0x") ? hex : `0x${hex}`);
const hashOf = (hash: string): string => withPrefix(hash).toLowerCase();

function unsigned({ chainId, nonce, to, valueWei, gasLimit, fees }: Transfer) {
  const common = { chainId, nonce: BigInt(nonce), to: addr.addChecksum(to), value: valueWei, gasLimit };
  return fees.kind === "legacy"
    ? Transaction.prepare({ ...common, type: "legacy", gasPrice: fees.gasPrice }, false)
    : Transaction.prepare(
        {
          ...common,
          type: "eip1559",
          maxFeePerGas: fees.maxFeePerGas,
          maxPriorityFeePerGas: fees.maxPriorityFeePerGas,
        },
        false,
      );
}

/** The first field that is not as it was wanted; null where all are. */
function differenceOf(found: object, type: string, wanted: Transfer): string | null {
  const { chainId, nonce, to, valueWei, gasLimit, fees } = wanted;
  if (type !== fees.kind) return `its type is ${type}, not ${fees.kind}`;
  const fields: Record<string, unknown> = { ...found };
  const price =
    fees.kind === "legacy"
      ? { gasPrice: fees.gasPrice }
      : { maxFeePerGas: fees.maxFeePerGas, maxPriorityFeePerGas: fees.maxPriorityFeePerGas };
  const wants = { chainId, nonce: BigInt(nonce), value: valueWei, gasLimit, ...price };
  for (const [name, value] of Object.entries(wants))
    if (fields[name] !== value) return `${name} is ${String(fields[name])}, not ${value}`;
  const target = fields["to"];
  if (typeof target !== "string" || withPrefix(target).toLowerCase() !== to) return `to is not ${to}`;
  const data = fields["data"];
  if (typeof data === "string" && data !== "" && data !== "0x") return "it has data";
  const accessList = fields["accessList"];
  if (Array.isArray(accessList) && accessList.length > 0) return "it has an access list";
  return null;
}
