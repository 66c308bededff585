import * as v from "valibot";
import type { Tally } from "../../core/history/tally.ts";
import type { SessionState } from "../../core/stratum/session.ts";

/**
 * What of a connection survives hibernation: at most 16 KB, of which the begun line takes 1,025 bytes. Fields are added with a
 * new version; an object that reads a version that it does not know closes the connection, and the miner comes back.
 */
export interface SessionAttachment {
  readonly version: 1;
  /** Client address, `CF-Connecting-IP` and nothing else. */
  readonly ip: string;
  /** Whose object this is: lower-case `0x` address. */
  readonly owner: string;
  readonly openedAtMs: number;
  /** When the peer last sent anything. A push of ours does not renew it. */
  readonly heardAtMs: number;
  /** When its extranonce was leased or the lease renewed, where it has one. */
  readonly leasedAtMs: number;
  /** Bytes of a line whose end has not come yet. */
  readonly partial: Uint8Array;
  readonly state: SessionState;
  /** Submits that are not in the login's history yet. Left out by objects of an older version. */
  readonly tally?: Tally | null | undefined;
}

const stateSchema = v.object({
  id: v.string(),
  dialect: v.nullable(v.picklist(["ethProxy", "es1", "es2", "stratum"])),
  login: v.nullable(v.string()),
  worker: v.string(),
  urlWorker: v.string(),
  extranonce: v.string(),
  // A question keeps the object awake until it is answered, so there is none to remember.
  waiting: v.null(),
  job: v.nullable(v.string()),
  told: v.nullable(v.object({ difficulty: v.bigint(), epoch: v.number() })),
  track: v.object({
    current: v.bigint(),
    before: v.array(v.object({ difficulty: v.bigint(), endedBy: v.string() })),
  }),
  vardiff: v.object({
    fixed: v.nullable(v.bigint()),
    sinceMs: v.number(),
    windowShares: v.number(),
    shares: v.number(),
    exposure: v.number(),
  }),
  errors: v.object({ sinceMs: v.number(), count: v.number() }),
  closed: v.boolean(),
});

const count = v.number();
const tallyRow = v.tuple([v.string(), count, count, count, count, count]);

const schema = v.object({
  version: v.literal(1),
  ip: v.string(),
  owner: v.string(),
  openedAtMs: v.number(),
  heardAtMs: v.number(),
  leasedAtMs: v.number(),
  partial: v.instance(Uint8Array),
  state: stateSchema,
  tally: v.optional(v.nullable(v.object({ periodS: v.number(), workers: v.array(tallyRow) }))),
});

/** Stores what must survive. Called after every change: hibernation gives no notice. */
export function writeAttachment(ws: WebSocket, attachment: SessionAttachment): void {
  ws.serializeAttachment({ ...attachment, state: { ...attachment.state, waiting: null } });
}

/** Reads it back; null when there is none or it is of another version. */
export function readAttachment(ws: WebSocket): SessionAttachment | null {
  const stored: unknown = ws.deserializeAttachment();
  const result = v.safeParse(schema, stored);
  return result.success ? result.output : null;
}
