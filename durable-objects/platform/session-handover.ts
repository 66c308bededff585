import * as v from "valibot";
import { begunSchema, carriedRecord, type NewConnection, readCarried } from "../../core/session/connection-record.ts";

/**
 * What the Worker tells the object of a login about a connection, in a header of the upgrade request. Clients cannot set it: the
 * Worker builds that request anew.
 */
export type SessionHandover = NewConnection & { readonly owner: string };

const HEADER = "edgepool-session";

const schema = v.object({
  owner: v.string(),
  ip: v.string(),
  worker: v.string(),
  begun: v.nullable(begunSchema),
  record: v.optional(v.pipe(v.string(), v.transform(readCarried))),
});

/** The upgrade request to the object. */
export function handoverRequest({ record, ...handover }: SessionHandover): Request {
  const carried = record ? { ...handover, record: carriedRecord(record) } : handover;
  return new Request("https://miner-session/", {
    headers: { Upgrade: "websocket", [HEADER]: JSON.stringify(carried) },
  });
}

/** Reads it on the object's side. @throws when the request is not one of ours */
export function readHandover(request: Request): SessionHandover {
  return v.parse(schema, JSON.parse(request.headers.get(HEADER) ?? "null"));
}

/** Closes a socket, or answers its close, with the code that the other side gave. */
export function closeSocket(ws: WebSocket, code: number, reason: string): void {
  try {
    // These three codes must not be sent.
    ws.close(code === 1005 || code === 1006 || code === 1015 ? 1000 : code, reason);
  } catch {
    // Closed already.
  }
}
