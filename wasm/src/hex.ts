import { ArgumentError } from "./errors.ts";

const DIGITS = /^(?:0x)?([0-9a-fA-F]*)$/;
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
  const digits = typeof hex === "string" ? DIGITS.exec(hex)?.[1] : undefined;
  if (digits === undefined) throw new ArgumentError(argument, "not hexadecimal digits");
  if (digits.length % 2 === 1) throw new ArgumentError(argument, `odd number of hexadecimal digits (${digits.length})`);
  if (length !== undefined && digits.length !== 2 * length) {
    throw new ArgumentError(argument, `${digits.length} hexadecimal digits where ${2 * length} are needed`);
  }
  const bytes = new Uint8Array(digits.length / 2);
  for (let at = 0; at < bytes.length; at++) bytes[at] = Number.parseInt(digits.slice(2 * at, 2 * at + 2), 16);
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
