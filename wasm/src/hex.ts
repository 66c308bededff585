import { ArgumentError } from "./errors.ts";

/** By character code: what a hexadecimal digit stands for; above 15 for what is none. */
const DIGITS = Uint8Array.from({ length: 128 }, (_, code) => {
  const digit = Number.parseInt(String.fromCharCode(code), 16);
  return Number.isNaN(digit) ? 0xff : digit;
});
const BYTE_TEXT = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** Lower-case hex of the bytes, two digits each, without prefix. */
export function toHex(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += BYTE_TEXT[byte];
  return text;
}

/**
 * The bytes that hex digits stand for; `0x` and either case are accepted.
 * @param argument what the text is called in the error
 * @throws ArgumentError where it is not hex, has half a byte, or not `length` bytes (if given)
 */
export function fromHex(hex: string, length?: number, argument = "hex"): Uint8Array {
  if (typeof hex !== "string") throw new ArgumentError(argument, "not hexadecimal digits");
  const start = hex.startsWith("0x") ? 2 : 0;
  const digits = hex.length - start;
  // Half a byte at the end is looked at, too: what is no digit is said before what is too short.
  const bytes = new Uint8Array((digits + 1) >> 1);
  let wrong = 0;
  for (let at = 0; at < digits; at++) {
    const digit = DIGITS[hex.charCodeAt(start + at)] ?? 0xff;
    wrong |= digit;
    bytes[at >> 1] = ((bytes[at >> 1] ?? 0) << 4) | digit;
  }
  if (wrong > 0xf) throw new ArgumentError(argument, "not hexadecimal digits");
  if (digits % 2 === 1) throw new ArgumentError(argument, `odd number of hexadecimal digits (${digits})`);
  if (length !== undefined && digits !== 2 * length) {
    throw new ArgumentError(argument, `${digits} hexadecimal digits where ${2 * length} are needed`);
  }
  return bytes;
}

/** 32 bytes given as such or as hex. @throws ArgumentError that names `argument` */
export function hash256(value: Uint8Array | string, argument: string): Uint8Array {
  if (typeof value === "string") return fromHex(value, 32, argument);
  if (!(value instanceof Uint8Array)) throw new ArgumentError(argument, "neither a Uint8Array nor a hex string");
  if (value.length !== 32) throw new ArgumentError(argument, `${value.length} bytes where 32 are needed`);
  return value;
}

/** A nonce given as number or as its 16 hex digits (most significant first). @throws ArgumentError that names `argument` */
export function nonce64(value: bigint | string, argument: string): bigint {
  if (typeof value === "bigint") {
    if (value < 0n || value > 0xffff_ffff_ffff_ffffn) throw new ArgumentError(argument, "outside of 0 to 2^64 - 1");
    return value;
  }
  const bytes = fromHex(value, 8, argument);
  return new DataView(bytes.buffer).getBigUint64(0);
}

/** Whether both hold the same bytes. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}
