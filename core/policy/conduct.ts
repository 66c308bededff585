import type { PoolConfig } from "../pool-config.ts";
import type { Conduct } from "./guard.ts";

/** The settings that clients are judged by. */
export type GuardPolicy = Pick<PoolConfig["policy"], "banning" | "limits" | "resetIntervalMs">;

export interface Ban {
  /** Unix time in ms. */
  readonly untilMs: number;
  readonly reason: string;
  /** By the operator's hand: it spares nobody who is not whitelisted. */
  readonly byHand: boolean;
  /** Connections that it ends are closed, and the operator's list has it; until then that is tried again. */
  readonly enforced: boolean;
}

/** What counts against a client, or against one login at a client. Times are Unix ms. */
export interface Standing {
  /** When counting began; after `policy.resetInterval` it begins anew. */
  readonly sinceMs: number;
  readonly malformed: number;
  /** Shares since the ratio was last judged. A client's own are those of logins that have not earned anything there. */
  readonly valid: number;
  readonly invalid: number;
  /** A client's valid shares, which raise the number of connections that it is allowed. */
  readonly earned: number;
  /** A login with a valid share is spared what the client is banned for: its neighbour's junk is not its own. 0: none yet. */
  readonly provenUntilMs: number;
  readonly ban: Ban | null;
}

export const CLEAN: Standing = {
  sinceMs: 0,
  malformed: 0,
  valid: 0,
  invalid: 0,
  earned: 0,
  provenUntilMs: 0,
  ban: null,
};

/** A rig that is away for a day has to show a share again. */
const PROVEN_MS = 24 * 3_600_000;
/** How often that is written down anew at most: each time is a row. */
const PROOF_AGAIN_MS = 3_600_000;
/** Invalid shares of strangers for which a client is banned, in `checkThreshold`s: one login alone is banned for its own. */
const STRANGERS_FACTOR = 5;
/** Valid shares that a session may hold back while nothing tells against its login. */
const BUNDLE = 256;

export const REASONS = {
  invalid: "High rate of invalid shares",
  malformed: "Too many malformed requests",
  ban: "Banned for what it sent",
} as const;

/** Who reported: a client, and the login that its connection has logged in. */
export interface Judged {
  readonly client: Standing;
  readonly login: Standing | null;
  /** Set by this report, on the client or on the login. */
  readonly banned: "client" | "login" | null;
  readonly reportAt: number;
}

/** A standing as it is now: bans expire on time, counts begin anew after `resetInterval`. */
export function current(standing: Standing, { resetIntervalMs }: GuardPolicy, nowMs: number): Standing {
  const ban = standing.ban !== null && nowMs < standing.ban.untilMs ? standing.ban : null;
  if (nowMs - standing.sinceMs < resetIntervalMs) return { ...standing, ban };
  const { provenUntilMs } = standing;
  // What was earned lasts as long as its owner goes on: a farm that comes back after an outage still has its connections.
  const earned = nowMs < provenUntilMs ? standing.earned : 0;
  return { ...CLEAN, sinceMs: nowMs, provenUntilMs, earned, ban };
}

export function isProven(standing: Standing | null, nowMs: number): boolean {
  return standing !== null && nowMs < standing.provenUntilMs;
}

/** Whether nothing is left to remember. */
export function isForgettable(standing: Standing, policy: GuardPolicy, nowMs: number): boolean {
  const { ban, malformed, valid, invalid, earned } = current(standing, policy, nowMs);
  return ban === null && malformed + valid + invalid + earned === 0 && !isProven(standing, nowMs);
}

/** A standing whose ban is lifted, and with it what had led to it. */
export function pardoned(standing: Standing): Standing {
  return { ...standing, ban: null, malformed: 0, valid: 0, invalid: 0 };
}

/** A standing whose ban has closed what there was to close. */
export function enforced(standing: Standing): Standing {
  return standing.ban === null ? standing : { ...standing, ban: { ...standing.ban, enforced: true } };
}

/** When there is something new to be said of a standing by itself: its ban ends, its counts begin anew, its proof is over. */
export function staleAtMs({ sinceMs, provenUntilMs, ban }: Standing, { resetIntervalMs }: GuardPolicy): number {
  return Math.max(sinceMs + resetIntervalMs, provenUntilMs, ban?.untilMs ?? 0);
}

