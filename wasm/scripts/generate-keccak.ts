/**
 * Writes assembly/generated/keccak-f1600.ts: Keccak-f[1600] (FIPS 202, section 3) unrolled over its 25 lanes, for one state in
 * 64-bit integers and for two states at once in SIMD registers. The lane arithmetic is the same for both and too
 * regular to be typed by hand; what is written here is the permutation, the rest is bookkeeping.
 *
 * A round reads the state from one place in memory and writes it to another, both at constant addresses. V8 has twelve
 * registers to give away, so that most lanes are in memory anyhow; and between local variables the optimiser of
 * WebAssembly moves the arithmetic of different rows into each other, which keeps more values waiting than registers can
 * hold. Stores it leaves in their order: 455 -> 434 instructions in two rounds, 366 -> 338 ns (with the compiler's
 * shrinkLevel 1; 0 orders the code worse, 352 ns), and smaller code.
 *
 * The build of the kernel runs it; what it writes is not committed.
 */
import { mkdirSync, writeFileSync } from "node:fs";

/** Rotation of each lane in rho, FIPS 202 table 2, by lane number x + 5y. */
const RHO = rhoOffsets();
/** Round constants of iota, FIPS 202 section 3.2.5. */
const ROUND_CONSTANTS = Array.from({ length: 24 }, (_, index) => iotaConstant(index));

/**
 * Lane complementing. WebAssembly and V8 have no 64-bit and-not, so chi's `b0 ^ (~b1 & b2)` costs a `not` for each of
 * the 25 lanes. Keeping six lanes inverted between the rounds turns most of the pairs into a plain `and` or `or` (De
 * Morgan), which leaves about one `not` a row: 12 to 15 % off the permutation. This is the usual choice of lanes.
 */
const COMPLEMENTED = new Set([1, 2, 8, 12, 17, 20]);
const NONE: ReadonlySet<number> = new Set();

interface Dialect {
  readonly type: string;
  readonly load: (at: string) => string;
  readonly store: (at: string, value: string) => string;
  /** Bytes of a lane, or of two. */
  readonly bytes: number;
  /**
   * A store between theta and rho that nobody reads: without it V8 15, workerd's, reads the lanes of the first row only
   * once for both and must spill them then: 366 -> 350 ns there; 336 -> 338 ns in Node 24, whose V8 does not.
   */
  readonly fence: ((value: string) => string) | null;
  readonly xor: (a: string, b: string) => string;
  readonly and: (a: string, b: string) => string;
  readonly or: (a: string, b: string) => string;
  readonly not: (a: string) => string;
  /** a & ~b where the machine has it, null where it does not. */
  readonly andNot: ((a: string, b: string) => string) | null;
  readonly rotate: (a: string, bits: number) => string;
  readonly constant: (value: bigint) => string;
  readonly roundConstant: string;
}

const SCALAR: Dialect = {
  type: "u64",
  load: (at) => `load<u64>(${at})`,
  store: (at, value) => `store<u64>(${at}, ${value});`,
  bytes: 8,
  fence: (value) => `store<u64>(TOUCHED, ${value});`,
  xor: (a, b) => `${a} ^ ${b}`,
  and: (a, b) => `${a} & ${b}`,
  or: (a, b) => `${a} | ${b}`,
  not: (a) => `~${a}`,
  andNot: null,
  rotate: (a, bits) => `rotl<u64>(${a}, ${bits})`,
  constant: hex,
  roundConstant: "load<u64>(constant)",
};

const PAIR: Dialect = {
  type: "v128",
  load: (at) => `v128.load(${at})`,
  store: (at, value) => `v128.store(${at}, ${value});`,
  bytes: 16,
  fence: null,
  xor: (a, b) => `v128.xor(${a}, ${b})`,
  and: (a, b) => `v128.and(${a}, ${b})`,
  or: (a, b) => `v128.or(${a}, ${b})`,
  not: (a) => `v128.not(${a})`,
  andNot: (a, b) => `v128.andnot(${a}, ${b})`,
  rotate: (a, bits) => `rotatePair(${a}, ${bits})`,
  constant: (value) => `i64x2.splat(${hex(value)})`,
  roundConstant: "v128.load64_splat(constant)",
};

