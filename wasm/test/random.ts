/** A seeded source of whole numbers from 0 to `below` - 1. */
export type Random = (below: number) => number;

/** The same numbers in every run (mulberry32). */
export function seeded(seed: number): Random {
  let state = seed;
  return (below) => {
    state = Math.imul(state + 0x6d2b79f5, 1);
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

export function randomBytes(random: Random, length: number): Uint8Array {
  return Uint8Array.from({ length }, () => random(256));
}

export function randomNonce(random: Random): bigint {
  return new DataView(Uint8Array.from({ length: 8 }, () => random(256)).buffer).getBigUint64(0);
}
