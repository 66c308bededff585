import { readFileSync } from "node:fs";
import { brotliCompressSync } from "node:zlib";
import { expect, test } from "vitest";
import { LAYOUT, MAX_BATCH } from "../src/kernel.ts";

const read = (path: string) => readFileSync(new URL(path, import.meta.url), "utf8");

const layout = read("../assembly/layout.ts");
const address = (name: string) => Number(new RegExp(`export const ${name}: usize = (\\w+);`).exec(layout)?.[1]);

test("host and kernel agree on the memory layout", () => {
  const constants = new Map(
    Array.from(layout.matchAll(/^export const (\w+): \w+ = (\w+);/gm), ([, name = "", value = ""]) => [
      // SHARE_BYTES is shareBytes in the host.
      name.toLowerCase().replaceAll(/_(\w)/g, (_, letter: string) => letter.toUpperCase()),
      Number(value),
    ]),
  );
  expect(constants.get("maxShares")).toBe(MAX_BATCH);
  for (const [name, value] of Object.entries(LAYOUT)) expect([name, constants.get(name)]).toEqual([name, value]);
});

test("what stands in the kernel's first page does not overlap", () => {
  const shares = MAX_BATCH;
  const chains = 2 * shares;
  const areas: [string, number][] = [
    ["SPONGE", 200],
    ["MESSAGE", LAYOUT.messageBytes],
    ["SHARES", shares * LAYOUT.shareBytes],
    ["SEEDS", shares * 64],
    ["MIXES", shares * 128],
    ["ITEMS", chains * 64],
    ["ITEM_INDEXES", chains * 4],
    ["ROWS", 4 * chains * 4],
    ["TOUCHED", 8],
    ["STARTS", 4 * chains * 4],
    ["ACTIVE", 16 * 16],
    ["EVEN_STATE", 400],
    ["ODD_STATE", 400],
    ["ZEROS", 64],
    ["CONSTANTS", 0x8000],
    ["CACHE", 0],
  ];
  let end = 1024;
  for (const [name, bytes] of areas) {
    expect(address(name), name).toBeGreaterThanOrEqual(end);
    end = address(name) + bytes;
  }
  expect(end).toBe(0x10000);
});

test("the package has no dependencies at run time and a small kernel", () => {
  const manifest: Record<string, unknown> = JSON.parse(read("../package.json"));
  expect(manifest).not.toHaveProperty("dependencies");
  expect(manifest).not.toHaveProperty("peerDependencies");
  const kernel = readFileSync(new URL("../dist/kernel.wasm", import.meta.url));
  expect(brotliCompressSync(kernel).length).toBeLessThan(10_000);
  expect(WebAssembly.Module.imports(new WebAssembly.Module(kernel))).toEqual([]);
});
