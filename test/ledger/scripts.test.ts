import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { RECORD_BLOCK } from "../../core/ledger/contract/scripts/record-block.ts";
import { RECORD_SHARES } from "../../core/ledger/contract/scripts/record-shares.ts";

test.each([RECORD_SHARES, RECORD_BLOCK])("the SHA-1 written down for $name is that of its text", (script) => {
  expect(script.sha1).toBe(createHash("sha1").update(script.text).digest("hex"));
});
