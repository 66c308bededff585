import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { REJECTIONS } from "../../../core/stratum/rejections.ts";
import { readGetwork } from "../../../core/stratum/getwork.ts";
import { job, LOGIN, PoolDriver } from "./pool-driver.ts";

const LINES = 10_000;
const HEADER = job("a").header;

/** How a peer of each dialect comes in. */
const ENTRANCES: Record<string, string[]> = {
  ethProxy: [`{"id":1,"method":"eth_submitLogin","params":["${LOGIN}"]}`],
  es1: [
    '{"id":1,"method":"mining.subscribe","params":["m/1","EthereumStratum/1.0.0"]}',
    `{"id":3,"method":"mining.authorize","params":["${LOGIN}","x"]}`,
  ],
  es2: [
    '{"id":0,"method":"mining.hello","params":{"proto":"EthereumStratum/2.0.0"}}',
    '{"id":2,"method":"mining.subscribe"}',
    `{"id":3,"method":"mining.authorize","params":["${LOGIN}","x"]}`,
  ],
  stratum: ['{"id":1,"method":"mining.subscribe"}', `{"id":3,"method":"mining.authorize","params":["${LOGIN}","x"]}`],
};

const METHODS = [
  "eth_submitLogin",
  "eth_getWork",
  "ETH_SUBMITWORK",
  "eth_submitHashrate",
  "eth_getBlockByNumber",
  "mining.subscribe",
  "mining.authorize",
  "mining.submit",
  "mining.hello",
  "mining.extranonce.subscribe",
  "mining.hashrate",
  "mining.noop",
  "constructor",
  "__proto__",
  "toString",
  "",
];
const HOSTILE_TEXTS = [
  LOGIN,
  `${LOGIN}.${"a".repeat(40)}`,
  HEADER,
  "a".repeat(16),
  "0x0123456789abcdef",
  "23456789ab",
  "d=99999999999999999999",
  "\u0000",
  '"},{"',
  "__proto__",
  "../../etc/passwd",
  "0x" + "g".repeat(64),
  "9".repeat(400),
];

const text = fc.oneof(fc.constantFrom(...HOSTILE_TEXTS), fc.string({ unit: "binary", maxLength: 30 }));
const value = fc.oneof(text, fc.jsonValue({ maxDepth: 3 }), fc.double(), fc.bigInt().map(String));
/** Objects that look like requests, with one thing or another wrong. */
const almost = fc
  .record(
    {
      id: fc.oneof(fc.nat(), value, fc.constantFrom(0, -1, 1.5, null, "1", Number.MAX_VALUE)),
      jsonrpc: fc.constantFrom("2.0", "1.0", 2, null),
      method: fc.oneof({ weight: 8, arbitrary: fc.constantFrom(...METHODS) }, value),
      params: fc.oneof(fc.array(value, { maxLength: 6 }), value, fc.constant({ proto: "EthereumStratum/2.0.0" })),
      worker: value,
    },
    { requiredKeys: [] },
  )
  .map((request) => JSON.stringify(request));
const cut = fc
  .tuple(almost, fc.nat({ max: 100 }))
  .map(([line, percent]) => line.slice(0, (line.length * percent) / 100));
/** Lines as they should be, with one character changed. */
const VALID = [
  ...Object.values(ENTRANCES).flat(),
  `{"id":40,"method":"eth_submitWork","params":["0x0123456789abcdef","${HEADER}","${HEADER}"],"worker":"rig"}`,
  `{"id":4,"method":"mining.submit","params":["${LOGIN}","${"a".repeat(16)}","23456789ab"]}`,
  `{"id":4,"method":"mining.submit","params":["${LOGIN}","x","0x0123456789abcdef","${HEADER}","${HEADER}"]}`,
];
const mistyped = fc
  .tuple(
    fc.constantFrom(...VALID),
    fc.nat(),
    fc.constantFrom(..."0 f Z , : { } [ ] ä".split(" "), '"', "\\", " ", "\u0000"),
  )
  .map(([line, at, character]) => line.slice(0, at % line.length) + character + line.slice((at % line.length) + 1));
