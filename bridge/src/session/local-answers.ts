import type { MinerRequest } from "../miner-side/miner-line.ts";
import type { ToMiner } from "./outcomes.ts";
import { answerKind, granted, result, withId, type Tracked } from "./requests.ts";
import type { SessionState } from "./session-state.ts";

/** What the bridge answers itself while the pool does not. */
export interface Overdue {
  readonly toMiner: readonly ToMiner[];
  /** Shares to put on disk before the miner hears yes. */
  readonly toKeep: readonly Tracked[];
  /** A login was answered that a connection still carries, and would get other nonces by: the next one asks for the ones that the miner has. */
  readonly relogin: boolean;
}

/**
 * What can be said to requests that wait too long: to a login that a pool has granted before, to a poll from the newest
 * job while it is young. What is answered is marked so; what cannot be answered truthfully goes on waiting.
 *
 * @param late in the order in which the miner said them
 * @param state of the miner's session
 * @param resume a session in which a pool granted this login to this miner
 * @returns also the session that the miner has now
 */
export function localAnswers(
  late: readonly Tracked[],
  state: SessionState,
  resume: (request: MinerRequest) => SessionState | null,
  nowMs: number,
  youngMs: number,
): Overdue & { readonly state: SessionState } {
  const toMiner: ToMiner[] = [];
  const toKeep: Tracked[] = [];
  let current = state;
  let relogin = false;
  for (const tracked of late) {
    const { kind, request } = tracked.parsed;
    const { version2 } = current.nonces;
    switch (kind) {
      case "login": {
        // Whoever has an extranonce cannot go on with another session's.
        const own = current.answerTo(request) !== null || current.nonces.extranonce !== null;
        const known = own ? current : resume(request);
        const answer = known?.answerTo(request) ?? null;
        if (known === null || answer === null) return { toMiner, toKeep, relogin, state: current };
        if (!current.loggedIn) {
          known.login = current.login ?? known.login;
          current = known;
        }
        current.grantAgain(request, known);
        tracked.answered = true;
        // Without an extranonce the pool's own answer changes nothing when it comes.
        relogin ||= tracked.sends > 0 && current.nonces.extranonce !== null;
        toMiner.push({ text: withId(answer, request.id ?? null), kind: answerKind(request) });
        if (NAMES_MINER.has(request.method)) toMiner.push(...current.work.lines(nowMs, youngMs));
        break;
      }
      case "poll": {
        const triple = request.method === "eth_getwork" ? current.work.triple(nowMs, youngMs) : null;
        if (request.method === "eth_getwork" && triple === null) break;
        tracked.answered = true;
        const text = triple === null ? granted(request, version2) : result(request, version2, triple);
        toMiner.push({ text, kind: triple === null ? "answer" : "work" });
        break;
      }
      case "submit":
        // Without a session a pool has granted nothing that the share could count for.
        if (tracked.kept === null && current.loggedIn) toKeep.push(tracked);
        break;
      case "other":
    }
  }
  return { toMiner, toKeep, relogin, state: current };
}

/** Logins after which a miner expects work. */
const NAMES_MINER = new Set(["eth_submitlogin", "eth_login", "mining.authorize"]);
