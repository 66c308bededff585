import * as v from "valibot";
import { type Tally, tallySchema } from "../history/tally.ts";
import type { Client } from "../policy/client.ts";
import { NOTHING_TOLD } from "../stratum/dialects.ts";
import type { ReportedRow } from "./reported-hashrates.ts";
import { newSession } from "../stratum/handle.ts";
import type { SessionState } from "../stratum/session.ts";

/**
 * All that is known of a connection. It is what survives hibernation, as the WebSocket's attachment: at most 16 KB, of which the
 * begun line takes 1,025 bytes. Fields are added with a new version; an object that reads a version that it does not know closes
 * the connection, and the miner comes back.
 */
export interface ConnectionRecord {
  readonly version: 2;
  /** Whose address it is, as the guard counts it: `CF-Connecting-IP` and nothing else, by `core/policy/client.ts`. */
  readonly ip: Client;
  /** Whose connection this is: lower-case `0x` address; null where the login comes in band and has not come yet. */
  readonly owner: string | null;
  /** Unix time in ms, as are the others. */
  readonly openedAtMs: number;
  /** When the peer last sent anything. A push of ours does not renew it. */
  readonly heardAtMs: number;
  /** Bytes of a line whose end has not come yet. */
  readonly partial: Uint8Array;
  /** Its last frame was binary, and so is what it is sent. Left out by objects of an older version. */
  readonly binary?: boolean | undefined;
  readonly state: SessionState;
  /** Submits that are not in the login's history yet. Left out by objects of an older version. */
  readonly tally?: Tally | null | undefined;
  /** A share of the connection's was valid. Left out until then. */
  readonly proven?: boolean | undefined;
  /** Bytes that it was sent since its last valid share. Left out by objects of an older version. */
  readonly sentBytes?: number | undefined;
  /** Hashrates that the workers say they have. Left out before the first. */
  readonly reported?: readonly ReportedRow[] | undefined;
  /** What the guard has not been told yet. Left out before the first share. */
  readonly unreported?: Unreported | undefined;
}

/** Shares that wait to be reported to the guard. */
export interface Unreported {
  readonly valid: number;
  /** Invalid shares that the guard could not be told of. */
  readonly invalid?: number | undefined;
  /** So many are reported. */
  readonly reportAt: number;
  /** When something was reported last, Unix time in ms. */
  readonly reportedAtMs: number;
}

/** What the Worker already agreed with a peer on `/stratum`, before it named its login. */
export type BegunSession = Pick<SessionState, "id" | "extranonce" | "canMove"> & {
  readonly dialect: NonNullable<SessionState["dialect"]>;
};

export const begunSchema = v.object({
  id: v.string(),
  dialect: v.picklist(["ethProxy", "es1", "es2", "stratum"]),
  extranonce: v.string(),
  canMove: v.boolean(),
});

const stateSchema = v.object({
  ...begunSchema.entries,
  dialect: v.nullable(begunSchema.entries.dialect),
  login: v.nullable(v.string()),
  worker: v.string(),
  urlWorker: v.string(),
  // A question keeps the object awake until it is answered, so there is none to remember.
  waiting: v.null(),
  job: v.nullable(v.string()),
  region: v.object({ prefix: v.string(), strays: v.nullable(v.number()) }),
  told: v.object({
    difficulty: v.nullable(v.bigint()),
    epoch: v.nullable(v.number()),
    extranonce: v.nullable(v.string()),
  }),
  track: v.object({
    current: v.string(),
    before: v.array(v.object({ prefix: v.string(), endedBy: v.string() })),
  }),
  vardiff: v.object({
    fixed: v.nullable(v.bigint()),
    sinceMs: v.number(),
    segmentMs: v.number(),
    windowShares: v.number(),
    windowExposure: v.number(),
    shares: v.number(),
    exposure: v.number(),
  }),
  pace: v.object({ sinceMs: v.number(), shares: v.number() }),
  errors: v.object({ sinceMs: v.number(), count: v.number() }),
  closed: v.boolean(),
});

const count = v.number();

const schema = v.object({
  version: v.literal(2),
  ip: v.string(),
  owner: v.string(),
  openedAtMs: v.number(),
  heardAtMs: v.number(),
  partial: v.instance(Uint8Array),
  binary: v.optional(v.boolean()),
  state: stateSchema,
  unreported: v.optional(v.object({ valid: count, invalid: v.optional(count), reportAt: count, reportedAtMs: count })),
  tally: v.optional(v.nullable(tallySchema)),
  proven: v.optional(v.boolean()),
  sentBytes: v.optional(count),
  reported: v.optional(v.array(v.tuple([v.string(), count, count]))),
});

/** A connection that has sent nothing yet. @param id unique name of the session, unless it has begun already */
export function newRecord({ ip, owner, worker, begun }: NewConnection, id: string, nowMs: number): ConnectionRecord {
  const fresh = newSession(id, worker);
  return {
    version: 2,
    ip,
    owner,
    openedAtMs: nowMs,
    heardAtMs: nowMs,
    partial: new Uint8Array(0),
    state: begun === null ? fresh : { ...fresh, ...begun, told: toldBy(begun) },
  };
}

export interface NewConnection {
  readonly ip: Client;
  /** Lower-case `0x` address; null where it is not known yet. */
  readonly owner: string | null;
  /** Worker in the URL, empty where it names none. */
  readonly worker: string;
  /** Null for a peer that has sent nothing. */
  readonly begun: BegunSession | null;
  /** Of a session that goes on here with all that it has become; left out for others. */
  readonly record?: ConnectionRecord | null | undefined;
}

/** What a peer has heard by then: in EthereumStratum/1 its extranonce, in /2 nothing. */
function toldBy({ dialect, extranonce }: BegunSession): SessionState["told"] {
  return dialect === "es1" ? { ...NOTHING_TOLD, extranonce } : NOTHING_TOLD;
}

/** The record as it is stored. */
export function storedRecord(record: ConnectionRecord): ConnectionRecord {
  return { ...record, state: { ...record.state, waiting: null } };
}

/** Reads back what {@link storedRecord} gave; null when it is nothing of the kind or of another version. */
export function readRecord(stored: unknown): ConnectionRecord | null {
  const result = v.safeParse(schema, stored);
  return result.success ? result.output : null;
}

/** A record as text, for a header; without what is left of a line. */
export function carriedRecord(record: ConnectionRecord): string {
  const { partial: _, ...rest } = storedRecord(record);
  return JSON.stringify(rest, (_key, value: unknown) =>
    typeof value === "bigint" ? { bigint: String(value) } : value,
  );
}

/** Reads {@link carriedRecord} back. @throws when it is none */
export function readCarried(text: string): ConnectionRecord {
  const value: unknown = JSON.parse(text, (_key, member: unknown) => {
    const digits = v.safeParse(v.strictObject({ bigint: v.pipe(v.string(), v.regex(/^\d+$/)) }), member);
    return digits.success ? BigInt(digits.output.bigint) : member;
  });
  return v.parse(schema, { ...Object(value), partial: new Uint8Array(0) });
}
