import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { job, LOGIN, PoolDriver } from "./pool-driver.ts";

const [HEADER, MIX] = [job("a").header, `0x${"e".repeat(64)}`];
const NONCE = "0x0123456789abcdef";

/** What a peer of a dialect may say, well formed and not; the first line chooses the dialect. */
const SPEECH: Record<string, { first: string; lines: readonly string[] }> = {
  ethProxy: {
    first: `{"id":1,"method":"eth_submitLogin","params":["${LOGIN}.rig","x"]}`,
    lines: [
      '{"id":5,"method":"eth_getWork","params":[]}',
      `{"id":40,"method":"eth_submitWork","params":["${NONCE}","${HEADER}","${MIX}"],"worker":"räg"}`,
      `{"id":41,"method":"eth_submitWork","params":["${NONCE}","${MIX}","${MIX}"]}`,
      '{"id":9,"method":"eth_submitHashrate","params":["0x1","0x2"]}',
      '{"id":2,"method":"eth_unknown"}',
    ],
  },
  es1: {
    first: '{"id":1,"method":"mining.subscribe","params":["m/1","EthereumStratum/1.0.0"]}',
    lines: [
      `{"id":3,"method":"mining.authorize","params":["${LOGIN}.rig","x"]}`,
      '{"id":2,"method":"mining.extranonce.subscribe","params":[]}',
      `{"id":4,"method":"mining.submit","params":["${LOGIN}","${"a".repeat(16)}","23456789ab"]}`,
      `{"id":4,"method":"mining.submit","params":["${LOGIN}","${"b".repeat(16)}","23456789ab"]}`,
    ],
  },
  es2: {
    first: '{"id":0,"method":"mining.hello","params":{"proto":"EthereumStratum/2.0.0"}}',
    lines: [
      '{"id":2,"method":"mining.subscribe"}',
      `{"id":3,"method":"mining.authorize","params":["${LOGIN}.rig","x"]}`,
      `{"id":40,"method":"mining.submit","params":["${"a".repeat(16)}","23456789ab","rig"]}`,
      '{"id":50,"method":"mining.noop"}',
    ],
  },
  stratum: {
    first: '{"id":1,"method":"mining.subscribe","params":[]}',
    lines: [
      `{"id":3,"method":"mining.authorize","params":["${LOGIN}.rig","x"]}`,
      `{"id":40,"method":"mining.submit","params":["${LOGIN}","x","${NONCE}","${HEADER}","${MIX}"]}`,
    ],
  },
};
const ANYWHERE = ["", "{", '"😀"', "x".repeat(1024), "x".repeat(1025), '{"id":0,"result":true}'];

function replies(chunks: readonly Uint8Array[]) {
  const pool = new PoolDriver();
  for (const chunk of chunks) pool.bytes(chunk);
  return { sent: pool.sent, reports: pool.reports, shares: pool.shares, closed: pool.closed };
}

describe("the replies do not depend on how the byte stream is cut into frames", () => {
  for (const [dialect, { first, lines }] of Object.entries(SPEECH)) {
    it(dialect, () => {
      const line = fc.oneof({ weight: 6, arbitrary: fc.constantFrom(...lines) }, fc.constantFrom(...ANYWHERE));
      const stream = fc
        .tuple(fc.array(line, { maxLength: 8 }), fc.constantFrom("\n", "\r\n"), fc.boolean())
        .map(([said, end, ended]) => new TextEncoder().encode([first, ...said].join(end) + (ended ? end : "")));
      const cuts = fc.array(fc.nat({ max: 4_000 }), { maxLength: 40 });
      fc.assert(
        fc.property(stream, cuts, (whole, places) => {
          const ends = [...places.map((place) => place % whole.length), whole.length].toSorted((a, b) => a - b);
          const chunks = ends.map((end, index) => whole.slice(ends[index - 1] ?? 0, end));
          expect(replies(chunks)).toEqual(replies([whole]));
        }),
        { seed: 20261122, numRuns: 250 },
      );
    });

    it(`${dialect}, byte by byte`, () => {
      const whole = new TextEncoder().encode([first, ...lines, ...ANYWHERE, ""].join("\n"));
      expect(replies(Array.from(whole, (byte) => new Uint8Array([byte])))).toEqual(replies([whole]));
    });
  }
});
