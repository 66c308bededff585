import { readFileSync } from "node:fs";
import { expect, it } from "vitest";

const headers = readFileSync(new URL("../../web/public/_headers", import.meta.url), "utf8");

it("the page runs its own scripts only, talks to its own pool only, and is framed by nobody", () => {
  const policy = /Content-Security-Policy: (.*)/.exec(headers)?.[1] ?? "";
  const rules = new Map(policy.split("; ").map((rule) => [rule.split(" ")[0], rule.split(" ").slice(1).join(" ")]));
  expect(Object.fromEntries(rules)).toMatchObject({
    "default-src": "'none'",
    "script-src": "'self'",
    "connect-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
  });
  expect(policy).not.toMatch(/unsafe|https?:|\*/);
});

it("the page tells nobody where its reader came from and guesses no content type", () => {
  expect(headers).toContain("X-Content-Type-Options: nosniff");
  expect(headers).toContain("Referrer-Policy: no-referrer");
});
