/**
 * `node .ci/report.mjs GROUP REPORT FAILURES`: of a JSON report of Vitest, prints "passed failed skipped", and appends to FAILURES each test
 * that failed with the file and the first lines of what it said. A file that did not load counts as one.
 */
import { appendFileSync, readFileSync } from "node:fs";
import { relative } from "node:path";

const [group, report, failures] = process.argv.slice(2);
const { testResults, numPassedTests, numPendingTests, numTodoTests } = JSON.parse(readFileSync(report, "utf8"));
const ofRunner = /^\s+at .*(node_modules|new Promise|processTicksAndRejections)/;
const firstLines = (text) =>
  text
    .split("\n")
    .filter((line) => !ofRunner.test(line))
    .slice(0, 12)
    .join("\n    ");

let failed = 0;
for (const { name, message, status, assertionResults } of testResults) {
  const file = relative(process.cwd(), name);
  const tests = assertionResults.filter((test) => test.status === "failed");
  const said = tests.map((test) => [`${file} > ${test.fullName}`, test.failureMessages.join("\n")]);
  if (said.length === 0 && status === "failed") said.push([file, message]);
  for (const [what, text] of said) {
    failed += 1;
    appendFileSync(failures, `FAILED: ${group}: ${what}\n    ${firstLines(text)}\n`);
  }
}
console.log(numPassedTests, failed, numPendingTests + numTodoTests);
