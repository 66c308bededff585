import type { KeptShares } from "../kept-shares.ts";
import { elementsOf, isObject, textOf, type JsonObject } from "../json.ts";
import { parseMinerLine } from "../miner-side/miner-line.ts";
import type { NonceSettings } from "./nonce-range.ts";
import type { Tracked } from "./requests.ts";
import { SessionState } from "./session-state.ts";

/** A share that an earlier run of the bridge kept on disk. */
interface LeftShare {
  readonly line: string;
  /** As it was when the share was found. */
  readonly extranonce: string | null;
  /** Its number on disk. */
  readonly kept: number;
}

/** A session that an earlier run of the bridge had, and those of its shares that no pool has answered. */
export interface LeftSession {
  readonly state: SessionState;
  readonly shares: readonly LeftShare[];
}

/**
 * Puts shares of one session on disk, with all that a pool has to be told before it takes them.
 * @returns whether they are there
 */
export async function keepShares(kept: KeptShares, state: SessionState, shares: readonly Tracked[]): Promise<boolean> {
  const session = { logins: state.requests.map(({ body }) => body), nonces: state.nonces.settings };
  const keeping = kept.keep(shares.map(({ line, extranonce }) => ({ line, extranonce, session })));
  if (keeping === null) return false;
  for (const [index, share] of shares.entries()) share.kept = keeping.numbers[index] ?? null;
  const written = await keeping.written;
  if (!written) for (const share of shares) share.kept = null;
  return written;
}

/** The sessions of what {@link keepShares} put on disk; other entries are left out. */
export function leftSessions(left: ReadonlyMap<number, JsonObject>): readonly LeftSession[] {
  const sessions = new Map<string, { readonly state: SessionState; readonly shares: LeftShare[] }>();
  for (const [kept, { session, line, extranonce }] of left) {
    if (!isObject(session)) continue;
    const key = JSON.stringify(session);
    const known = sessions.get(key) ?? { state: sessionOf(session), shares: [] };
    sessions.set(key, known);
    known.shares.push({ line: textOf(line), extranonce: textOrNull(extranonce), kept });
  }
  return [...sessions.values()];
}

/** A session's logins with what a pool answered to each, and its nonces, for {@link sessionOf}. @param host of the miner that alone may go on with it */
export function keptLogins(state: SessionState, host: string | null): JsonObject {
  const grants = state.grants;
  return {
    host,
    logins: grants.map(({ request }) => request.body),
    answers: grants.map(({ answer }) => answer),
    nonces: state.nonces.settings,
  };
}

/** The session of what was put on disk; where no answers are, it can be said again but not answered for. */
export function sessionOf({ logins, answers, nonces }: JsonObject): SessionState {
  const state = new SessionState(isObject(nonces) ? nonceSettings(nonces) : null);
  const said = elementsOf(answers);
  for (const [index, body] of elementsOf(logins).entries()) {
    const parsed = parseMinerLine(JSON.stringify(body));
    if (parsed?.kind !== "login") continue;
    state.login = parsed.login ?? state.login;
    const answer = said[index];
    state.restore({ request: parsed.request, answer: isObject(answer) ? answer : {} });
  }
  return state;
}

function nonceSettings(nonces: JsonObject): NonceSettings {
  return {
    session: textOrNull(nonces["session"]),
    extranonce: textOrNull(nonces["extranonce"]),
    takesExtranonce: nonces["takesExtranonce"] === true,
    version2: nonces["version2"] === true,
  };
}

function textOrNull(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}
