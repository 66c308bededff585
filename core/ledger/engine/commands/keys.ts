import { read, write, type Call, type CommandTable, type Reply } from "../command.ts";
import { invalidExpire, NO_SUCH_KEY, refuse, SYNTAX } from "../errors.ts";
import { globMatcher } from "../glob.ts";
import type { KeyRow } from "../keyspace.ts";
import { fitsInt64, integerArgument } from "../numbers.ts";
import { choose } from "../random-choice.ts";

function del({ space, args }: Call): Reply {
  return args.filter((key) => space.dropKey(key)).length;
}

function exists({ space, args }: Call): Reply {
  return args.filter((key) => space.find(key)).length;
}

function rename({ space, name, args: [from = "", to = ""] }: Call): Reply {
  const row = space.find(from);
  if (!row) throw refuse(NO_SUCH_KEY);
  if (name === "renamenx" && space.find(to)) return 0;
  space.rename(row, to);
  return name === "renamenx" ? 1 : "OK";
}

function copy({ space, args: [from = "", to = "", ...options] }: Call): Reply {
  const flags = options.map((option) => option.toUpperCase());
  if (flags.some((flag) => flag !== "REPLACE")) throw refuse(SYNTAX);
  if (from === to) throw refuse("ERR source and destination objects are the same");
  const row = space.find(from);
  if (!row || (flags.length === 0 && space.find(to))) return 0;
  space.dropKey(to);
  if (row.type === "string") space.setText(to, space.textOf(row), row.expiresMs);
  else {
    const target = space.open(to, row.type);
    for (const [name, value = null] of space.entries(row.id)) space.put(target.id, String(name), value);
    space.setExpiry(target, row.expiresMs);
  }
  return 1;
}

type ExpireCondition = "NX" | "XX" | "GT" | "LT";
const EXPIRE_CONDITIONS = new Set<string>(["NX", "XX", "GT", "LT"]);

function isExpireCondition(flag: string): flag is ExpireCondition {
  return EXPIRE_CONDITIONS.has(flag);
}

function expireConditions(args: readonly string[]): Set<ExpireCondition> {
  const flags = new Set<ExpireCondition>();
  for (const arg of args) {
    const flag = arg.toUpperCase();
    if (!isExpireCondition(flag)) throw refuse(`ERR Unsupported option ${arg}`);
    flags.add(flag);
  }
  if (flags.has("NX") && flags.size > 1)
    throw refuse("ERR NX and XX, GT or LT options at the same time are not compatible");
  if (flags.has("GT") && flags.has("LT")) throw refuse("ERR GT and LT options at the same time are not compatible");
  return flags;
}

function applies(flags: ReadonlySet<ExpireCondition>, { expiresMs }: KeyRow, at: number): boolean {
  if (flags.has("NX") && expiresMs !== null) return false;
  if (flags.has("XX") && expiresMs === null) return false;
  // No expiration counts as never: later than anything.
  if (flags.has("GT") && (expiresMs === null || at <= expiresMs)) return false;
  return !(flags.has("LT") && expiresMs !== null && at >= expiresMs);
}

function expire(unitMs: bigint, absolute: boolean) {
  return ({ space, name, args: [key = "", amount = "", ...options] }: Call): Reply => {
    const flags = expireConditions(options);
    const value = integerArgument(amount) * unitMs;
    const at = value + (absolute ? 0n : BigInt(space.nowMs));
    if (!fitsInt64(value) || !fitsInt64(at)) throw invalidExpire(name);
    const row = space.find(key);
    if (!row || !applies(flags, row, Number(at))) return 0;
    if (Number(at) <= space.nowMs) space.drop(row);
    else space.setExpiry(row, Number(at));
    return 1;
  };
}

function remaining(unitMs: number, absolute: boolean) {
  return ({ space, args: [key = ""] }: Call): Reply => {
    const row = space.find(key);
    if (!row) return -2;
    if (row.expiresMs === null) return -1;
    const ms = absolute ? row.expiresMs : row.expiresMs - space.nowMs;
    return Math.floor((ms + (unitMs === 1000 ? 500 : 0)) / unitMs);
  };
}

function persist({ space, args: [key = ""] }: Call): Reply {
  const row = space.find(key);
  if (!row || row.expiresMs === null) return 0;
  space.setExpiry(row, null);
  return 1;
}

function flush({ space, args }: Call): Reply {
  if (args.length > 1 || (args[0] !== undefined && !["ASYNC", "SYNC"].includes(args[0].toUpperCase())))
    throw refuse(SYNTAX);
  space.clear();
  return "OK";
}

export const KEY_COMMANDS: CommandTable = {
  del: write(-2, del),
  unlink: write(-2, del),
  exists: read(-2, exists),
  touch: read(-2, exists),
  type: read(2, ({ space, args: [key = ""] }) => space.find(key)?.type ?? "none"),
  rename: write(3, rename),
  renamenx: write(3, rename),
  copy: write(-3, copy),
  keys: read(2, ({ space, args: [pattern = ""] }) => {
    const matches = globMatcher(pattern);
    return space.keys().flatMap(({ key }) => (matches(key) ? [key] : []));
  }),
  randomkey: read(1, ({ space, random }) => choose(space.keys(), 1, random)[0]?.key ?? null),
  dbsize: read(1, ({ space }) => space.keys().length),
  flushdb: write(-1, flush),
  flushall: write(-1, flush),
  expire: write(-3, expire(1000n, false)),
  pexpire: write(-3, expire(1n, false)),
  expireat: write(-3, expire(1000n, true)),
  pexpireat: write(-3, expire(1n, true)),
  ttl: read(2, remaining(1000, false)),
  pttl: read(2, remaining(1, false)),
  expiretime: read(2, remaining(1000, true)),
  pexpiretime: read(2, remaining(1, true)),
  persist: write(2, persist),
};
