import { splitLines, type SplitResult } from "../../core/stratum/line-splitter.ts";

const latin1 = (line: Uint8Array): string => Buffer.from(line.buffer, line.byteOffset, line.length).toString("latin1");

/**
 * The lines of one connection, one char a byte (latin1): every byte survives unchanged, valid UTF-8 or not, and
 * `Buffer.from(line, "latin1")` gives them back. Empty lines are left out.
 */
export class LineReader {
  readonly #options: { readonly maxBytes: number; readonly decode: typeof latin1 };
  #rest: Uint8Array = new Uint8Array(0);

  /** @param maxBytes longest line, without its line end */
  constructor(maxBytes: number) {
    this.#options = { maxBytes, decode: latin1 };
  }

  push(chunk: Buffer): Pick<SplitResult, "lines" | "oversized"> {
    const { lines, rest, oversized } = splitLines(this.#rest, chunk, this.#options);
    this.#rest = rest;
    return { lines: lines.filter((line) => line !== ""), oversized };
  }
}
