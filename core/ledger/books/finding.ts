import type { LedgerKeys } from "../contract/keys.ts";
import type { RedisPort } from "../contract/redis-port.ts";

/** One thing that must be so, and whether it is. */
export interface Finding {
  readonly check: string;
  readonly ok: boolean;
  /** What was found; for a failed check, both sides. */
  readonly detail: string;
}

/** What the checks read. Every key is read once a check, by pages. */
export interface AuditedBooks {
  readonly redis: RedisPort;
  readonly coin: string;
  readonly names: LedgerKeys;
  /** Every key that there is. */
  readonly keys: readonly string[];
}

/** @returns a finding that two numbers are the same */
export function agree(check: string, left: bigint, leftName: string, right: bigint, rightName: string): Finding {
  const ok = left === right;
  return {
    check,
    ok,
    detail: ok ? `${leftName} = ${rightName} = ${left}` : `${leftName} is ${left}, ${rightName} is ${right}`,
  };
}

/** @returns one finding for a list of complaints, of which the first are told */
export function complaints(check: string, looked: string, wrong: readonly string[]): Finding {
  const more = wrong.length > 5 ? ` and ${wrong.length - 5} more` : "";
  return { check, ok: wrong.length === 0, detail: wrong.length === 0 ? looked : wrong.slice(0, 5).join("; ") + more };
}

/** The sum of decimal strings; what is none is told to `wrong`. Exact at any size. */
export function sum(values: Iterable<readonly [name: string, value: string]>, wrong: string[]): bigint {
  let total = 0n;
  for (const [name, value] of values) {
    if (/^-?\d+$/.test(value)) total += BigInt(value);
    else wrong.push(`${name} holds "${value.slice(0, 40)}", which is no integer`);
  }
  return total;
}
