import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { POLICY_CLOSE, RESTART_CLOSE, RESTART_REASONS } from "../../../core/session/closes.ts";

it("the protocol's page has a row for each reason with which a peer is asked to come back, and for no other", async () => {
  const page = await readFile(join(import.meta.dirname, "../../../docs/protocol.md"), "utf8");
  const rows = [...page.matchAll(/^\| (1\d{3}) \| (.+?) \|/gm)].map(([, code, reason]) => ({
    code: Number(code),
    reason,
  }));
  expect(rows.filter(({ code }) => code === RESTART_CLOSE)).toEqual(
    Object.values(RESTART_REASONS).map((reason) => ({ code: RESTART_CLOSE, reason: `\`${reason}\`` })),
  );
  expect(new Set(rows.map(({ code }) => code))).toEqual(new Set([POLICY_CLOSE, RESTART_CLOSE]));
});