const nested = fc.nat({ max: 500 }).map((depth) => `{"id":1,"params":${"[".repeat(depth)}${"]".repeat(depth)}}`);
const repeated = fc.tuple(almost, almost).map(([one, two]) => `${one}${two}`);
const hostile = fc
  .oneof(
    { weight: 8, arbitrary: almost },
    { weight: 4, arbitrary: mistyped },
    cut,
    nested,
    repeated,
    fc.string({ unit: "binary", maxLength: 200 }),
    fc.json(),
  )
  .map((line) => line.replaceAll(/[\r\n]/g, " "));

const messages = [...new Set(Object.values(REJECTIONS).map(({ message }) => message))].join("|");
/** The only shapes in which the pool answers, per dialect; ids and granted values aside. */
const DOCUMENTED: Record<string, RegExp> = {
  ethProxy: new RegExp(
    `^{"id":.+,"jsonrpc":"2.0","result":(?:true|false|\\["0x[0-9a-f]{64}","0x[0-9a-f]{64}","0x[0-9a-f]{64}"\\]|null,"error":{"code":-?\\d+,"message":"(?:${messages})"})}$`,
    "s",
  ),
  es1: new RegExp(
    `^{"id":.+,(?:"result":(?:true|null|\\[.+\\]),"error":(?:null|\\[\\d+,"(?:${messages})",null\\])|"method":"mining\\..+)}$`,
    "s",
  ),
  es2: new RegExp(
    `^{(?:"id":.+?(?:,"result":.+|,"error":{"code":\\d{3},"message":"(?:${messages})"})?|"method":"mining\\..+)}$`,
    "s",
  ),
};

const lines = fc.sample(hostile, { seed: 20261122, numRuns: LINES });

describe.each(Object.keys(ENTRANCES))("%s and ten thousand malformed and hostile lines", (dialect) => {
  it("gives documented replies, throws nothing and keeps nothing of them", () => {
    const documented = DOCUMENTED[dialect === "stratum" ? "es1" : dialect] ?? /^$/;
    const undocumented: { line: string; reply: string }[] = [];
    let [pool, closed, grown] = [entered(dialect), 0, 0];
    const atFirst = size(pool);
    for (const line of lines) {
      for (const reply of pool.say(line)) {
        if (!documented.test(reply) || !isJson(reply)) undocumented.push({ line, reply });
      }
      grown = Math.max(grown, size(pool) - atFirst);
      if (pool.closed === null) continue;
      closed++;
      pool = entered(dialect);
    }
    expect(undocumented).toEqual([]);
    // What hibernation has to keep stays what it was, but for the worker's name that a line may have set.
    expect(grown).toBeLessThan(200);
    expect(closed).toBeGreaterThan(100);
  });
});

describe("hostile lines before any login", () => {
  it("are all answered in JSON, and none reaches the verifier", () => {
    const wrong = lines.filter((line) => {
      const pool = new PoolDriver();
      pool.say(line, line);
      return pool.shares.length > 0 || !pool.sent.every((reply) => isJson(reply));
    });
    expect(wrong).toEqual([]);
  });
});

describe("HTTP getwork and ten thousand hostile bodies", () => {
  it("reads each as a request or refuses it, and throws nothing", () => {
    const kinds = new Set(lines.map((body) => readGetwork(body).method));
    expect([...kinds].toSorted()).toEqual(["getBlock", "getWork", "hashrate", "refuse", "submit"]);
    expect(lines.filter((body) => !isJson(readGetwork(body).id))).toEqual([]);
  });
});

function entered(dialect: string): PoolDriver {
  const pool = new PoolDriver();
  pool.say(...(ENTRANCES[dialect] ?? []));
  return pool;
}

function isJson(line: string): boolean {
  try {
    JSON.parse(line);
    return true;
  } catch {
    return false;
  }
}

function size(pool: PoolDriver): number {
  return JSON.stringify(pool.state, (_key, member: unknown) => (typeof member === "bigint" ? String(member) : member))
    .length;
}
