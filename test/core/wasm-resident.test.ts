import { expect, it } from "vitest";
import { wasmMbIn } from "../../bench/memory/workerd-process.ts";

const MB = 2 ** 20;
const BYTES = 64 * MB + 15 * 65_536;
/** What V8 reserves where a memory may have 96 MiB. */
const RESERVED = 96 * MB;

type Mapping = readonly [may: string, bytes: number, residentKb: number];

/** Mappings one behind the other, as Linux tells them. */
function smaps(mappings: readonly Mapping[]): string {
  let from = 0x7f33_11ed_0000;
  const lines = mappings.map(([may, bytes, residentKb]) => {
    const range = `${from.toString(16)}-${(from + bytes).toString(16)}`;
    from += bytes;
    return `${range} ${may} 00000000 00:00 0 \nSize:   ${bytes / 1_024} kB\nKernelPageSize:   4 kB\nMMUPageSize:   4 kB\nRss:   ${residentKb} kB\nPss:   ${residentKb} kB\n`;
  });
  return lines.join("");
}

const MEMORY: readonly Mapping[] = [
  ["rw-p", BYTES, 60_000],
  ["---p", RESERVED - BYTES, 0],
];
/** V8's heaps, with what is reserved behind them. */
const HEAPS: readonly Mapping[] = [
  ["rw-p", 72 * MB, 61_000],
  ["---p", 4_016 * MB, 0],
];
const ALLOCATOR: readonly Mapping[] = [["rw-p", 164 * MB, 160_000]];

it("a WebAssembly memory is told from V8's heaps and the allocator's, by what it may grow into", () => {
  const others = [...HEAPS, ...ALLOCATOR, ["r-xp", 35 * MB, 20_000]] as const;
  expect(wasmMbIn(smaps([...others, ...MEMORY]), BYTES)).toBe(60_000 / 1_024);
  expect(wasmMbIn(smaps([...MEMORY, ...others]), BYTES)).toBe(60_000 / 1_024);
  expect(wasmMbIn(smaps(others), BYTES)).toBe(0);
});

it("one that Linux shows as one mapping with megabytes in front of it is there, and has its own size at most", () => {
  const joined = smaps([["rw-p", BYTES + 5 * MB, (BYTES + 5 * MB) / 1_024], ["---p", RESERVED - BYTES, 0], ...HEAPS]);
  expect(wasmMbIn(joined, BYTES)).toBe(BYTES / MB);
});