/** A lane before a round: the expression that gives it, or null where it is known to be zero. */
type Lanes = readonly (string | null)[];

interface Round {
  readonly dialect: Dialect;
  readonly lanes: Lanes;
  /** Lanes that come in and go out inverted. */
  readonly complementedIn: ReadonlySet<number>;
  readonly complementedOut: ReadonlySet<number>;
  /** What iota adds to lane 0. */
  readonly roundConstant: string;
  /** How many lanes of the result are wanted: 25, or 8 in the last round of Keccak-512. */
  readonly wanted: number;
  /** The statement that keeps a lane of the result. */
  readonly put: (lane: number, value: string) => string;
}

const column = (x: number) => [0, 5, 10, 15, 20].map((lane) => x + lane);

/** Lines of one round (theta, rho, pi, chi, iota). */
function round({ dialect, lanes, complementedIn, complementedOut, roundConstant, wanted, put }: Round): string[] {
  const { type, xor, rotate } = dialect;
  const lines: string[] = [];
  const define = (name: string, value: string) => lines.push(`const ${name}: ${type} = ${value};`);
  const inverted = (lane: number) => complementedIn.has(lane);

  for (let x = 0; x < 5; x++) {
    const present = column(x).flatMap((lane) => lanes[lane] ?? []);
    define(
      `c${x}`,
      present.reduce((sum, lane) => (sum ? xor(group(sum), lane) : lane), ""),
    );
  }
  const columnInverted = (x: number) => column(x).filter(inverted).length % 2 === 1;
  for (let x = 0; x < 5; x++) define(`d${x}`, xor(`c${(x + 4) % 5}`, rotate(`c${(x + 1) % 5}`, 1)));
  if (dialect.fence) lines.push(dialect.fence("d4"));
  const thetaInverted = (x: number) => columnInverted((x + 4) % 5) !== columnInverted((x + 1) % 5);

  for (let y = 0; 5 * y < wanted; y++) {
    // pi reads row y of its result from these lanes: B[x][y] = A[x + 3y][x], indices modulo 5.
    const sources = [0, 1, 2, 3, 4].map((x) => ((x + 3 * y) % 5) + 5 * x);
    const flips = sources.map((lane) => inverted(lane) !== thetaInverted(lane % 5));
    for (const [x, lane] of sources.entries()) {
      const held = lanes[lane];
      const theta = held ? xor(held, `d${lane % 5}`) : `d${lane % 5}`;
      define(`b${y}${x}`, RHO[lane] ? rotate(theta, RHO[lane]) : theta);
    }
    for (let x = 0; x < 5 && 5 * y + x < wanted; x++) {
      const name = (step: number) => `b${y}${(x + step) % 5}`;
      const flip = (step: number) => flips[(x + step) % 5] ?? false;
      const value = chi(
        dialect,
        [name(0), name(1), name(2)],
        [flip(0), flip(1), flip(2)],
        complementedOut.has(5 * y + x),
      );
      lines.push(put(5 * y + x, x + y === 0 ? xor(group(value), roundConstant) : value));
    }
  }
  return lines;
}

type Three<T> = readonly [T, T, T];

/** `b0 ^ (~b1 & b2)` over lanes that may be held inverted, giving the result inverted or not as `out` asks. */
function chi(
  { xor, and, or, not, andNot }: Dialect,
  [b0, b1, b2]: Three<string>,
  [f0, f1, f2]: Three<boolean>,
  out: boolean,
): string {
  if (andNot) return xor(b0, group(andNot(b2, b1)));
  if (f1 !== f2) {
    // b1 inverted: ~b1 & b2 is a plain `and`. b2 inverted: it is the complement of a plain `or`.
    const term = f1 ? and(b1, b2) : or(b1, b2);
    const flipped = (f0 !== f2) !== out;
    return xor(flipped ? not(b0) : b0, group(term));
  }
  // Equal: one `not` is needed, and De Morgan gives the choice of whether the term comes out inverted.
  const invertTerm = f0 !== out;
  if (f1) return xor(b0, group(invertTerm ? or(not(b1), b2) : and(b1, not(b2))));
  return xor(b0, group(invertTerm ? or(b1, not(b2)) : and(not(b1), b2)));
}

