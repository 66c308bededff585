import { PREFIX_DIGITS } from "../shares/difficulty-classes.ts";
import type { SessionState } from "./session.ts";

/*
 * An extranonce has three bytes, the most that EthereumStratum/1.0.0 allows: 2^40 nonces for a session, which a rig of 10 GH/s searches for
 * 110 seconds before it needs a new header. It is a whole prefix, so that it has one class.
 */

/** As it goes over the wire: hex without `0x`, always 6 digits. */
export function extranonceHex(value: number): string {
  return value.toString(16).padStart(PREFIX_DIGITS, "0");
}

/** The number again. */
export function extranonceValue(hex: string): number {
  return Number.parseInt(hex, 16);
}

/**
 * A session's id with the extranonce in its last digits: whoever comes back under it says which nonces it still searches, and no
 * object has to remember that. After a change of extranonce the one who resumes puts the new one there.
 */
export function sessionIdWith(id: string, extranonce: string): string {
  return `${sessionName(id)}${extranonce}`;
}

/** What is the same in all ids of a session. */
export function sessionName(id: string): string {
  return id.slice(0, -PREFIX_DIGITS);
}

/** The extranonce that an id names. */
export function resumedExtranonce(id: string): string {
  return id.slice(-PREFIX_DIGITS);
}

/** Whether a connection has a session's extranonce, or is about to be given it. @param session as {@link sessionName} gives it */
export function hasSession({ id, extranonce, waiting }: SessionState, session: string): boolean {
  if (extranonce !== "") return sessionName(id) === session;
  return waiting?.for === "extranonce" && waiting.resume !== null && sessionName(waiting.resume) === session;
}
