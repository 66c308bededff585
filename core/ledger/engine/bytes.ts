const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** UTF-8. Lengths and offsets of Redis' string commands count bytes. */
export function bytesOf(text: string): Uint8Array {
  return encoder.encode(text);
}

/** Bytes that are no UTF-8 become U+FFFD: the REST protocol carries text. */
export function textOf(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}
