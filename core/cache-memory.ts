import type { Epoch } from "./chain-spec.ts";

const MIB = 2 ** 20;

/** JavaScript and WebAssembly of an isolate together (docs/platform.md, section 1). */
const ISOLATE_BYTES = 128 * MIB;
/** What everything but a light cache may need: sessions, outbox, the kernel itself. Whole-pool tests pass with it. */
const RESERVE_BYTES = 32 * MIB;

/** The largest light cache that an isolate has room for. Verifiers hold one at a time where two do not fit. */
const LARGEST_CACHE_BYTES = ISOLATE_BYTES - RESERVE_BYTES;

const mib = (bytes: number): string => `${Math.round(bytes / MIB)} MiB`;

/** Says that a block's shares could not be verified for want of memory; null where they can. */
export function cacheShortage({ cacheBytes, firstBlock }: Epoch): string | null {
  if (cacheBytes <= LARGEST_CACHE_BYTES) return null;
  return `its light cache from block ${firstBlock} on takes ${mib(cacheBytes)}; a Worker's isolate has ${mib(ISOLATE_BYTES)}, and ${mib(RESERVE_BYTES)} are kept for everything else`;
}
