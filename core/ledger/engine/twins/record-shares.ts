import { OUTCOME_CODES, POW_HEIGHTS } from "../../contract/scripts/script.ts";
import type { Reply } from "../command.ts";
import { pushLast, putFirst } from "../commands/lists.ts";
import { highestScore, removeByScore } from "../commands/zsets.ts";
import { HASH_NOT_AN_INTEGER, OVERFLOW, refuse } from "../errors.ts";
import { type Keyspace, typedRow } from "../keyspace.ts";
import { fitsInt64 } from "../values.ts";
import { attempt, isNatural } from "./script-calls.ts";
import { StagedCalls } from "./staged-calls.ts";
import { seedOf } from "./window-log.ts";

const { duplicate, recorded, unresolved, stale } = OUTCOME_CODES;

interface Login {
  readonly name: string;
  readonly renew: boolean;
  readonly hashrateKey: string;
  readonly minerKey: string;
  readonly shares: Share[];
  /** What of this batch is credited to the login. */
  readonly fresh: Share[];
}

interface Share {
  readonly index: number;
  readonly login: Login;
  readonly pow: string;
  readonly height: number;
  readonly difficulty: bigint;
  /** `diff:id:ms` */
  readonly evidence: string;
  /** `diff:login:id:ms` */
  readonly entry: string;
  readonly ms: number;
  readonly ts: number;
  readonly late: boolean;
  /** Its header is solo work: it earns nothing. */
  readonly solo: boolean;
}

interface Batch {
  readonly retry: boolean;
  readonly sweep: string;
  readonly expirationMs: number;
  readonly since: number;
  /** Under pplns: the batch is a group of the window's log. */
  readonly logging: boolean;
  readonly logins: readonly Login[];
  readonly shares: readonly Share[];
}

function parse(keys: readonly string[], argv: readonly string[]): Batch {
  const [retry, sweep = "", expiration = "", since = "", count = "", logging] = argv;
  const logins: Login[] = [];
  for (let l = 0; l < Number(count); l++) {
    const [name = "", renew] = argv.slice(6 + 2 * l, 8 + 2 * l);
    const [hashrateKey = "", minerKey = ""] = keys.slice(7 + 2 * l, 9 + 2 * l);
    logins.push({ name, renew: renew === "1", hashrateKey, minerKey, shares: [], fresh: [] });
  }
  const shares: Share[] = [];
  for (let i = 6 + 2 * logins.length; i < argv.length; i += 8) {
    const [index, pow = "", height, diff = "", worker = "", ms = "", ts, kind] = argv.slice(i, i + 8);
    const login = logins[Number(index) - 1];
    if (!login) throw refuse("ERR record-shares: a share of a login that is not listed");
    const share: Share = {
      index: shares.length,
      login,
      pow,
      height: Number(height),
      difficulty: BigInt(diff),
      evidence: `${diff}:${worker}:${ms}`,
      entry: `${diff}:${login.name}:${worker}:${ms}`,
      ms: Number(ms),
      ts: Number(ts),
      late: kind === "1",
      solo: kind === "2",
    };
    shares.push(share);
    login.shares.push(share);
  }
  return {
    retry: retry === "1",
    sweep,
    expirationMs: Number(expiration) * 1000,
    since: Number(since),
    logging: logging === "1" || logging === "3",
    logins,
    shares,
  };
}

/** What was found out before anything is written. */
interface Judged {
  /** One per share; what has to be written is in its login's `fresh`. */
  readonly codes: readonly number[];
  /** Commands that looking at the candidates and at what pow keeps took; 0 where neither was needed. */
  readonly asked: number;
}

/** What a share needs to know of blocks of the pool's that are still candidates. */
interface Candidates {
  readonly candidatesKey: string;
  readonly termsKey: string;
  /** Some may be solo work, which has closed no round. */
  readonly soloBlocks: boolean;
}

