import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { afterLines, splitLines } from "../../../core/stratum/line-splitter.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

/** Everything that a stream of chunks gives, as one connection would see it. */
function readAll(chunks: readonly Uint8Array[]): { lines: string[]; rest: string; oversized: boolean } {
  const lines: string[] = [];
  let rest: Uint8Array = new Uint8Array(0);
  for (const chunk of chunks) {
    const result = splitLines(rest, chunk);
    lines.push(...result.lines);
    rest = result.rest;
    if (result.oversized) return { lines, rest: "", oversized: true };
  }
  return { lines, rest: new TextDecoder().decode(rest), oversized: false };
}

describe("line splitter", () => {
  it("gives every line without its line end and keeps the begun one", () => {
    expect(readAll([bytes("a\nb\r\n\nc")])).toEqual({ lines: ["a", "b", ""], rest: "c", oversized: false });
  });

  it("joins a line over three frames, split inside a character", () => {
    const [head, middle, end] = [
      bytes("gr").slice(),
      bytes("ü").slice(0, 1),
      new Uint8Array([...bytes("ü").slice(1), 10]),
    ];
    expect(readAll([head, middle, end]).lines).toEqual(["grü"]);
  });

  it("takes 1,024 bytes and refuses 1,025, whether or not the end has come, with or without carriage return", () => {
    const longest = "x".repeat(1024);
    expect(readAll([bytes(`${longest}\n`)]).lines).toEqual([longest]);
    expect(readAll([bytes(`${longest}\r`), bytes("\n")]).lines).toEqual([longest]);
    expect(readAll([bytes(`${longest}x\n`)])).toEqual({ lines: [], rest: "", oversized: true });
    expect(readAll([bytes(longest), bytes("x")])).toEqual({ lines: [], rest: "", oversized: true });
  });

  it("gives the lines before an overlong one", () => {
    expect(readAll([bytes(`a\n${"x".repeat(2000)}\nb\n`)])).toEqual({ lines: ["a"], rest: "", oversized: true });
  });

  it("never keeps more than a line, and nothing of the frame's own buffer", () => {
    const chunk = bytes(`${"line\n".repeat(10_000)}rest`);
    const { rest } = splitLines(new Uint8Array(0), chunk);
    expect(rest.buffer.byteLength).toBe(4);
  });

  it("gives the same lines for any split of the stream", () => {
    const piece = fc.oneof(
      fc.string({ unit: "grapheme", maxLength: 40 }),
      fc.constantFrom("\n", "\r\n", "\r", "", "x".repeat(1024), "y".repeat(1025), "😀"),
    );
    const stream = fc.array(piece, { maxLength: 20 }).map((pieces) => bytes(pieces.join("\n")));
    fc.assert(
      fc.property(stream, fc.array(fc.nat(), { maxLength: 12 }), (whole, cuts) => {
        const places = [0, ...cuts.map((cut) => cut % (whole.length + 1)), whole.length].toSorted((a, b) => a - b);
        const chunks = places.slice(1).map((end, index) => whole.slice(places[index], end));
        expect(readAll(chunks)).toEqual(readAll([whole]));
      }),
      { seed: 20261122, numRuns: 500 },
    );
  });

  it("finds the bytes after a number of lines", () => {
    expect(new TextDecoder().decode(afterLines(bytes("a\nb\nc\nd"), 2))).toBe("c\nd");
  });
});
