/** A cell of a table; what has no value is left empty. */
type Cell = string | number | bigint | boolean | null | undefined;

/**
 * A table as CSV (RFC 4180) with a heading line. Texts that a spreadsheet would take for a formula get a `'` before them: names of workers
 * are strangers' words.
 */
export function csv(columns: readonly string[], rows: readonly (readonly Cell[])[]): string {
  return [columns, ...rows].map((row) => `${row.map((cell) => cellText(cell)).join(",")}\r\n`).join("");
}

function cellText(cell: Cell): string {
  if (cell === null || cell === undefined) return "";
  if (typeof cell !== "string") return String(cell);
  const text = /^[=+\-@\t\r]/.test(cell) ? `'${cell}` : cell;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Unix time in seconds as spreadsheets read it: ISO 8601 in UTC. */
export function isoTime(unixS: number | bigint): string {
  const seconds = Number(unixS);
  // What a foreign program wrote may be no time at all.
  if (!Number.isSafeInteger(seconds) || Math.abs(seconds) > 8e12) return String(unixS);
  // oxlint-disable-next-line no-restricted-globals -- writes a given moment; it reads no clock
  return new Date(seconds * 1000).toISOString().replace(".000Z", "Z");
}
