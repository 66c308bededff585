/** What a set of measurements looks like. Values in the unit that they were measured in. */
export interface Distribution {
  readonly count: number;
  readonly min: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
  readonly mean: number;
}

const BARS = 40;

/** @throws RangeError for an empty set */
export function distributionOf(values: readonly number[]): Distribution {
  if (values.length === 0) throw new RangeError("nothing was measured");
  const sorted = values.toSorted((one, other) => one - other);
  const at = (share: number): number =>
    round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0);
  return {
    count: sorted.length,
    min: at(0),
    p50: at(0.5),
    p90: at(0.9),
    p99: at(0.99),
    max: at(1),
    mean: round(sorted.reduce((sum, value) => sum + value, 0) / sorted.length),
  };
}

/** Lines with a bar for each class of equal width. */
export function histogram(values: readonly number[], classes: number): string[] {
  const min = Math.min(...values);
  const max = Math.max(...values);
  const width = Math.max((max - min) / classes, 0.1);
  const counts = Array.from({ length: classes }, () => 0);
  for (const value of values) {
    const index = Math.min(classes - 1, Math.floor((value - min) / width));
    counts[index] = (counts[index] ?? 0) + 1;
  }
  const most = Math.max(...counts);
  return counts.map((count, index) => {
    const from = (min + index * width).toFixed(0).padStart(6);
    const to = (min + (index + 1) * width).toFixed(0).padStart(6);
    return `${from} –${to} ms │${"█".repeat(Math.round((count / most) * BARS)).padEnd(BARS)}│ ${count}`;
  });
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
