/** What the light cache of one epoch costs inside workerd. Times in ms. */
export interface CacheTimes {
  readonly cacheBytes: number;
  readonly buildMs: number;
  /** Slices of the build, and the longest time in which nothing else could run. */
  readonly slices: number;
  readonly longestSliceMs: number;
  readonly saveMs: number;
  readonly rows: number;
  readonly loadMs: number;
}
