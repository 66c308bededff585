// The pool's Worker with counters around it: what Cloudflare would bill, which a local workerd does not count.
import pool, * as classes from "../../worker/index.ts";
import type { Env } from "../../durable-objects/env.ts";

/** How long an object stays in memory, and is billed, after the last thing that it did. */
const LINGERS_MS = 10_000;

/** Since the start. */
const costs = {
  workerRequests: 0,
  /** Calls to objects, connections and alarms. */
  objectRequests: 0,
  /** Messages that objects got over WebSockets: 20 are billed as one request. */
  messages: 0,
  rowsWritten: 0,
  rowsRead: 0,
  /** To the ledger; those inside its scripts are not counted. */
  commands: 0,
};
/** Calls to each object, and its class. */
const callsTo = new Map<object, { readonly name: string; calls: number }>();
const lastUsedMs = new Map<object, number>();
let awakeMs = 0;
let isStorageCounted = false;

function use(object: object): void {
  const nowMs = Date.now();
  awakeMs += Math.min(nowMs - (lastUsedMs.get(object) ?? nowMs), LINGERS_MS);
  lastUsedMs.set(object, nowMs);
}

/** Object-milliseconds until every object that is now in memory has gone: one that is used again is counted anew from then on. */
function awakeInAllMs(): number {
  for (const object of lastUsedMs.keys()) {
    use(object);
    awakeMs += LINGERS_MS;
  }
  lastUsedMs.clear();
  return awakeMs;
}

type Method = (...parameters: unknown[]) => unknown;

/** Has `told` called with every call of a method, and its result. */
function listen(prototype: object, name: string, told: (self: object, parameters: unknown[], result: unknown) => void) {
  const original: unknown = Object.getOwnPropertyDescriptor(prototype, name)?.value;
  if (typeof original !== "function") return;
  const method: Method = function heard(this: object, ...parameters) {
    const result: unknown = Reflect.apply(original, this, parameters);
    told(this, parameters, result);
    return result;
  };
  Object.defineProperty(prototype, name, { value: method, configurable: true, writable: true });
}

function countCall(object: object, name: string): void {
  costs.objectRequests += 1;
  const counted = callsTo.get(object) ?? { name, calls: 0 };
  counted.calls += 1;
  callsTo.set(object, counted);
}

/** By class, the most calls that one object has had. */
function busiest(): Record<string, number> {
  const most: Record<string, number> = {};
  for (const { name, calls } of callsTo.values()) most[name] = Math.max(most[name] ?? 0, calls);
  return most;
}

const written = () => void (costs.rowsWritten += 1);

/** A figure of a cursor's. */
function figure(cursor: unknown, name: "rowsWritten" | "rowsRead"): number {
  return typeof cursor === "object" && cursor !== null ? Number(Reflect.get(cursor, name)) : 0;
}

/** Follows members from object to object. @throws TypeError when one is none */
function member(object: object, ...names: readonly string[]): object {
  let at: unknown = object;
  for (const name of names) at = typeof at === "object" && at !== null ? Reflect.get(at, name) : undefined;
  if (typeof at !== "object" || at === null) throw new TypeError(`no object ${names.join(".")}`);
  return at;
}

/** The storage's methods are the runtime's, the same for all objects of an isolate. */
function countStorage(object: object): void {
  if (isStorageCounted) return;
  isStorageCounted = true;
  listen(Object.getPrototypeOf(member(object, "ctx", "storage")), "setAlarm", written);
  listen(Object.getPrototypeOf(member(object, "ctx", "storage", "kv")), "put", written);
  listen(Object.getPrototypeOf(member(object, "ctx", "storage", "sql")), "exec", (_sql, _parameters, cursor) => {
    // Known when the rows have been taken, which is at once.
    queueMicrotask(() => {
      costs.rowsWritten += figure(cursor, "rowsWritten");
      costs.rowsRead += figure(cursor, "rowsRead");
    });
  });
}

for (const [name, Class] of Object.entries(classes)) {
  if (typeof Class !== "function") continue;
  for (const method of Object.getOwnPropertyNames(Class.prototype)) {
    if (method === "constructor") continue;
    listen(Class.prototype, method, (self, parameters, result) => {
      countStorage(self);
      if (method === "webSocketMessage") costs.messages += 1;
      else countCall(self, name);
      if (name === "EmbeddedRedis" && method === "rest") {
        const [path, body] = parameters;
        costs.commands += path !== "" && Array.isArray(body) ? body.length : 1;
      }
      use(self);
      if (result instanceof Promise)
        void result.then(
          () => use(self),
          () => use(self),
        );
    });
  }
}

export * from "../../worker/index.ts";

export default {
  ...pool,
  async fetch(request: Request, env: Env, context: ExecutionContext): Promise<Response> {
    if (new URL(request.url).pathname === "/bench/costs") return Response.json({ ...costs, awakeMs: awakeInAllMs() });
    if (new URL(request.url).pathname === "/bench/busiest") return Response.json(busiest());
    costs.workerRequests += 1;
    return await pool.fetch(request, env, context);
  },
};
