import { expect, it } from "vitest";
import { fuzz } from "../support/fuzz-campaign.ts";

it("no route and no socket answers a minute of random input with a 500, an exception or a secret", async () => {
  const { requests, sockets, findings } = await fuzz({ seed: 20_261_126, minutes: 1 });
  expect(findings).toEqual([]);
  expect(Math.min(requests, sockets)).toBeGreaterThan(0);
});
