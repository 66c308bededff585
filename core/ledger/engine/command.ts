import type { Keyspace } from "./keyspace.ts";

/** A reply before it is written as JSON; `bigint` for integers of 64 bits. */
export type Reply = string | number | bigint | null | readonly Reply[];

/** One call of a command. */
export interface Call {
  readonly space: Keyspace;
  /** Lower case. */
  readonly name: string;
  /** What follows the name, well-formed Unicode. */
  readonly args: readonly string[];
  /** Runs another command within this one, with the permissions of who may write from outside. @throws RedisReplyError */
  readonly run: (command: readonly string[]) => Reply;
}

export interface Command {
  /** As Redis counts it, the name included; negative: at least so many. */
  readonly arity: number;
  /** Runs inside a transaction. */
  readonly writes: boolean;
  readonly run: (call: Call) => Reply;
}

export function read(arity: number, run: (call: Call) => Reply): Command {
  return { arity, writes: false, run };
}

export function write(arity: number, run: (call: Call) => Reply): Command {
  return { arity, writes: true, run };
}

/** The arguments in pairs. The caller has checked that their number is even. */
export function pairs(args: readonly string[]): [string, string][] {
  const result: [string, string][] = [];
  for (let i = 0; i + 1 < args.length; i += 2) result.push([args[i] ?? "", args[i + 1] ?? ""]);
  return result;
}
