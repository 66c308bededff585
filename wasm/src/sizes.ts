import { ArgumentError } from "./errors.ts";

// Sizes in bytes, under the specification's names ("Definitions").
const HASH_BYTES = 64;
const MIX_BYTES = 128;
const CACHE_BYTES_INIT = 2 ** 24;
const CACHE_BYTES_GROWTH = 2 ** 17;
const DATASET_BYTES_INIT = 2 ** 30;
const DATASET_BYTES_GROWTH = 2 ** 23;

/** Last epoch whose light cache fits into the 4 GiB of a WebAssembly memory beside the kernel's first page. */
export const MAX_EPOCH = 32_639;

const cacheSizes = new Map<number, number>();
const datasetSizes = new Map<number, number>();

/** Size of an epoch's light cache in bytes: the largest prime number of 64-byte items under the linear growth. */
export function cacheBytesOf(epoch: number): number {
  return sizeOf(epoch, cacheSizes, CACHE_BYTES_INIT + CACHE_BYTES_GROWTH * epoch, HASH_BYTES);
}

/** Size of an epoch's full dataset in bytes: the largest prime number of 128-byte pages under the linear growth. */
export function datasetBytesOf(epoch: number): number {
  return sizeOf(epoch, datasetSizes, DATASET_BYTES_INIT + DATASET_BYTES_GROWTH * epoch, MIX_BYTES);
}

function sizeOf(epoch: number, known: Map<number, number>, bound: number, unit: number): number {
  if (!Number.isSafeInteger(epoch) || epoch < 0 || epoch > MAX_EPOCH) {
    throw new ArgumentError("epoch", `${epoch} is not a whole number from 0 to ${MAX_EPOCH}`);
  }
  let size = known.get(epoch);
  if (size === undefined) {
    // bound / unit is even, so every odd number below it is tried.
    let units = bound / unit - 1;
    while (!isPrime(units)) units -= 2;
    size = units * unit;
    known.set(epoch, size);
  }
  return size;
}

/** Trial division: some 6,000 steps for a dataset of epoch 2,047. @param candidate odd, above 2 */
function isPrime(candidate: number): boolean {
  for (let divisor = 3; divisor * divisor <= candidate; divisor += 2) if (candidate % divisor === 0) return false;
  return true;
}

/** Items of 64 bytes in a cache, and pages of 128 bytes in a dataset. */
export function counts(sizes: { cacheBytes: number; datasetBytes: number }): { items: number; pages: number } {
  return { items: sizes.cacheBytes / HASH_BYTES, pages: sizes.datasetBytes / MIX_BYTES };
}
