import * as v from "valibot";
import type { Job } from "../work/job.ts";
import { difficultySchema, jobSchema, jsonText } from "../work/work-text.ts";
import type { JudgedShare, ShareSubmission } from "./share.ts";

/**
 * What is said through a relay's WebSocket about shares (docs/decisions/0071-shares-by-the-relays-sockets.md). A relay says which of these
 * formats it reads when it dials, and a session that writes another one makes calls.
 */
export const CARRIED_FORMAT = "1";

/** Shares of a login for its verifier, on their way from its session to a relay. */
export interface CarriedShares {
  /** Of this message, by which it is answered. */
  readonly number: number;
  /** The verifier's name: the session chooses it, so that a retry goes to no other. */
  readonly verifier: string;
  readonly shares: readonly ShareSubmission[];
}

/** The way back. */
export interface CarriedVerdicts {
  readonly number: number;
  /** In the order of the shares, null for one that is late; null where there are none: the verifier gave no answer, or was not asked. */
  readonly verdicts: readonly (JudgedShare | null)[] | null;
}

/** Characters that either message has at most. A bundle of sixteen has some 8,000. */
const LONGEST = 65_536;
/** Shares in a message: what a session gathers at most. */
const MOST_SHARES = 16;

const SHARES_BEGIN = '{"shares":';
const VERDICTS_BEGIN = '{"verdicts":';

const number = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const hex = v.pipe(v.string(), v.regex(/^0x[0-9a-f]+$/));

const share = v.object({
  login: v.pipe(v.string(), v.regex(/^0x[0-9a-f]{40}$/)),
  worker: v.pipe(v.string(), v.maxLength(32)),
  nonce: v.pipe(hex, v.length(18)),
  mixDigest: v.nullable(v.pipe(hex, v.length(66))),
  job: number,
  shareDifficulty: difficultySchema,
  timestampMs: number,
  retry: v.boolean(),
  client: v.exactOptional(v.string()),
  waitedMs: v.exactOptional(v.number()),
  workHeight: v.exactOptional(number),
  staleBefore: v.exactOptional(number),
  noRoomBefore: v.exactOptional(v.object({ shares: number, connections: number })),
});

const sharesMessage = v.object({
  shares: number,
  verifier: v.pipe(v.string(), v.regex(/^shard-\d{1,4}$/)),
  /** Once each: shares of one message are of one or two jobs. */
  jobs: v.pipe(v.array(jobSchema), v.maxLength(MOST_SHARES)),
  of: v.pipe(v.array(share), v.minLength(1), v.maxLength(MOST_SHARES)),
});

const news = {
  refuted: v.exactOptional(v.array(v.object({ worker: v.string(), client: v.exactOptional(v.string()) }))),
  found: v.exactOptional(v.object({ height: number, solo: v.boolean() })),
};

const verdict = v.variant("kind", [
  v.object({ kind: v.literal("accepted"), block: v.boolean(), ...news }),
  v.object({ kind: v.literal("duplicate"), ...news }),
  v.object({ kind: v.literal("invalid"), ...news }),
  v.object({ kind: v.literal("lowDifficulty"), ...news }),
  v.object({ kind: v.literal("stale"), ...news }),
  v.object({ kind: v.literal("unavailable"), reason: v.string(), ...news }),
]);

const verdictsMessage = v.object({
  verdicts: number,
  of: v.nullable(v.pipe(v.array(v.nullable(verdict)), v.maxLength(MOST_SHARES))),
});

/** @returns null for more than a relay reads: a call has no such bound */
export function sharesText({ number: of, verifier, shares }: CarriedShares): string | null {
  const jobs = new Map<Job, number>();
  const indexOf = (job: Job): number => {
    const known = jobs.get(job) ?? jobs.size;
    jobs.set(job, known);
    return known;
  };
  const written = shares.map((one) => ({ ...one, job: indexOf(one.job) }));
  const text = jsonText({ shares: of, verifier, jobs: [...jobs.keys()], of: written });
  return shares.length > MOST_SHARES || text.length > LONGEST ? null : text;
}

/** @returns null for what is nothing of the kind */
export function readShares(text: string): CarriedShares | null {
  const message = read(sharesMessage, SHARES_BEGIN, text);
  if (message === null) return null;
  const shares: ShareSubmission[] = [];
  for (const one of message.of) {
    const job = message.jobs[one.job];
    if (job === undefined) return null;
    shares.push({ ...one, job });
  }
  return { number: message.shares, verifier: message.verifier, shares };
}

/** Verdicts that no session would read go as none: it then asks by a call. */
export function verdictsText({ number: of, verdicts }: CarriedVerdicts): string {
  const text = jsonText({ verdicts: of, of: verdicts });
  return text.length > LONGEST ? jsonText({ verdicts: of, of: null }) : text;
}

/** Whether a message is to be read as verdicts; any other is work. */
export function isVerdictsText(text: string): boolean {
  return text.startsWith(VERDICTS_BEGIN);
}

/** @returns null for what is nothing of the kind */
export function readVerdicts(text: string): CarriedVerdicts | null {
  const message = read(verdictsMessage, VERDICTS_BEGIN, text);
  return message && { number: message.verdicts, verdicts: message.of };
}

function read<T>(schema: v.GenericSchema<unknown, T>, begin: string, text: string): T | null {
  if (!text.startsWith(begin) || text.length > LONGEST) return null;
  const result = v.safeParse(v.pipe(v.string(), v.parseJson(), schema), text);
  return result.success ? result.output : null;
}
