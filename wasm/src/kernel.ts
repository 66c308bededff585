import { ArgumentError, KernelTrapError } from "./errors.ts";

/** Addresses and sizes of assembly/layout.ts, which a test compares. */
export const LAYOUT = {
  sponge: 0x0400,
  message: 0x0500,
  messageBytes: 0x0b00,
  shares: 0x1000,
  shareBytes: 128,
  shareNonce: 32,
  shareMixDigest: 64,
  shareResult: 96,
  items: 0x3800,
  cache: 0x10000,
} as const;

/** Most shares in one batch. */
export const MAX_BATCH = 32;

/** What assembly/index.ts exports. */
export interface Kernel {
  readonly memory: WebAssembly.Memory;
  keccakReset(): void;
  keccakAbsorb(blocks: number): void;
  seedHash(rounds: number): void;
  setCacheItems(items: number): void;
  setDatasetPages(pages: number): void;
  fillCache(from: number, to: number): void;
  mixCache(from: number, to: number): void;
  hashShares(count: number): void;
  resultOfShare(): void;
  buildPage(page: number): void;
}

const FUNCTIONS = [
  "keccakReset",
  "keccakAbsorb",
  "seedHash",
  "setCacheItems",
  "setDatasetPages",
  "fillCache",
  "mixCache",
  "hashShares",
  "resultOfShare",
  "buildPage",
] as const satisfies readonly Exclude<keyof Kernel, "memory">[];

/** A fresh instance with empty memory. @throws ArgumentError where the module is not the kernel of this package */
export function instantiateKernel(module: WebAssembly.Module): Kernel {
  // A module of this package imports nothing; a stranger's may, and then fails here.
  const { exports } = new WebAssembly.Instance(module);
  if (!isKernel(exports)) throw new ArgumentError("module", "not the kernel of this package");
  return exports;
}

function isKernel(exports: object): exports is Kernel {
  const found: Record<string, unknown> = { ...exports };
  return found["memory"] instanceof WebAssembly.Memory && FUNCTIONS.every((name) => typeof found[name] === "function");
}

/** Turns a trap into its typed error and lets everything else through. */
export function asTrap(error: unknown): unknown {
  return error instanceof WebAssembly.RuntimeError ? new KernelTrapError(error) : error;
}

const PAGE_BYTES = 65_536;

/** WebAssembly memory that an instance needs to hold an epoch's cache, in bytes. */
export function memoryFor(epoch: { readonly cacheBytes: number }): number {
  return Math.ceil((LAYOUT.cache + epoch.cacheBytes) / PAGE_BYTES) * PAGE_BYTES;
}

/** Grows the memory to at least `bytes`, a number that {@link memoryFor} gave. @throws RangeError where the machine refuses */
export function growTo(memory: WebAssembly.Memory, bytes: number): void {
  const missing = bytes - memory.buffer.byteLength;
  if (missing > 0) memory.grow(missing / PAGE_BYTES);
}
