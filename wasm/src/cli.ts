#!/usr/bin/env node
import { parseArgs } from "node:util";
import { bench, benchText } from "./bench.ts";
import { chainByName, CHAINS, epochOf, type ChainSpec, type Epoch } from "./chain-spec.ts";
import { ArgumentError, EthashError } from "./errors.ts";
import { Ethash } from "./ethash.ts";
import { toHex } from "./hex.ts";
import { loadKernel } from "./node.ts";
import { targetOf } from "./target.ts";
import { verify } from "./verify.ts";

const HELP = `Usage: ethash-wasm COMMAND

  hash   --chain C --block N --header 0x… --nonce 0x…
  verify --chain C --block N --header 0x… --nonce 0x… --mix 0x… --difficulty D
         exit code 0 where the proof of work is valid, 1 where it is not
  epoch  --chain C --block N
  bench  [--epoch N] [--json]

Chains: ${CHAINS.map(({ name }) => name).join(", ")}. Header and mix digest have 32 bytes, a nonce 8; difficulty is decimal.
Output is one line of JSON (bench: a table unless --json). Exit code 2 and a line on standard error for wrong usage.
`;

const OPTIONS = {
  chain: { type: "string" },
  block: { type: "string" },
  header: { type: "string" },
  nonce: { type: "string" },
  mix: { type: "string" },
  difficulty: { type: "string" },
  epoch: { type: "string" },
  json: { type: "boolean" },
  help: { type: "boolean", short: "h" },
} as const;

type Option = keyof typeof OPTIONS;
type Values = Readonly<Partial<Record<Option, string | boolean>>>;

/** Wrong use of the command line; the message is for the user. */
class UsageError extends Error {}

interface Command {
  readonly options: readonly Option[];
  /** @returns the exit code */
  readonly run: (values: Values) => number;
}

const COMMANDS: Readonly<Record<string, Command>> = {
  hash: { options: ["chain", "block", "header", "nonce"], run: runHash },
  verify: { options: ["chain", "block", "header", "nonce", "mix", "difficulty"], run: runVerify },
  epoch: { options: ["chain", "block"], run: runEpoch },
  bench: { options: ["epoch", "json"], run: runBench },
};

function runHash(values: Values): number {
  const epoch = epochOf(chain(values), wholeNumber(values, "block"));
  const [header, nonce] = [text(values, "header"), nonceOf(values)];
  const { mixDigest, result } = withCache(epoch).hash(header, nonce);
  print({ mixDigest: hex(mixDigest), result: hex(result), epoch: epoch.number });
  return 0;
}

function runVerify(values: Values): number {
  const epoch = epochOf(chain(values), wholeNumber(values, "block"));
  const claim = {
    header: text(values, "header"),
    nonce: nonceOf(values),
    mixDigest: text(values, "mix"),
    target: targetOf(BigInt(digits(values, "difficulty"))),
  };
  const verdict = verify(withCache(epoch), claim);
  if (verdict.valid) print({ valid: true, result: hex(verdict.hash.result), epoch: epoch.number });
  else if (verdict.reason === "result over target") {
    print({ valid: false, reason: verdict.reason, result: hex(verdict.result), epoch: epoch.number });
  } else print({ valid: false, reason: verdict.reason, mixDigest: hex(verdict.hash.mixDigest), epoch: epoch.number });
  return verdict.valid ? 0 : 1;
}

function runEpoch(values: Values): number {
  const block = wholeNumber(values, "block");
  const { name } = chain(values);
  const { number, seedRounds, cacheBytes, datasetBytes, firstBlock, lastBlock } = epochOf(chain(values), block);
  const seedHash = hex(Ethash.instantiate(loadKernel()).seedHash(seedRounds));
  print({ chain: name, block, epoch: number, seedHash, cacheBytes, datasetBytes, firstBlock, lastBlock });
  return 0;
}

function runBench(values: Values): number {
  const number = values.epoch === undefined ? undefined : wholeNumber(values, "epoch");
  const report = bench(loadKernel(), number);
  if (values.json) print(report);
  else process.stdout.write(benchText(report));
  return 0;
}

function withCache(epoch: Epoch): Ethash {
  const ethash = Ethash.instantiate(loadKernel());
  ethash.buildCache(epoch);
  return ethash;
}

function chain(values: Values): ChainSpec {
  const name = text(values, "chain");
  const found = chainByName(name);
  if (!found) throw new UsageError(`--chain: "${name}" is none of ${CHAINS.map((known) => known.name).join(", ")}`);
  return found;
}

function text(values: Values, option: Option): string {
  const value = values[option];
  if (typeof value !== "string") throw new UsageError(`--${option} is missing`);
  return value;
}

function digits(values: Values, option: Option): string {
  const value = text(values, option);
  if (!/^\d+$/.test(value)) throw new UsageError(`--${option}: "${value}" is not a decimal number`);
  return value;
}

function wholeNumber(values: Values, option: Option): number {
  return Number(digits(values, option));
}

/** Shorter nonces than the protocol's 16 digits are accepted here: they are often printed without leading zeros. */
function nonceOf(values: Values): string {
  const value = text(values, "nonce");
  return value.replace(/^0x/, "").padStart(16, "0");
}

function hex(bytes: Uint8Array): string {
  return `0x${toHex(bytes)}`;
}

function print(value: object): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

function main(args: readonly string[]): number {
  const [name = "", ...rest] = args;
  if (["", "help", "--help", "-h"].includes(name)) {
    process.stdout.write(HELP);
    return name ? 0 : 2;
  }
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (!command) throw new UsageError(`unknown command "${name}"; there are ${Object.keys(COMMANDS).join(", ")}`);
  const { values } = parseArgs({ args: rest, options: OPTIONS, strict: true });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  for (const option of Object.keys(values)) {
    if (!command.options.some((allowed) => allowed === option)) throw new UsageError(`${name} takes no --${option}`);
  }
  return command.run(values);
}

/** What the arguments of the package are called here. */
const OPTION_OF: Readonly<Record<string, string>> = { blockNumber: "--block", mixDigest: "--mix" };

function explain(error: unknown): string | null {
  if (error instanceof ArgumentError) {
    const option = OPTION_OF[error.argument] ?? `--${error.argument}`;
    return `${option}${error.message.slice(error.argument.length)}`;
  }
  if (error instanceof UsageError || error instanceof EthashError) return error.message;
  // What parseArgs throws for unknown options and for options without their value; it adds lines of advice.
  return error instanceof TypeError && "code" in error ? (error.message.split("\n")[0] ?? "") : null;
}

try {
  process.exitCode = main(process.argv.slice(2));
} catch (error) {
  const explanation = explain(error);
  if (explanation === null) throw error;
  process.stderr.write(`ethash-wasm: ${explanation}\n`);
  process.exitCode = 2;
}
