import * as fc from "fast-check";

const LOGIN = "0xb85150eb365e7df0941f0cf08235f987ba91506a";
/** What their submits are for. */
export const HEADER = `0x${"a".repeat(64)}`;

/** How a peer of each dialect comes in. */
export const ENTRANCES: Readonly<Record<string, readonly string[]>> = {
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

/** Any character but halves of a surrogate pair, as fast-check's unit "binary", whose table takes 85 MB: more than a heap of workerd has. */
export const anyCharacter = fc
  .oneof(
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 0xd7_ff }) },
    { weight: 19, arbitrary: fc.integer({ min: 0xe0_00, max: 0x10_ff_ff }) },
  )
  .map((code) => String.fromCodePoint(code));
const text = fc.oneof(fc.constantFrom(...HOSTILE_TEXTS), fc.string({ unit: anyCharacter, maxLength: 30 }));
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
    fc.string({ unit: anyCharacter, maxLength: 200 }),
    fc.json(),
  )
  .map((line) => line.replaceAll(/[\r\n]/g, " "));

/** Malformed and hostile lines without line ends; the same for the same seed. */
export function hostileLines(count: number, seed: number): string[] {
  return fc.sample(hostile, { seed, numRuns: count });
}