function group(expression: string): string {
  return /^[\w.]+(\(.*\))?$/.test(expression) ? expression : `(${expression})`;
}

const LANES = Array.from({ length: 25 }, (_, lane) => lane);

/** Where a lane is in one of the two places that hold a state. */
function addressOf({ bytes }: Dialect, state: State, lane: number): string {
  return `${state} + ${bytes * lane}`;
}

type State = "EVEN" | "ODD";

function lanesOf(dialect: Dialect, state: State): Lanes {
  return LANES.map((lane) => dialect.load(addressOf(dialect, state, lane)));
}

function putInto(dialect: Dialect, state: State): Round["put"] {
  return (lane, value) => dialect.store(addressOf(dialect, state, lane), value);
}

/** `rounds` full rounds, from EVEN to ODD and back a turn of the loop: more code a turn did not run faster. */
function loopOfRounds(
  dialect: Dialect,
  firstRound: number,
  rounds: number,
  complemented: ReadonlySet<number>,
): string[] {
  const step = (from: State, to: State, roundConstant: string) => [
    "{",
    ...round({
      dialect,
      lanes: lanesOf(dialect, from),
      complementedIn: complemented,
      complementedOut: complemented,
      roundConstant,
      wanted: 25,
      put: putInto(dialect, to),
    }),
    "}",
  ];
  return [
    `for (let constant = ROUND_CONSTANTS + ${8 * firstRound}; constant < ROUND_CONSTANTS + ${8 * (firstRound + rounds)}; constant += 16) {`,
    ...step("EVEN", "ODD", dialect.roundConstant),
    ...step("ODD", "EVEN", dialect.roundConstant.replace("constant", "constant, 8")),
    "}",
  ];
}

/** Keccak-512 of 64 bytes: rounds 1 and 24 leave out what is known to be zero and what is not asked for. */
function keccak512Of64(
  dialect: Dialect,
  complemented: ReadonlySet<number>,
  name: string,
  doc: string[],
  load: (lane: number) => string,
  store: (lane: number, value: string) => string,
  parameters: string,
): string[] {
  // Rate 72 bytes: eight lanes of input, the ninth is the padding 0x01 … 0x80, sixteen lanes of zero capacity.
  const first = LANES.map((lane) => (lane < 8 ? `a${lane}` : lane === 8 ? "padding" : null));
  return [
    "/**",
    ...doc.map((line) => ` * ${line}`),
    " */",
    `export function ${name}(${parameters}): void {`,
    ...LANES.slice(0, 8).map((lane) => `const a${lane}: ${dialect.type} = ${load(lane)};`),
    `const padding: ${dialect.type} = ${dialect.constant(0x8000000000000001n)};`,
    "{",
    ...round({
      dialect,
      lanes: first,
      complementedIn: NONE,
      complementedOut: complemented,
      roundConstant: dialect.constant(ROUND_CONSTANTS[0] ?? 0n),
      wanted: 25,
      put: putInto(dialect, "EVEN"),
    }),
    "}",
    ...loopOfRounds(dialect, 1, 22, complemented),
    ...round({
      dialect,
      lanes: lanesOf(dialect, "EVEN"),
      complementedIn: complemented,
      complementedOut: NONE,
      roundConstant: dialect.constant(ROUND_CONSTANTS[23] ?? 0n),
      wanted: 8,
      put: (lane, value) => store(lane, value),
    }),
    "}",
  ];
}

function permutation(): string[] {
  const flip = (lane: number, value: string) => (COMPLEMENTED.has(lane) ? `~${value}` : value);
  return [
    "/** Keccak-f[1600] in place on the 200 bytes at `state`. */",
    "export function keccakF1600(state: usize): void {",
    ...LANES.map(
      (lane) => `store<u64>(${addressOf(SCALAR, "EVEN", lane)}, ${flip(lane, `load<u64>(state, ${8 * lane})`)});`,
    ),
    ...loopOfRounds(SCALAR, 0, 24, COMPLEMENTED),
    ...LANES.map(
      (lane) => `store<u64>(state, ${flip(lane, `load<u64>(${addressOf(SCALAR, "EVEN", lane)})`)}, ${8 * lane});`,
    ),
    "}",
  ];
}

