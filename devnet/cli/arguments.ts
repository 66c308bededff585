import { InvalidArgumentError, Option } from "commander";
import { chainByName, type ChainSpec } from "@edgepool/ethash-wasm/chain-spec";
import { parseTimerMs, TIMER_DURATION } from "../../core/units.ts";

/** An option such as `500ms`, `15s`, `2m` or `3h`, whose value is in milliseconds and whose default is shown in seconds. */
export function timeOption(flag: string, what: string, defaultMs: number): Option {
  return new Option(`${flag} <duration>`, what).argParser(waitingTime(0)).default(defaultMs, `${defaultMs / 1_000}s`);
}

/** Reads a command-line argument that is waited for, in milliseconds. @param leastMs 0 where that has a meaning of its own, such as "never" */
export const waitingTime =
  (leastMs: 0 | 1) =>
  (text: string): number => {
    const ms = parseTimerMs(text, leastMs);
    if (ms === undefined) throw new InvalidArgumentError(leastMs === 0 ? TIMER_DURATION : `${TIMER_DURATION}, above 0`);
    return ms;
  };

/** A command-line argument that is a whole number, 0 or more. @throws InvalidArgumentError */
export function wholeNumber(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError("a whole number");
  return Number(text);
}

/** A command-line argument that is the URL of a Redis. @throws InvalidArgumentError */
export function redisUrl(text: string): string {
  if (!/^rediss?:\/\/[^/]/.test(text) || !URL.canParse(text))
    throw new InvalidArgumentError("a redis:// or rediss:// URL");
  return text;
}

/** A command-line argument that is a difficulty in hashes, 1 or more. @throws InvalidArgumentError */
export function hashes(text: string): bigint {
  if (!/^[1-9]\d{0,76}$/.test(text)) throw new InvalidArgumentError("a difficulty in hashes, 1 or more");
  return BigInt(text);
}

/** `--chain <name>`, Ethereum without it. Its default is said in words: commander would write the whole chain as JSON. */
export function chainOption(): Option {
  return new Option("--chain <name>", "epoch rules: ethereum, classic, mordor or ethereum-pow")
    .argParser(chain)
    .default(chain("ethereum"), "ethereum");
}

/** @throws InvalidArgumentError */
function chain(name: string): ChainSpec {
  const spec = chainByName(name);
  if (spec === undefined) throw new InvalidArgumentError("it is not a chain that is known here");
  return spec;
}
