import { expect, it } from "vitest";
import { fuzz } from "../support/fuzz-campaign.ts";

const SCRIPTS = ["edgepool", "edgepool-sessions", "edgepool-verifiers", "edgepool-payouts"];

// A minute of it is in the group `slow`; `npm run fuzz -- --minutes 60` for longer.
it("no route and no socket answers random input with a 500, an exception or a secret", async () => {
  const { requests, sockets, findings } = await fuzz({ seed: 20_261_127, minutes: 0.15 });
  expect(findings).toEqual([]);
  expect(Math.min(requests, sockets)).toBeGreaterThan(0);
});

it("an exception in any of the pool's scripts would be found", async () => {
  const seen = (findings: readonly string[]) =>
    SCRIPTS.filter((script) =>
      findings.some((finding) => new RegExp(`an exception left .*sabotage of ${script}\\b(?!-)`).test(finding)),
    );
  const { findings } = await fuzz({
    seed: 5,
    minutes: 5,
    sabotaged: 15,
    isEnough: (some) => seen(some).length === SCRIPTS.length,
  });
  expect(seen(findings)).toEqual(SCRIPTS);
});
