/** One way between two objects. These are assumptions: nothing here is deployed, so nothing could be measured. */
export interface Network {
  readonly name: string;
  /** Median and spread (of the logarithm) of one way, in ms. */
  readonly medianMs: number;
  readonly sigma: number;
}

export const NETWORKS: readonly Network[] = [
  { name: "sessions in one region", medianMs: 2, sigma: 0.5 },
  { name: "sessions all over the world", medianMs: 80, sigma: 0.5 },
];

/** A seeded source of delays: the same seed gives the same simulation. */
export function delays({ medianMs, sigma }: Network, seed: number): () => number {
  let state = seed >>> 0;
  // mulberry32: small, and good enough to scatter delays.
  const uniform = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return () => {
    // Box and Muller; log-normal, because delays have a long tail and no negative values.
    const normal = Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
    return medianMs * Math.exp(sigma * normal);
  };
}
