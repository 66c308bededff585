import { expect, test } from "vitest";
import { cacheBytesOf, datasetBytesOf, MAX_EPOCH } from "../src/sizes.ts";

/** a^exponent mod modulus. */
function power(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let [result, square, rest] = [1n, base % modulus, exponent];
  for (; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = (result * square) % modulus;
    square = (square * square) % modulus;
  }
  return result;
}

/** Miller-Rabin; these bases decide every number below 3,215,031,751. The package divides by all odd numbers instead. */
function isPrime(candidate: number): boolean {
  const n = BigInt(candidate);
  let [odd, twos] = [n - 1n, 0];
  for (; (odd & 1n) === 0n; odd >>= 1n) twos++;
  return [2n, 3n, 5n, 7n].every((base) => {
    let x = power(base, odd, n);
    if (x === 1n) return true;
    for (let round = 0; round < twos; round++) {
      if (x === n - 1n) return true;
      x = (x * x) % n;
    }
    return false;
  });
}

/** "Definitions" of the specification: the largest prime number of units below the linear bound. */
function expectLargestPrime(bytes: number, bound: number, unit: number): void {
  const units = bytes / unit;
  expect(isPrime(units), `${units} is prime`).toBe(true);
  for (let larger = units + 2; larger * unit < bound; larger += 2) {
    expect(isPrime(larger), `${larger} is prime and larger than ${units}`).toBe(false);
  }
}

test("every epoch from 0 to 2047 has the largest prime numbers of cache items and dataset pages", () => {
  for (let epoch = 0; epoch <= 2047; epoch++) {
    expectLargestPrime(cacheBytesOf(epoch), 2 ** 24 + 2 ** 17 * epoch, 64);
    expectLargestPrime(datasetBytesOf(epoch), 2 ** 30 + 2 ** 23 * epoch, 128);
  }
});

test("the last epoch's cache is the largest that fits beside the kernel's first page", () => {
  expect(cacheBytesOf(MAX_EPOCH) + 65_536).toBeLessThanOrEqual(2 ** 32);
  expect(2 ** 24 + 2 ** 17 * (MAX_EPOCH + 1) + 65_536).toBeGreaterThan(2 ** 32);
});

test.each([-1, 0.5, MAX_EPOCH + 1, Number.NaN, Infinity])("epoch %d has no size", (epoch) => {
  const outOfRange = expect.objectContaining({ name: "ArgumentError", argument: "epoch" });
  expect(() => cacheBytesOf(epoch)).toThrow(outOfRange);
  expect(() => datasetBytesOf(epoch)).toThrow(outOfRange);
});
