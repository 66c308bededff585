import colors from "picocolors";
import type { Finding, Outcome } from "./finding.ts";

const MARKS: Readonly<Record<Outcome, string>> = {
  ok: colors.green("ok   "),
  warn: colors.yellow("WARN "),
  fail: colors.red("FAIL "),
  skipped: colors.dim("—    "),
};

/** With its fix. */
export const lineOf = ({ check, outcome, found, fix }: Finding): string =>
  `${MARKS[outcome]} ${check}: ${found}${fix === null ? "" : ` — ${fix}`}\n`;

/** Tells each finding as it comes. @returns how many of them fail */
export async function failures(findings: AsyncIterable<Finding>, tell: (finding: Finding) => void): Promise<number> {
  let count = 0;
  for await (const finding of findings) {
    tell(finding);
    if (finding.outcome === "fail") count += 1;
  }
  return count;
}
