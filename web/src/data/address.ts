import { keccak_256 } from "@noble/hashes/sha3.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";

/** An address with the capitals of EIP-55, by which a typing error shows. @param address 20 bytes, hex with `0x`, any case */
export function checksummed(address: string): string {
  const digits = address.slice(2).toLowerCase();
  const hash = bytesToHex(keccak_256(utf8ToBytes(digits)));
  const cased = Array.from(digits, (digit, i) =>
    Number.parseInt(hash[i] ?? "0", 16) >= 8 ? digit.toUpperCase() : digit,
  );
  return `0x${cased.join("")}`;
}

/**
 * What is wrong with an address that somebody typed, in words; null when nothing is. One that has capitals must have them where EIP-55
 * puts them; payments to a mistyped one are lost.
 */
export function addressProblem(text: string): string | null {
  if (!/^0x[0-9a-fA-F]{40}$/.test(text)) {
    const digits = text.replace(/^0x/i, "");
    if (!/^[0-9a-fA-F]*$/.test(digits)) return "An address is 0x and 40 of the digits 0 to 9 and a to f.";
    return text.startsWith("0x")
      ? `An address has 40 digits after 0x; this has ${digits.length}.`
      : "An address begins with 0x.";
  }
  if (/^0x0{40}$/.test(text)) return "The zero address belongs to nobody.";
  const digits = text.slice(2);
  const hasCase = digits !== digits.toLowerCase() && digits !== digits.toUpperCase();
  return hasCase && checksummed(text) !== text ? "The capitals do not fit: one digit or more is mistyped." : null;
}

/** Whether a text is an address that may mine. */
export const isAddress = (text: string): boolean => addressProblem(text) === null;
