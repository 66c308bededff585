import * as fc from "fast-check";
import { expect, test } from "vitest";
import { parseExactJson } from "../../core/ledger/contract/rest-port.ts";

test("integers beyond 2^53 come as their digits, all else as JSON.parse gives it", () => {
  expect(
    parseExactJson(
      '{"a":9007199254740993,"b":-9223372036854775808,"c":9007199254740991,"d":1.5000000000000000000,"e":1e300}',
    ),
  ).toEqual({ a: "9007199254740993", b: "-9223372036854775808", c: 9007199254740991, d: 1.5, e: 1e300 });
});

test("digits inside strings and keys stay where they are", () => {
  const value = {
    "12345678901234567890": ["a 12345678901234567890,", '"12345678901234567890', "\\12345678901234567890"],
  };
  expect(parseExactJson(JSON.stringify(value))).toEqual(value);
});

/** What the text of `value` says, with the digits of the integers that no number holds exactly. */
function expected(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value), (_, part: unknown) =>
    typeof part === "number" && !Number.isSafeInteger(part) && /^-?\d+$/.test(String(part)) ? String(part) : part,
  );
}

test("whatever JSON there is, only integers beyond 2^53 are read otherwise", () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.bigInt({ min: 2n ** 53n, max: 2n ** 63n }), (value, big) => {
      const text = `[${JSON.stringify(value)},${big}, -${big} ]`;
      const [first, second, third] = parseExactJson(text) as unknown[];
      expect(first).toEqual(expected(value));
      expect([second, third]).toEqual([String(big), String(-big)]);
    }),
    { seed: 9, numRuns: 300 },
  );
});

test.each(["", "{", "[12345678901234567890", '"12345678901234567890', "1234567890123456789x"])(
  "%o is no JSON",
  (text) => {
    expect(() => parseExactJson(text)).toThrow(SyntaxError);
  },
);
