import { pairs, read, write, type Call, type CommandTable, type Reply } from "../command.ts";
import {
  invalidExpire,
  NAN_OR_INFINITY,
  NOT_A_FLOAT,
  NOT_AN_INTEGER,
  OVERFLOW,
  refuse,
  STRING_TOO_LONG,
  SYNTAX,
  wrongArity,
} from "../errors.ts";
import { addDecimals } from "../long-double.ts";
import { countArgument, fitsInt64, integerArgument } from "../numbers.ts";
import { bytesOf, textOf } from "../bytes.ts";

/** A value is a row, and a row of Durable Object storage ends at 2 MB. */
const MAX_BYTES = 2_000_000;

/** Options of SET and GETEX that give the key its expiration. */
const EXPIRY_UNITS: Readonly<Record<string, { readonly ms: bigint; readonly absolute: boolean }>> = {
  EX: { ms: 1000n, absolute: false },
  PX: { ms: 1n, absolute: false },
  EXAT: { ms: 1000n, absolute: true },
  PXAT: { ms: 1n, absolute: true },
};

/** @returns Unix time in ms */
function expiryOf(call: Call, unit: string, argument: string): number {
  const { ms, absolute } = EXPIRY_UNITS[unit] ?? { ms: 1n, absolute: true };
  const amount = integerArgument(argument);
  const at = amount * ms + (absolute ? 0n : BigInt(call.space.nowMs));
  if (amount <= 0n || !fitsInt64(at)) throw invalidExpire(call.name);
  return Number(at);
}

interface SetOptions {
  condition: "NX" | "XX" | null;
  get: boolean;
  keepTtl: boolean;
  expiresMs: number | null;
}

function setOptions(call: Call): SetOptions {
  const options: SetOptions = { condition: null, get: false, keepTtl: false, expiresMs: null };
  let expiry: readonly [unit: string, amount: string] | null = null;
  for (let i = 2; i < call.args.length; i++) {
    const option = (call.args[i] ?? "").toUpperCase();
    const timed = expiry !== null || options.keepTtl;
    if ((option === "NX" || option === "XX") && (options.condition ?? option) === option) options.condition = option;
    else if (option === "GET") options.get = true;
    else if (option === "KEEPTTL" && expiry === null) options.keepTtl = true;
    else if (option in EXPIRY_UNITS && !timed && i + 1 < call.args.length) expiry = [option, call.args[++i] ?? ""];
    else throw refuse(SYNTAX);
  }
  if (expiry) options.expiresMs = expiryOf(call, ...expiry);
  return options;
}

function set(call: Call): Reply {
  const { space } = call;
  const [key = "", value = ""] = call.args;
  const options = setOptions(call);
  const before = options.get ? space.text(key) : null;
  const found = space.find(key);
  if ((options.condition === "NX" && found) || (options.condition === "XX" && !found)) return before;
  storeText(call, key, value, options.keepTtl ? (found?.expiresMs ?? null) : options.expiresMs);
  return options.get ? before : "OK";
}

/** A value whose time has passed already is never there. */
function storeText({ space }: Call, key: string, value: string, expiresMs: number | null): void {
  if (value.length > MAX_BYTES) throw refuse(STRING_TOO_LONG);
  if (expiresMs !== null && expiresMs < space.nowMs) space.dropKey(key);
  else space.setText(key, value, expiresMs);
}

function setex(call: Call, unit: "EX" | "PX"): Reply {
  const [key = "", amount = "", value = ""] = call.args;
  storeText(call, key, value, expiryOf(call, unit, amount));
  return "OK";
}

function getex(call: Call): Reply {
  const [key = "", option = "", amount, ...rest] = call.args;
  const unit = option.toUpperCase();
  const persist = unit === "PERSIST" && amount === undefined;
  const timed = unit in EXPIRY_UNITS && amount !== undefined && rest.length === 0;
  if (call.args.length > 1 && !persist && !timed) throw refuse(SYNTAX);
  const row = call.space.typed(key, "string");
  if (!row) return null;
  const value = call.space.textOf(row);
  if (persist) call.space.setExpiry(row, null);
  else if (timed) {
    const expiresMs = expiryOf(call, unit, amount);
    if (expiresMs <= call.space.nowMs) call.space.drop(row);
    else call.space.setExpiry(row, expiresMs);
  }
  return value;
}

function mset(call: Call): Reply {
  if (call.args.length % 2 !== 0) throw wrongArity(call.name);
  const values = pairs(call.args);
  if (call.name === "msetnx" && values.some(([key]) => call.space.find(key))) return 0;
  for (const [key, value] of values) storeText(call, key, value, null);
  return call.name === "msetnx" ? 1 : "OK";
}

