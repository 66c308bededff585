import type { Call } from "./command.ts";
import { refuse, SYNTAX } from "./errors.ts";
import { countArgument } from "./numbers.ts";

/** `[count [WITH…]]` of HRANDFIELD, ZRANDMEMBER and SRANDMEMBER. Without a count one element is meant, not a list. */
export function chooseArguments(call: Call, option: string | null): { count: number | null; withValues: boolean } {
  const [, count, flag] = call.args;
  if (count === undefined) return { count: null, withValues: false };
  const value = countArgument(count);
  if (call.args.length > (option === null ? 2 : 3)) throw refuse(SYNTAX);
  if (flag !== undefined && flag.toUpperCase() !== option) throw refuse(SYNTAX);
  if (Math.abs(value) > 1_000_000) throw refuse("ERR value is out of range");
  return { count: value, withValues: flag !== undefined };
}

/** `count` different items; of a negative count, as many as it says with repetitions. */
export function choose<T>(items: readonly T[], count: number, random: () => number): T[] {
  if (items.length === 0) return [];
  if (count < 0) return Array.from({ length: -count }, () => items[Math.floor(random() * items.length)]!);
  const rest = [...items];
  // The beginning of a Fisher-Yates shuffle.
  const wanted = Math.min(count, rest.length);
  for (let i = 0; i < wanted; i++) {
    const j = i + Math.floor(random() * (rest.length - i));
    [rest[i], rest[j]] = [rest[j]!, rest[i]!];
  }
  return rest.slice(0, wanted);
}