/**
 * Judges what a client did. The share ratio is a login's at a client: invalid / (valid + invalid), every `checkThreshold` shares. (The
 * reference divides by the valid ones, so that its 30 % bans at 7 of 30, and lumps together whoever has one address.) What a
 * login that has earned something sends is its own; all others of a client stand in for each other.
 * @param login null before the login
 */
export function judge(
  client: Standing,
  login: Standing | null,
  conduct: Conduct,
  policy: GuardPolicy,
  nowMs: number,
): Judged {
  const { banning } = policy;
  const { valid = 0, invalid = 0, malformed = 0, ban = false } = conduct;
  let owner = current(client, policy, nowMs);
  let own = login === null ? null : current(login, policy, nowMs);
  if (valid > 0) owner = { ...owner, earned: owner.earned + valid, provenUntilMs: provenUntil(owner, nowMs) };
  if (own !== null) {
    own = { ...own, valid: own.valid + valid, invalid: own.invalid + invalid };
    if (valid > 0) own = { ...own, provenUntilMs: provenUntil(own, nowMs) };
  }
  const proven = isProven(own, nowMs);
  if (own !== null && proven) own = { ...own, malformed: own.malformed + malformed };
  else owner = { ...owner, malformed: owner.malformed + malformed, invalid: owner.invalid + invalid };

  let banned: Judged["banned"] = null;
  const place = (where: "client" | "login", reason: string) => {
    if (!banning.enabled) return;
    const placed = { untilMs: nowMs + banning.timeoutMs, reason, byHand: false, enforced: false };
    if (where === "login" && own !== null) own = { ...own, ban: longer(own.ban, placed), malformed: 0 };
    else owner = { ...owner, ban: longer(owner.ban, placed), malformed: 0, invalid: 0 };
    banned = where;
  };
  const side = proven ? "login" : "client";
  if (own !== null && own.valid + own.invalid >= banning.checkThreshold) {
    const refused = own.invalid * 100 >= banning.invalidPercent * (own.valid + own.invalid) && own.invalid > 0;
    own = { ...own, valid: 0, invalid: 0 };
    if (refused) place("login", REASONS.invalid);
  }
  if (owner.invalid >= STRANGERS_FACTOR * banning.checkThreshold) place("client", REASONS.invalid);
  if ((proven && own !== null ? own.malformed : owner.malformed) >= banning.malformedLimit) {
    place(side, REASONS.malformed);
  }
  if (ban) place(side, REASONS.ban);
  return { client: owner, login: own, banned, reportAt: reportAt(own, policy) };
}

/** @returns why a connection is refused; null when it may come, or stay */
export function refusal(client: Standing, login: Standing | null, nowMs: number): Ban | null {
  const own = login?.ban ?? null;
  if (own !== null && nowMs < own.untilMs) return own;
  const { ban } = client;
  if (ban === null || nowMs >= ban.untilMs) return null;
  return ban.byHand || !isProven(login, nowMs) ? ban : null;
}

/** A ban by hand that is in force, of a client or of a login there: it reaches the miners that the client vouches for as well. */
export function banByHand(client: Standing, login: Standing | null, nowMs: number): Ban | null {
  const bans = [login?.ban, client.ban].filter((ban) => ban !== null && ban !== undefined);
  return bans.find(({ byHand, untilMs }) => byHand && nowMs < untilMs) ?? null;
}

/**
 * Connections of one client that may be open at once: `limit`, and `limitJump` more for each valid share; any number while limits are
 * off and in the first `grace` after the client came, when farms have had no time for a share.
 * @param seenMs when the client was first seen, Unix time
 */
export function connectionsAllowed(client: Standing, seenMs: number, { limits }: GuardPolicy, nowMs: number): number {
  if (!limits.enabled || nowMs - seenMs < limits.graceMs) return Infinity;
  return limits.limit + limits.limitJump * client.earned;
}

function provenUntil(own: Standing, nowMs: number): number {
  return own.provenUntilMs - nowMs > PROVEN_MS - PROOF_AGAIN_MS ? own.provenUntilMs : nowMs + PROVEN_MS;
}

function longer(one: Ban | null, other: Ban): Ban {
  return one !== null && one.untilMs > other.untilMs ? one : other;
}

/** With an invalid share on record the ratio is due when the rest of `checkThreshold` is there. */
function reportAt(own: Standing | null, { banning }: GuardPolicy): number {
  if (own === null || own.invalid === 0) return BUNDLE;
  return Math.max(1, banning.checkThreshold - own.valid - own.invalid);
}
