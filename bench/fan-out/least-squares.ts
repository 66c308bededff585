/**
 * Coefficients x that make `rows · x` come closest to `values` (normal equations, Gaussian elimination with pivoting).
 * @param rows one per measurement, all of one length
 * @throws RangeError when the measurements do not determine the coefficients
 */
export function leastSquares(rows: readonly (readonly number[])[], values: readonly number[]): number[] {
  const size = rows[0]?.length ?? 0;
  const dot = (one: (row: readonly number[], index: number) => number): number =>
    rows.reduce((sum, row, index) => sum + one(row, index), 0);
  const matrix = Array.from({ length: size }, (_, i) => [
    ...Array.from({ length: size }, (_unused, j) => dot((row) => (row[i] ?? 0) * (row[j] ?? 0))),
    dot((row, index) => (row[i] ?? 0) * (values[index] ?? 0)),
  ]);
  for (let column = 0; column < size; column++) eliminate(matrix, column);
  return matrix.map((row, index) => (row[size] ?? 0) / (row[index] ?? 1));
}

function eliminate(matrix: number[][], column: number): void {
  const candidates = matrix.slice(column).map((row) => Math.abs(row[column] ?? 0));
  const pivotAt = column + candidates.indexOf(Math.max(...candidates));
  const pivot = matrix[pivotAt];
  const displaced = matrix[column];
  if (pivot === undefined || displaced === undefined || Math.abs(pivot[column] ?? 0) < 1e-9) {
    throw new RangeError("the measurements do not determine the coefficients");
  }
  matrix[pivotAt] = displaced;
  matrix[column] = pivot;
  for (const [index, row] of matrix.entries()) {
    if (index === column) continue;
    const factor = (row[column] ?? 0) / (pivot[column] ?? 1);
    for (let at = column; at < row.length; at++) row[at] = (row[at] ?? 0) - factor * (pivot[at] ?? 0);
  }
}
