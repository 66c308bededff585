/** Longest stratum line in bytes, without its line end; open-ethereum-pool's limit. A longer one is an attack, not a miner. */
const MAX_LINE_BYTES = 1024;

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: false, ignoreBOM: true });
const utf8 = (bytes: Uint8Array): string => decoder.decode(bytes);
const NOTHING = new Uint8Array(0);

/** What a WebSocket carries at once: text or bytes. */
export type Frame = string | Uint8Array;

/** The bytes of a frame, UTF-8 where it is text. */
export function frameBytes(frame: Frame): Uint8Array {
  return typeof frame === "string" ? encoder.encode(frame) : frame;
}

/** The text of a frame. Bytes that once were text give the same text. */
export function frameText(frame: Frame): string {
  return typeof frame === "string" ? frame : utf8(frame);
}

/** What a chunk completed, and what waits for the next one. */
export interface SplitResult {
  /** Complete lines without their line end (`\n` or `\r\n`), oldest first. */
  readonly lines: readonly string[];
  /** The begun line, at most as long as a line may be, and a carriage return. */
  readonly rest: Uint8Array;
  /** A line is too long. `lines` are those before it; what follows is dropped, for the peer is closed. */
  readonly oversized: boolean;
}

/**
 * Cuts a byte stream into lines. Byte pipes (websocat, websockify) split and join frames at will, even inside a UTF-8
 * character, so bytes are joined before they are decoded.
 *
 * @param rest what the previous chunk left
 * @param chunk the bytes of one frame
 * @param options.maxBytes longest line without its line end
 * @param options.decode text of a line; UTF-8 unless the line has to survive byte by byte
 */
export function splitLines(
  rest: Uint8Array,
  chunk: Uint8Array,
  { maxBytes = MAX_LINE_BYTES, decode = utf8 }: { maxBytes?: number; decode?: (line: Uint8Array) => string } = {},
): SplitResult {
  const lines: string[] = [];
  let begun = rest;
  let start = 0;
  for (;;) {
    const end = chunk.indexOf(LINE_FEED, start);
    const piece = chunk.subarray(start, end < 0 ? chunk.length : end);
    const line = begun.length === 0 ? piece : joinBytes(begun, piece);
    const length = line.length - (line.at(-1) === CARRIAGE_RETURN ? 1 : 0);
    if (length > maxBytes) return { lines, rest: NOTHING, oversized: true };
    // A copy: the chunk's buffer belongs to the frame and may be large.
    if (end < 0) return { lines, rest: line.slice(), oversized: false };
    lines.push(decode(line.subarray(0, length)));
    begun = NOTHING;
    start = end + 1;
  }
}

/** Two pieces of a stream as one. */
export function joinBytes(head: Uint8Array, tail: Uint8Array): Uint8Array {
  const whole = new Uint8Array(head.length + tail.length);
  whole.set(head);
  whole.set(tail, head.length);
  return whole;
}

/** What follows the first `count` lines of `bytes`, as it came. */
export function afterLines(bytes: Uint8Array, count: number): Uint8Array {
  let start = 0;
  for (let line = 0; line < count; line++) start = bytes.indexOf(LINE_FEED, start) + 1;
  return bytes.subarray(start);
}
