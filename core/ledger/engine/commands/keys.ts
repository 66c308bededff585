import type { Call, Reply } from "../command.ts";
import { invalidExpire, NO_SUCH_KEY, refuse, STRING_TOO_LONG, SYNTAX, wrongArity } from "../errors.ts";
import type { KeyType } from "../keyspace.ts";
import { fitsInt64, integerArgument } from "../values.ts";

/** A value is a row, and a row of Durable Object storage ends at 2 MB. */
const MAX_LENGTH = 2_000_000;

export function get({ space, args: [key = ""] }: Call): Reply {
  return space.text(key);
}

/** Milliseconds of the units that SET takes. */
const EXPIRY_UNITS = new Map([
  ["EX", 1000n],
  ["PX", 1n],
]);

/** SET with NX, EX and PX as its only options. */
export function set(call: Call): Reply {
  const [key = "", value = "", ...options] = call.args;
  let onlyNew = false;
  let expiry: { unitMs: bigint; amount: string } | null = null;
  for (let i = 0; i < options.length; i++) {
    const option = (options[i] ?? "").toUpperCase();
    const unitMs = EXPIRY_UNITS.get(option);
    const amount = options[i + 1];
    if (option === "NX") onlyNew = true;
    else if (unitMs !== undefined && amount !== undefined && (expiry ?? { unitMs }).unitMs === unitMs) {
      // The same unit once more counts in the place of the first.
      expiry = { unitMs, amount };
      i++;
    } else throw refuse(SYNTAX);
  }
  const expiresMs = expiry === null ? null : expiryOf(call, expiry.amount, expiry.unitMs);
  if (expiresMs !== null && expiresMs <= call.space.nowMs) throw invalidExpire(call.name);
  if (onlyNew && call.space.find(key)) return null;
  store(call, key, value, expiresMs);
  return "OK";
}

export function setnx(call: Call): Reply {
  const [key = "", value = ""] = call.args;
  if (call.space.find(key)) return 0;
  store(call, key, value, null);
  return 1;
}

function store({ space }: Call, key: string, value: string, expiresMs: number | null): void {
  if (value.length > MAX_LENGTH) throw refuse(STRING_TOO_LONG);
  space.setText(key, value, expiresMs);
}

/** @returns Unix time in ms, a time from now */
function expiryOf({ space, name }: Call, amount: string, unitMs: bigint): number {
  const span = integerArgument(amount) * unitMs;
  const at = span + BigInt(space.nowMs);
  if (!fitsInt64(span) || !fitsInt64(at)) throw invalidExpire(name);
  return Number(at);
}

export function del({ space, args }: Call): Reply {
  return args.filter((key) => space.dropKey(key)).length;
}

export function exists({ space, args }: Call): Reply {
  return args.filter((key) => space.find(key)).length;
}

export function type({ space, args: [key = ""] }: Call): Reply {
  return space.find(key)?.type ?? "none";
}

export function rename({ space, args: [from = "", to = ""] }: Call): Reply {
  const row = space.find(from);
  if (!row) throw refuse(NO_SUCH_KEY);
  space.rename(row, to);
  return "OK";
}

/** EXPIRE and PEXPIREAT, without their options. A time that has passed already removes the key. */
function expireBy(when: (call: Call, amount: string) => number) {
  return (call: Call): Reply => {
    const [key = "", amount = "", option] = call.args;
    if (option !== undefined) throw refuse(`ERR Unsupported option ${option}`);
    const atMs = when(call, amount);
    const row = call.space.find(key);
    if (!row) return 0;
    if (atMs <= call.space.nowMs) call.space.drop(row);
    else call.space.setExpiry(row, atMs);
    return 1;
  };
}

export const expire = expireBy((call, amount) => expiryOf(call, amount, 1000n));
export const pexpireat = expireBy((_, amount) => Number(integerArgument(amount)));

export function ttl({ space, args: [key = ""] }: Call): Reply {
  const row = space.find(key);
  if (!row) return -2;
  return row.expiresMs === null ? -1 : Math.floor((row.expiresMs - space.nowMs + 500) / 1000);
}

export function pexpiretime({ space, args: [key = ""] }: Call): Reply {
  const row = space.find(key);
  return row ? (row.expiresMs ?? -1) : -2;
}

/** HLEN and ZCARD. */
export function sizeOf(kind: Exclude<KeyType, "string">) {
  return ({ space, args: [key = ""] }: Call): Reply => {
    const row = space.typed(key, kind);
    if (!row) return 0;
    return (kind === "zset" ? space.byScore(row.id)?.size : undefined) ?? space.count(row.id);
  };
}

export function flushall({ space }: Call): Reply {
  space.clear();
  return "OK";
}

export function ping({ name, args: [message = "PONG", ...rest] }: Call): Reply {
  if (rest.length > 0) throw wrongArity(name);
  return message;
}
