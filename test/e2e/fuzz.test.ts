import { expect, it } from "vitest";
import { fuzz } from "../support/fuzz-campaign.ts";

/** A minute where nobody waits for it, less at a desk; `npm run fuzz -- --minutes 60` for longer. */
const MINUTES = process.env["CI"] === undefined ? 0.2 : 1;

it("no route and no socket answers random input with a 500, an exception or a secret", async () => {
  const { requests, sockets, findings } = await fuzz({ seed: 20_261_126, minutes: MINUTES });
  expect(findings).toEqual([]);
  expect(Math.min(requests, sockets)).toBeGreaterThan(0);
});

it("an exception in any of the pool's scripts would be found", async () => {
  const { findings } = await fuzz({ seed: 5, minutes: 0.5, sabotaged: 15 });
  for (const script of ["edgepool", "edgepool-sessions", "edgepool-verifiers", "edgepool-payouts"])
    expect(
      findings.filter((finding) => new RegExp(`an exception left .*sabotage of ${script}\\b(?!-)`).test(finding)),
      script,
    ).not.toEqual([]);
});
