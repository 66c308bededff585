import * as v from "valibot";

/**
 * What the Worker tells the object of a login about a connection, in a header of the upgrade request. Clients cannot set it: the
 * Worker builds that request anew.
 */
export interface SessionHandover {
  /** Lower-case `0x` address whose object this is. */
  readonly owner: string;
  /** Client address, from `CF-Connecting-IP` and nothing else. */
  readonly ip: string;
  /** Worker in the URL, empty where it names none. */
  readonly worker: string;
  /** What the Worker already agreed with a peer on `/stratum`; null for one that has sent nothing. */
  readonly begun: {
    readonly id: string;
    readonly dialect: "ethProxy" | "es1" | "es2" | "stratum";
    readonly extranonce: string;
  } | null;
}

const HEADER = "edgepool-session";

const schema = v.object({
  owner: v.string(),
  ip: v.string(),
  worker: v.string(),
  begun: v.nullable(
    v.object({
      id: v.string(),
      dialect: v.picklist(["ethProxy", "es1", "es2", "stratum"]),
      extranonce: v.string(),
    }),
  ),
});

/** The upgrade request to the object. */
export function handoverRequest(handover: SessionHandover): Request {
  return new Request("https://miner-session/", {
    headers: { Upgrade: "websocket", [HEADER]: JSON.stringify(handover) },
  });
}

/** Reads it on the object's side. @throws when the request is not one of ours */
export function readHandover(request: Request): SessionHandover {
  return v.parse(schema, JSON.parse(request.headers.get(HEADER) ?? "null"));
}
