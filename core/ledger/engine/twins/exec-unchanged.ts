import { RedisReplyError } from "../../contract/redis-port.ts";
import type { Reply } from "../command.ts";

/** Runs a command as whoever may write from outside could. @throws RedisReplyError */
export type RunCommand = (command: readonly string[]) => Reply;

const READ: Readonly<Record<string, (key: string) => readonly string[]>> = {
  string: (key) => ["GET", key],
  hash: (key) => ["HGETALL", key],
  set: (key) => ["SMEMBERS", key],
  zset: (key) => ["ZRANGE", key, "0", "-1", "WITHSCORES"],
};

/** Native twin of the script `exec-unchanged`: the same keys, arguments, replies and writes. */
export function execUnchanged(run: RunCommand, keys: readonly string[], argv: readonly string[]): Reply {
  let at = 0;
  const take = (count: number): readonly string[] => argv.slice(at, (at += count));
  const [watched = "0"] = take(1);
  for (let i = 0; i < Number(watched); i++) {
    const [kind = "", count = "0"] = take(2);
    if (!unchanged(run, keys[i] ?? "", kind, take(Number(count)))) return [0];
  }
  const replies: Reply[] = [1];
  while (at < argv.length) {
    const [count = "1"] = take(1);
    replies.push(...answered(run, take(Number(count))));
  }
  return replies;
}

function unchanged(run: RunCommand, key: string, kind: string, expected: readonly string[]): boolean {
  if (run(["TYPE", key]) !== kind) return false;
  const read = READ[kind];
  if (!read) return true;
  const held = run(read(key));
  if (!Array.isArray(held)) return held === expected[0];
  if (held.length !== expected.length) return false;
  const width = kind === "set" ? 1 : 2;
  const values = new Map<Reply, string>();
  for (let i = 0; i < expected.length; i += width) values.set(expected[i] ?? "", expected[i + width - 1] ?? "");
  return held.every((value: Reply, i) => i % width > 0 || values.get(value) === held[i + width - 1]);
}

function answered(run: RunCommand, command: readonly string[]): [kind: string, reply: Reply] {
  try {
    const reply = run(command);
    const whole = typeof reply === "number" || typeof reply === "bigint";
    return whole ? ["integer", reply.toString()] : ["value", reply];
  } catch (error) {
    if (error instanceof RedisReplyError) return ["error", error.message];
    throw error;
  }
}