function rotatePair(): string[] {
  return [
    "/** Both 64-bit lanes rotated left; SIMD has no rotation. */",
    "@inline",
    "function rotatePair(lanes: v128, bits: i32): v128 {",
    "return v128.or(i64x2.shl(lanes, bits), i64x2.shr_u(lanes, 64 - bits));",
    "}",
  ];
}

function file(): string {
  const lines = [
    "// Generated by scripts/generate-keccak.ts; do not edit. Keccak-f[1600], FIPS 202 section 3.",
    'import { EVEN_STATE as EVEN, ODD_STATE as ODD, TOUCHED } from "../layout";',
    "",
    `const ROUND_CONSTANTS: usize = memory.data<u64>([`,
    ...ROUND_CONSTANTS.map((constant) => `${hex(constant)},`),
    "]);",
    "",
    ...permutation(),
    "",
    ...keccak512Of64(
      SCALAR,
      COMPLEMENTED,
      "keccak512OfXor",
      [
        "Keccak-512 of the exclusive or of the 64 bytes at `one` and at `other`, written to `output`, which may be one of",
        "them. What it reads was often written by the call before, and a processor hands a store on to a load only of the",
        "same width: lane by lane takes some 5 ns off an item of the cache against an exclusive or of 16 bytes at a time.",
      ],
      (lane) => `load<u64>(one, ${8 * lane}) ^ load<u64>(other, ${8 * lane})`,
      (lane, value) => `store<u64>(output, ${value}, ${8 * lane});`,
      "one: usize, other: usize, output: usize",
    ),
    "",
    ...rotatePair(),
    "",
    ...keccak512Of64(
      PAIR,
      NONE,
      "keccak512Pair",
      ["Keccak-512 of two 64-byte items, each replaced by its hash: 198 ns an item against 256 ns one by one."],
      (lane) => `v128.load64_lane(second, v128.load64_zero(first, ${8 * lane}), 1, ${8 * lane})`,
      (lane, value) =>
        `const e${lane} = ${value}; v128.store64_lane(first, e${lane}, 0, ${8 * lane}); v128.store64_lane(second, e${lane}, 1, ${8 * lane});`,
      "first: usize, second: usize",
    ),
  ];
  return indent(lines);
}

/** Two spaces a brace. */
function indent(lines: readonly string[]): string {
  let depth = 0;
  const out: string[] = [];
  for (const line of lines) {
    if (/^[}\]]/.test(line)) depth--;
    out.push(line && "  ".repeat(depth) + line);
    if (/[{[]$/.test(line)) depth++;
  }
  return `${out.join("\n")}\n`;
}

function hex(value: bigint): string {
  return `0x${value.toString(16).padStart(16, "0")}`;
}

/** FIPS 202 section 3.2.2: walk from lane (1, 0), rotation (t + 1)(t + 2) / 2. */
function rhoOffsets(): number[] {
  const offsets = Array.from({ length: 25 }, () => 0);
  let [x, y] = [1, 0];
  for (let t = 0; t < 24; t++) {
    offsets[x + 5 * y] = (((t + 1) * (t + 2)) / 2) % 64;
    [x, y] = [y, (2 * x + 3 * y) % 5];
  }
  return offsets;
}

/** FIPS 202 section 3.2.5: bit 2^j - 1 of the constant is the output rc(j + 7 round) of an 8-bit LFSR. */
function iotaConstant(roundNumber: number): bigint {
  let constant = 0n;
  for (let j = 0; j <= 6; j++) if (lfsrBit(j + 7 * roundNumber)) constant |= 1n << ((1n << BigInt(j)) - 1n);
  return constant;
}

function lfsrBit(t: number): boolean {
  let register = 1;
  for (let step = 0; step < t % 255; step++) register = (register << 1) ^ (register & 0x80 ? 0x171 : 0);
  return (register & 1) === 1;
}

const folder = new URL("../assembly/generated/", import.meta.url);
mkdirSync(folder, { recursive: true });
writeFileSync(new URL("keccak-f1600.ts", folder), file());
