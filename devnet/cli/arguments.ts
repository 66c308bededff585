import { InvalidArgumentError } from "commander";
import { chainByName, type ChainSpec } from "ethash-wasm/chain-spec";

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** A command-line argument such as `500ms`, `15s`, `2m` or `3h`. @returns milliseconds @throws InvalidArgumentError */
export function duration(text: string): number {
  const [, digits, unit = ""] = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text) ?? [];
  const factor = UNITS[unit];
  if (digits === undefined || factor === undefined)
    throw new InvalidArgumentError("a duration such as 500ms, 15s or 2m");
  return Number(digits) * factor;
}

/** A command-line argument that is a whole number, 0 or more. @throws InvalidArgumentError */
export function wholeNumber(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError("a whole number");
  return Number(text);
}

/** A command-line argument that is a difficulty in hashes, 1 or more. @throws InvalidArgumentError */
export function hashes(text: string): bigint {
  if (!/^[1-9]\d{0,76}$/.test(text)) throw new InvalidArgumentError("a difficulty in hashes, 1 or more");
  return BigInt(text);
}

/** A command-line argument that names a chain. @throws InvalidArgumentError */
export function chain(name: string): ChainSpec {
  const spec = chainByName(name);
  if (spec === undefined) throw new InvalidArgumentError("it is not a chain that is known here");
  return spec;
}