function increment({ space }: Call, key: string, by: bigint): Reply {
  const row = space.typed(key, "string");
  const sum = (row ? integerArgument(space.textOf(row)) : 0n) + by;
  if (!fitsInt64(sum)) throw refuse(OVERFLOW);
  space.setText(key, String(sum), row?.expiresMs ?? null);
  return sum;
}

function decrementBy(call: Call): Reply {
  const by = integerArgument(call.args[1] ?? "");
  if (!fitsInt64(-by)) throw refuse("ERR decrement would overflow");
  return increment(call, call.args[0] ?? "", -by);
}

function incrementByFloat({ space, args: [key = "", by = ""] }: Call): Reply {
  const row = space.typed(key, "string");
  const before = row ? space.textOf(row) : "0";
  const added = addDecimals(before, by);
  if (added === "invalid") throw refuse(NOT_A_FLOAT);
  if (added === "infinite") throw refuse(NAN_OR_INFINITY);
  space.setText(key, added.sum, row?.expiresMs ?? null);
  return added.sum;
}

function append(call: Call): Reply {
  const [key = "", tail = ""] = call.args;
  const row = call.space.typed(key, "string");
  const value = (row ? call.space.textOf(row) : "") + tail;
  storeText(call, key, value, row?.expiresMs ?? null);
  return bytesOf(value).length;
}

/** GETRANGE: ends are inclusive, negative ones count from the end. */
function getRange({ space, args: [key = "", first = "", last = ""] }: Call): Reply {
  const [from, to] = [countArgument(first), countArgument(last)];
  const bytes = bytesOf(space.text(key) ?? "");
  if (from < 0 && to < 0 && from > to) return "";
  const start = Math.max(0, from < 0 ? bytes.length + from : from);
  const end = Math.max(0, to < 0 ? bytes.length + to : to);
  return textOf(bytes.subarray(start, Math.max(start, end + 1)));
}

function setRange(call: Call): Reply {
  const [key = "", at = "", patch = ""] = call.args;
  const offset = countArgument(at);
  if (offset < 0) throw refuse("ERR offset is out of range");
  const row = call.space.typed(key, "string");
  const before = bytesOf(row ? call.space.textOf(row) : "");
  const added = bytesOf(patch);
  if (added.length === 0) return before.length;
  if (offset + added.length > MAX_BYTES) throw refuse(STRING_TOO_LONG);
  const bytes = new Uint8Array(Math.max(before.length, offset + added.length));
  bytes.set(before);
  bytes.set(added, offset);
  call.space.setText(key, textOf(bytes), row?.expiresMs ?? null);
  return bytes.length;
}

function mget({ space, args }: Call): Reply {
  return args.map((key) => {
    const row = space.find(key);
    return row?.type === "string" ? space.textOf(row) : null;
  });
}

function getset(call: Call): Reply {
  const [key = "", value = ""] = call.args;
  const before = call.space.text(key);
  storeText(call, key, value, null);
  return before;
}

function getdel({ space, args: [key = ""] }: Call): Reply {
  const row = space.typed(key, "string");
  if (!row) return null;
  const value = space.textOf(row);
  space.drop(row);
  return value;
}

function setnx(call: Call): Reply {
  const [key = "", value = ""] = call.args;
  if (call.space.find(key)) return 0;
  storeText(call, key, value, null);
  return 1;
}

export const STRING_COMMANDS: CommandTable = {
  get: read(2, ({ space, args: [key = ""] }) => space.text(key)),
  set: write(-3, set),
  setnx: write(3, setnx),
  setex: write(4, (call) => setex(call, "EX")),
  psetex: write(4, (call) => setex(call, "PX")),
  getset: write(3, getset),
  getdel: write(2, getdel),
  getex: write(-2, getex),
  mget: read(-2, mget),
  mset: write(-3, mset),
  msetnx: write(-3, mset),
  append: write(3, append),
  strlen: read(2, ({ space, args: [key = ""] }) => bytesOf(space.text(key) ?? "").length),
  getrange: read(4, getRange),
  substr: read(4, getRange),
  setrange: write(4, setRange),
  incr: write(2, (call) => increment(call, call.args[0] ?? "", 1n)),
  decr: write(2, (call) => increment(call, call.args[0] ?? "", -1n)),
  incrby: write(3, (call) => increment(call, call.args[0] ?? "", integerArgument(call.args[1] ?? "", NOT_AN_INTEGER))),
  decrby: write(3, decrementBy),
  incrbyfloat: write(3, incrementByFloat),
};