/** The greatest height at which a round was closed, and commands billed. */
function closedHeightOf(space: Keyspace, { candidatesKey, termsKey, soloBlocks }: Candidates): [number, number] {
  const row = attempt(() => space.typed(candidatesKey, "zset"));
  const newestFirst = (row ? space.entries(row.id) : []).toSorted(
    (a, b) => Number(b.value) - Number(a.value) || (a.name < b.name ? 1 : -1),
  );
  let asked = 0;
  for (const { name, value } of newestFirst) {
    asked += 1;
    const [, nonce, ts] = (soloBlocks && /^(0x[0-9a-fA-F]+):0x[0-9a-fA-F]+:0x[0-9a-fA-F]+:(\d+):/.exec(name)) || [];
    if (nonce === undefined) return [Number(value), asked];
    asked += 1;
    const terms = attempt(() => space.typed(termsKey, "hash"));
    const agreed = terms ? space.entry(terms.id, `${nonce}:${ts}`) : undefined;
    if (!String(agreed ?? "").includes('"scheme":"solo"')) return [Number(value), asked];
  }
  return [-1, asked + 1];
}

/** The height from which on pow has whatever was written. */
function lowestKept(space: Keyspace, powKey: string): number {
  return (highestScore(space, powKey) ?? Infinity) - POW_HEIGHTS;
}

/** Shares whose entry is in their login's hashrate. */
function tracedOf(space: Keyspace, logins: readonly Login[]): Set<Share> {
  const found = space.findAll(logins.map((login) => login.hashrateKey));
  const traces = logins.flatMap((login) => {
    const row = typedRow(found.get(login.hashrateKey), "zset");
    return row ? login.shares.map((share) => ({ share, id: row.id, name: share.evidence })) : [];
  });
  const stored = space.entriesAt(traces);
  return new Set(traces.filter(({ id, name }) => stored.at(id, name) !== undefined).map(({ share }) => share));
}

function judge(
  space: Keyspace,
  powKey: string,
  candidates: Candidates,
  { retry, since, logins, shares }: Batch,
): Judged {
  const codes: number[] = [];
  let closed: readonly [height: number, billed: number] | null = null;
  let lowest: number | null = null;
  const traced = retry ? tracedOf(space, logins) : new Set<Share>();
  const pow = space.typed(powKey, "zset");
  const kept = space.entriesAt(pow ? shares.map((share) => ({ id: pow.id, name: share.pow })) : []);
  const batch = new Set<string>();
  for (const share of shares) {
    const old = retry && share.ms < since;
    const present = batch.has(share.pow) || (pow && kept.at(pow.id, share.pow) !== undefined);
    if (present) codes[share.index] = old || traced.has(share) ? recorded : duplicate;
    else if (traced.has(share) && share.height < (lowest ??= lowestKept(space, powKey))) codes[share.index] = recorded;
    else if (old && !traced.has(share)) codes[share.index] = unresolved;
    else if (share.late && share.height <= (closed ??= closedHeightOf(space, candidates))[0])
      codes[share.index] = stale;
    else {
      codes[share.index] = recorded;
      batch.add(share.pow);
      share.login.fresh.push(share);
    }
  }
  return { codes, asked: (closed?.[1] ?? 0) + (lowest === null ? 0 : 1) };
}

/** Before the round has the batch: where the log begins, it begins with the round. @returns commands billed */
function logGroup(space: Keyspace, windowKey: string, roundKey: string, earning: readonly Login[]): number {
  const length = pushLast(space, windowKey, [earning.map((login) => `${login.name}:${sumOf(login.fresh)}`).join(",")]);
  if (length > 1) return 1;
  const seed = seedOf(space, roundKey);
  if (seed.length === 0) return 2;
  putFirst(space, windowKey, seed);
  return 3;
}

/** What the shares earn. */
function sumOf(shares: readonly Share[]): bigint {
  return shares.reduce((sum, share) => (share.solo ? sum : sum + share.difficulty), 0n);
}

/** What of a batch is written. */
interface Fresh {
  readonly fresh: readonly Share[];
  readonly credited: readonly Login[];
  readonly earning: readonly Login[];
}

interface SharedKeys {
  readonly powKey: string;
  readonly roundKey: string;
  readonly hashrateKey: string;
  readonly statsKey: string;
}

