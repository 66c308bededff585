import { RedisReplyError } from "../contract/redis-port.ts";
import type { LedgerWriter, RecordOutcome, ShareRecord } from "../contract/records.ts";
import { mayHaveExecuted, recordsOf, sendWrite, type LedgerWrite } from "./send-write.ts";

/** Refusals that tell of the server as a whole, whatever was to be written: they are waited out and never narrowed down. */
const OF_THE_SERVER =
  /^(OOM|READONLY|LOADING|BUSY|MASTERDOWN|NOAUTH|WRONGPASS|NOPERM|MISCONF|CLUSTERDOWN|TRYAGAIN|NOREPLICAS|NOSCRIPT|UNKILLABLE) |limit exceeded|max requests|max concurrent|quota|unauthorized/i;

/** Refusals that can only come from what is kept under a key. */
const OF_A_KEY =
  /^WRONGTYPE |is not an integer|not a valid float|would overflow|would produce nan|max single record size exceeded/i;

/** Whether Redis certainly did not write, and for a reason that may lie with one login's keys. */
export function mayBeOneLogins(error: unknown): error is RedisReplyError {
  return error instanceof RedisReplyError && !mayHaveExecuted(error) && !OF_THE_SERVER.test(error.message);
}

/** What came of a refused write, login by login. */
export interface Narrowed {
  readonly outcomes: ReadonlyMap<ShareRecord, RecordOutcome>;
  /** Logins that Redis refuses for their own keys, with the reason. */
  readonly refused: ReadonlyMap<string, string>;
  /** Records that a request which ended without an answer may have written. */
  readonly uncertain: ReadonlySet<ShareRecord>;
  /** What stopped the search: a refusal that concerns everybody, or a ledger that went away. Null when all are accounted for. */
  readonly failure: unknown;
}

/**
 * Finds whose records of a refused write are refused, by halves, and writes all others on the way. A login whose own keys are in order is
 * not to blame: then the refusal concerns what all share, and the ledger as a whole is sick.
 * @param error the refusal of the whole
 * @param retry as it was sent
 */
export async function narrowDown(
  writer: LedgerWriter,
  write: LedgerWrite,
  retry: boolean,
  error: RedisReplyError,
): Promise<Narrowed> {
  const outcomes = new Map<ShareRecord, RecordOutcome>();
  const refused = new Map<string, string>();
  const stopped = (failure: unknown, uncertain: readonly ShareRecord[] = []) => ({
    outcomes,
    refused,
    uncertain: new Set(uncertain),
    failure,
  });
  // The oldest group is last; each comes with the refusal that it was met with as a whole, if it was.
  const groups: { readonly logins: readonly string[]; readonly error: Error | null }[] = [
    { logins: [...new Set(recordsOf(write).map(({ login }) => login))], error },
  ];
  let blameless = 0;
  for (let group = groups.pop(); group; group = groups.pop()) {
    const part = partOf(write, new Set(group.logins));
    const refusal = group.error ?? (await attempt(writer, part, retry, outcomes));
    if (refusal === null) continue;
    if (!mayBeOneLogins(refusal)) return stopped(refusal, mayHaveExecuted(refusal) ? recordsOf(part) : []);
    if (group.logins.length > 1) {
      const half = Math.ceil(group.logins.length / 2);
      groups.push(
        { logins: group.logins.slice(half), error: null },
        { logins: group.logins.slice(0, half), error: null },
      );
      continue;
    }
    const [login = ""] = group.logins;
    const cause = await causeOf(writer, login, refusal);
    if (cause instanceof Error) return stopped(cause);
    if (cause === refusal.message) blameless += 1;
    refused.set(login, cause);
  }
  // All of several, and none of them has anything wrong: it is what they share.
  if (outcomes.size === 0 && blameless > 1 && blameless === refused.size) {
    refused.clear();
    return stopped(error);
  }
  return stopped(null);
}

/** @returns null when it was written, and what it failed with otherwise */
async function attempt(
  writer: LedgerWriter,
  part: LedgerWrite,
  retry: boolean,
  outcomes: Map<ShareRecord, RecordOutcome>,
): Promise<Error | null> {
  try {
    const written = await sendWrite(writer, part, retry);
    for (const [at, record] of recordsOf(part).entries()) outcomes.set(record, written[at] ?? "unresolved");
    return null;
  } catch (failure) {
    return failure instanceof Error ? failure : new Error(String(failure));
  }
}

/** @returns why the login alone is refused, or the failure of the ledger as a whole */
async function causeOf(writer: LedgerWriter, login: string, refusal: RedisReplyError): Promise<string | Error> {
  try {
    const { shared, own } = await writer.explainRefusal(login);
    if (shared !== null) return new RedisReplyError(`${refusal.message} (${shared})`);
    if (own !== null) return `${refusal.message} (${own})`;
    return OF_A_KEY.test(refusal.message) ? refusal.message : refusal;
  } catch (failure) {
    return failure instanceof Error ? failure : new Error(String(failure));
  }
}

function partOf(write: LedgerWrite, logins: ReadonlySet<string>): LedgerWrite {
  if (write.kind === "block") return write;
  return { kind: "shares", records: write.records.filter(({ login }) => logins.has(login)) };
}
