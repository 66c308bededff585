import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { LEDGER_SCRIPTS } from "../../core/ledger/contract/scripts/embedded.ts";
import { EMBEDDED, embeddedScripts } from "../../scripts/ledger/embed-scripts.ts";

test("the embedded scripts are those of the .lua files (else: npm run -s build:lua)", () => {
  expect(readFileSync(EMBEDDED, "utf8")).toBe(embeddedScripts());
});

test.each(Object.values(LEDGER_SCRIPTS))("the SHA-1 written down for $name is that of its text", (script) => {
  expect(script.sha1).toBe(createHash("sha1").update(script.text).digest("hex"));
});
