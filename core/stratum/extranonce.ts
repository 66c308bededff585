import type { SessionState } from "./session.ts";

/**
 * Three bytes, the most that EthereumStratum/1.0.0 allows: 16,777,216 sessions at a time, and 2^40 nonces for each, which a rig of
 * 10 GH/s searches for 110 seconds before it needs a new header.
 */
const EXTRANONCE_BYTES = 3;
export const EXTRANONCES = 2 ** (8 * EXTRANONCE_BYTES);

/** A session keeps its extranonce for this long after it was last heard of, Unix time in ms; it renews at half of it. */
export const LEASE_MS = 6 * 3_600_000;

/** How long the extranonce of a session that has gone is kept for its return, ms. */
export const RESUME_MS = 120_000;

/** One session's right to search the nonces that begin with an extranonce. */
export interface ExtranonceLease {
  /** 0 to {@link EXTRANONCES} - 1. */
  readonly value: number;
  /** Id of the session, unique in the pool. */
  readonly session: string;
}

/** The lease of a session; null for one that has no extranonce. */
export function leaseOf({ id, extranonce }: Pick<SessionState, "id" | "extranonce">): ExtranonceLease | null {
  return extranonce === "" ? null : { value: extranonceValue(extranonce), session: id };
}

/** As it goes over the wire: hex without `0x`, always 6 digits. */
export function extranonceHex(value: number): string {
  return value.toString(16).padStart(2 * EXTRANONCE_BYTES, "0");
}

/** The number again. */
function extranonceValue(hex: string): number {
  return Number.parseInt(hex, 16);
}
