import { expect, it } from "vitest";
import { fuzz } from "../support/fuzz-campaign.ts";

/** A minute where nobody waits for it, less at a desk; `npm run fuzz -- --minutes 60` for longer. */
const MINUTES = process.env["CI"] === undefined ? 0.2 : 1;

it("no route and no socket answers random input with a 500, an exception or a secret", async () => {
  const { requests, sockets, findings } = await fuzz({ seed: 20_261_126, minutes: MINUTES });
  expect(findings).toEqual([]);
  expect(Math.min(requests, sockets)).toBeGreaterThan(0);
});
