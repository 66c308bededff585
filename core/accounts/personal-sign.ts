import { addr, eip191Signer } from "micro-eth-signer";
import { ethHex, initSig, parseSignature, recoverPublicKey } from "micro-eth-signer/utils.js";
import { type NodeRpc } from "../work/node-rpc.ts";

/** What a signature was found to be. `unavailable`: no node says whether the address is a contract that agrees. */
export type SignatureFinding =
  | { readonly kind: "genuine" }
  | { readonly kind: "refused"; readonly by: "high_s" | "bad_signature"; readonly reason: string }
  | { readonly kind: "unavailable"; readonly reason: string };

/** Order of secp256k1, halved: of the two forms of a signature the one with the smaller s counts (EIP-2). */
const HALF_ORDER = 0x7fffffff_ffffffff_ffffffff_ffffffff_5d576e73_57a4501d_dfe92f46_681b20a0n;
/** Bytes of a contract's signature at most: some twenty owners of a multi-signature wallet. */
const LONGEST_BYTES = 2_048;
/** `isValidSignature(bytes32,bytes)` of EIP-1271; what it answers, right-padded, where the contract agrees is the same. */
const MAGIC = "1626ba7e";
const SIGNATURE = /^0x(?:[0-9a-f]{2})+$/i;

/** The hash that `personal_sign` signs (EIP-191, version 0x45), 32 bytes as hex with `0x`. */
const hashOf = (text: string): string => withPrefix(eip191Signer.getHash(text));

const withPrefix = (hex: string): string => (hex.startsWith("0x") ? hex : `0x${hex}`);

/**
 * Whether an address has signed a text by `personal_sign`, with its key or, where it is a contract, by EIP-1271.
 * @param login lower-case address @param nodes asked in their order until one answers
 */
export async function checkPersonalSign(
  text: string,
  signature: string,
  login: string,
  nodes: readonly NodeRpc[],
): Promise<SignatureFinding> {
  if (!SIGNATURE.test(signature) || signature.length > 2 + 2 * LONGEST_BYTES)
    return refused(
      "bad_signature",
      `a signature is 0x and the hex digits of 65 bytes, of a contract at most ${LONGEST_BYTES}`,
    );
  const signer = signature.length === 132 ? recover(text, signature) : null;
  if (signer?.address === login)
    return signer.highS
      ? refused("high_s", "its s is in the upper half: the other form of the same signature is the one that counts")
      : { kind: "genuine" };
  return await askContract(text, signature, login, nodes, signer?.address ?? null);
}

const refused = (by: "high_s" | "bad_signature", reason: string): SignatureFinding => ({ kind: "refused", by, reason });

interface Recovered {
  readonly address: string;
  readonly highS: boolean;
}

/** Whose key made a signature; null for 65 bytes that no key makes. */
function recover(text: string, signature: string): Recovered | null {
  try {
    const { r, s, yParity } = parseSignature(signature);
    const key = recoverPublicKey(initSig({ r, s }, yParity), ethHex.decode(hashOf(text)));
    return { address: addr.fromPublicKey(key).toLowerCase(), highS: s > HALF_ORDER };
  } catch {
    return null;
  }
}

/** Asks for the code first: an address without code would answer the call with nothing, as a contract that refuses may. */
async function askContract(
  text: string,
  signature: string,
  login: string,
  nodes: readonly NodeRpc[],
  signer: string | null,
): Promise<SignatureFinding> {
  const found = signer === null ? "no key has made it" : `it is of ${signer}`;
  let last = "no node is configured";
  for (const node of nodes) {
    const code = await node.call({ method: "eth_getCode", params: [login, "latest"] });
    if (code.kind === "failed" || typeof code.value !== "string") {
      last = code.kind === "failed" ? code.reason : "eth_getCode: the result is no text";
      continue;
    }
    if (/^0x0*$/.test(code.value)) return refused("bad_signature", `not of ${login}: ${found}`);
    const call = { to: login, data: callData(hashOf(text), signature.toLowerCase()) };
    const answer = await node.call({ method: "eth_call", params: [call, "latest"] });
    if (answer.kind === "ok" && typeof answer.value === "string" && answer.value.slice(2, 10) === MAGIC)
      return { kind: "genuine" };
    if (answer.kind === "ok" || answer.failure === "rpc")
      return refused("bad_signature", `the contract ${login} does not agree to it (EIP-1271)`);
    last = answer.reason;
  }
  return { kind: "unavailable", reason: `no node could be asked about ${login}: ${last}` };
}

/** ABI of the call: hash, offset of the bytes, their length, they themselves, padded to whole words. */
function callData(hash: string, signature: string): string {
  const digits = signature.slice(2);
  const padded = digits.padEnd(Math.ceil(digits.length / 64) * 64, "0");
  return `0x${MAGIC}${hash.slice(2)}${word(64)}${word(digits.length / 2)}${padded}`;
}

const word = (value: number): string => value.toString(16).padStart(64, "0");
