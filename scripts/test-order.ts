import { basename } from "node:path";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Files that wait longest, for an outage or for one process after another: whatever begins last ends last. */
const LONGEST: readonly string[] = [
  "doctor",
  "npm-start",
  "block-life",
  "work-recovery",
  "pool-process",
  "notifications",
  "bridge-resume",
  "bounds",
  "backup",
  "recover",
  "restart",
  "ledger-cli",
  "solo",
  "fuzz",
  "client-families",
].map((name) => `${name}.test.ts`);

/** The last that wait begin at this part of the way: what computes then fills both cores until they are done. */
const WAITING_UNTIL = 0.7;

/**
 * The order of the test files. Those of whole processes wait for clocks and for each other most of their time, the others compute: they are
 * dealt out evenly among each other, so that both cores have something to do from the first file to the last.
 */
export class TestOrder extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    // oxlint-disable-next-line unicorn/no-array-sort -- a sequencer's method, not an array's
    const sorted = await super.sort(files);
    const waiting = sorted.filter(({ project }) => project.name === "e2e").toSorted((a, b) => rank(a) - rank(b));
    // Those that run in workerd are the longest of the others, and the last by name.
    const computing = sorted.filter(({ project }) => project.name !== "e2e").toReversed();
    const place = new Map([...spread(waiting, WAITING_UNTIL), ...spread(computing, 1)]);
    return sorted.toSorted((a, b) => (place.get(a) ?? 0) - (place.get(b) ?? 0));
  }
}

function rank({ moduleId }: TestSpecification): number {
  const at = LONGEST.indexOf(basename(moduleId));
  return at === -1 ? LONGEST.length : at;
}

/** Each with its place on the way from 0 to `end`. */
const spread = (files: readonly TestSpecification[], end: number): [TestSpecification, number][] =>
  files.map((file, i) => [file, (i / files.length) * end]);
