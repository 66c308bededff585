import { assert, bigInt, jsonValue, property } from "fast-check";
import { describe, expect, it } from "vitest";
import { parseNotify, parseWork } from "../../../core/work/node-work.ts";

const HEADER = `0x${"a1".repeat(32)}`;
const SEED = `0x${"00".repeat(32)}`;
const hex = (value: bigint | number) => `0x${value.toString(16)}`;

describe("work pushed by a node", () => {
  it("needs nothing but the four items of the notify form", () => {
    const target = "0x00000007cc03d7d0cb49aa514f6aed05705a9baef46aea9a02514c253e288daa";
    expect(parseNotify(JSON.stringify([HEADER, SEED, target, "0x1b4"]))).toEqual({
      ok: true,
      ownHeight: true,
      job: { header: HEADER, seed: SEED, height: 436, networkDifficulty: 550853386n },
    });
  });

  it.each([
    ["text that is not JSON", "{", /not JSON/],
    [
      "the header object of --miner.notify.full",
      JSON.stringify({ hash: HEADER, number: "0x1" }),
      /without --miner.notify.full/,
    ],
    ["three items, which carry no height", JSON.stringify([HEADER, SEED, "0xff"]), /no block number/],
    ["a bare string", JSON.stringify(HEADER), /not an array/],
    ["null", "null", /not an array/],
  ])("is refused when it is %s", (_name, body, reason) => {
    expect(parseNotify(body)).toEqual({ ok: false, reason: expect.stringMatching(reason) });
  });
});

it("gets back the exact difficulty that a node made its target from", () => {
  assert(
    property(bigInt({ min: 2n, max: (1n << 100n) - 1n }), (difficulty) => {
      const target = hex((1n << 256n) / difficulty);
      const parsed = parseWork([HEADER, SEED, target, "0x1"], null);
      expect(parsed.ok && parsed.job.networkDifficulty).toBe(difficulty);
    }),
    { seed: 6, numRuns: 500 },
  );
});

it("never throws on whatever JSON a node may send", () => {
  assert(
    property(jsonValue(), (value) => {
      expect(typeof parseWork(value, 1).ok).toBe("boolean");
      expect(typeof parseNotify(JSON.stringify(value)).ok).toBe("boolean");
    }),
    { seed: 6, numRuns: 500 },
  );
});