function credit(space: Keyspace, keys: SharedKeys, { fresh, credited, earning }: Fresh, expirationMs: number): void {
  const { powKey, roundKey, hashrateKey, statsKey } = keys;
  const earns = earning.length > 0;
  const calls = new StagedCalls(
    space,
    [powKey, hashrateKey, ...(earns ? [roundKey, statsKey] : []), ...credited.flatMap(ownKeys)],
    earns ? [...earning.map(({ name }) => [roundKey, name] as const), [statsKey, "roundShares"]] : [],
  );
  calls.put(
    powKey,
    "zset",
    fresh.map((share) => [share.pow, share.height]),
  );
  creditRound(calls, roundKey, earning);
  calls.put(
    hashrateKey,
    "zset",
    fresh.map((share) => [share.entry, share.ts]),
  );
  for (const login of credited) {
    const own = calls.put(
      login.hashrateKey,
      "zset",
      login.fresh.map((share) => [share.evidence, share.ts]),
    );
    if (login.renew) space.setExpiry(own, space.nowMs + expirationMs);
  }
  if (earns) calls.hincrby(statsKey, "roundShares", sumOf(fresh));
  for (const login of credited) {
    const lastShare = Math.max(...login.fresh.map((share) => share.ts));
    calls.put(login.minerKey, "hash", [["lastShare", String(lastShare)]]);
  }
  calls.write();
}

const ownKeys = ({ hashrateKey, minerKey }: Login): string[] => [hashrateKey, minerKey];

function creditRound(calls: StagedCalls, roundKey: string, earning: readonly Login[]): void {
  if (earning.length <= 2) {
    for (const { name, fresh } of earning) calls.hincrby(roundKey, name, sumOf(fresh));
    return;
  }
  const sums = earning.map(({ name, fresh }) => {
    const old = calls.hget(roundKey, name) ?? "0";
    if (!isNatural(old)) throw refuse(HASH_NOT_AN_INTEGER);
    const sum = BigInt(old) + sumOf(fresh);
    if (!fitsInt64(sum)) throw refuse(OVERFLOW);
    return [name, String(sum)] as const;
  });
  calls.put(roundKey, "hash", sums);
}

/** What the script bills for the same batch. */
function billed(batch: Batch, credited: readonly Login[], asked: number, logged: number): number {
  const { retry, sweep, logins, shares } = batch;
  // EVALSHA, the sweep, the evidence of each login, the duplicate check, the candidates and what pow keeps.
  const checks = 1 + (sweep === "" ? 0 : 1) + (retry ? logins.length : 0) + 1 + asked;
  if (credited.length === 0) return checks;
  // For a lone first attempt the duplicate check is the ZADD; the round is HMGET and HSET from three logins on.
  const pow = shares.length === 1 && !retry && shares[0]?.late === false ? 0 : 1;
  const earning = credited.filter(({ fresh }) => fresh.some(({ solo }) => !solo)).length;
  // And the sum of the round in the stats.
  const round = earning === 0 ? 0 : Math.min(earning, 2) + 1;
  const renewals = credited.filter((login) => login.renew).length;
  // ZADD hashrate; ZADD and HSET a login.
  return checks + logged + pow + round + 1 + 2 * credited.length + renewals;
}

/** Native twin of the script `record-shares`: the same keys, arguments, replies and writes. A failure leaves nothing. */
export function recordShares(space: Keyspace, keys: readonly string[], argv: readonly string[]): Reply {
  const [powKey = "", roundKey = "", hashrateKey = "", statsKey = "", candidatesKey = "", windowKey = ""] = keys;
  const termsKey = keys[6] ?? "";
  const batch = parse(keys, argv);
  return space.sql.transaction(() => {
    const { codes, asked } = judge(
      space,
      powKey,
      { candidatesKey, termsKey, soloBlocks: argv[5] === "2" || argv[5] === "3" },
      batch,
    );
    if (batch.sweep !== "") removeByScore(space, powKey, "-inf", `(${batch.sweep}`);
    const fresh = batch.logins.flatMap((login) => login.fresh).toSorted((a, b) => a.index - b.index);
    // In the order of their first share, as the script meets them.
    const credited = [...new Set(fresh.map((share) => share.login))];
    if (credited.length === 0) return [billed(batch, credited, asked, 0), ...codes];
    const earning = [...new Set(fresh.filter(({ solo }) => !solo).map(({ login }) => login))];
    const logged = batch.logging && earning.length > 0 ? logGroup(space, windowKey, roundKey, earning) : 0;
    credit(space, { powKey, roundKey, hashrateKey, statsKey }, { fresh, credited, earning }, batch.expirationMs);
    return [billed(batch, credited, asked, logged), ...codes];
  });
}
