/** What one chunk of bytes completed. */
export interface Split {
  /** Complete lines without their `\n`, one char a byte (latin1). Empty lines are left out. */
  readonly lines: readonly string[];
  /** A line longer than the bound came; nothing after it is given, and the stream must be ended. */
  readonly tooLong: boolean;
}

/**
 * Cuts a byte stream into lines, however the bytes were split on the way. Bytes are kept as latin1 text: every byte
 * survives unchanged, valid UTF-8 or not, and `Buffer.from(line, "latin1")` gives them back.
 */
export class LineSplitter {
  readonly #maxLineBytes: number;
  #rest = "";

  /** @param maxLineBytes longest line, without its `\n`. */
  constructor(maxLineBytes: number) {
    this.#maxLineBytes = maxLineBytes;
  }

  push(chunk: Buffer): Split {
    const pieces = (this.#rest + chunk.toString("latin1")).split("\n");
    const rest = pieces.pop() ?? "";
    const longAt = pieces.findIndex((piece) => piece.length > this.#maxLineBytes);
    if (longAt !== -1 || rest.length > this.#maxLineBytes) {
      this.#rest = "";
      const whole = longAt === -1 ? pieces : pieces.slice(0, longAt);
      return { lines: whole.filter(hasContent), tooLong: true };
    }
    this.#rest = rest;
    return { lines: pieces.filter(hasContent), tooLong: false };
  }
}

function hasContent(line: string): boolean {
  return line !== "" && line !== "\r";
}
