import type { Client } from "./client.ts";

/** What a session sees a client do that the guard hears of. Stale shares and duplicates are none of it: they never lead towards a ban. */
export type GuardEvent =
  | "malformed" // unparsable or ill-formed request
  | "invalidShare"
  | "validShare"
  | "ban"; // docs/protocol.md says ban: line too long, login on the blacklist

/** What a client did since its sessions last said. */
export interface Conduct {
  readonly valid?: number;
  readonly invalid?: number;
  readonly malformed?: number;
  /** Something for which there is no limit: the client is banned at once. */
  readonly ban?: boolean;
}

/** One event as conduct. */
export function conductOf(event: GuardEvent): Conduct {
  switch (event) {
    case "malformed":
      return { malformed: 1 };
    case "invalidShare":
      return { invalid: 1 };
    case "validShare":
      return { valid: 1 };
    case "ban":
      return { ban: true };
  }
}

/** What the guard makes of a report. */
export interface GuardVerdict {
  /** False: the connection that reported is closed. */
  readonly allowed: boolean;
  /** For the log and the closed client; empty while allowed. */
  readonly reason: string;
  /** So many further valid shares may wait before they are reported: then the ratio is due, or a bundle is full. */
  readonly reportAt: number;
  /** The guard could not be asked: what was reported is told again. */
  readonly unheard?: boolean;
}

/**
 * Who wants in: a connection to a login's object; one that has not named its login yet, or whose login nobody knows; such a one that is there
 * still, and when its login's object takes it; an HTTP request.
 */
export type Opening = "connection" | "unfinished" | "still" | "login" | "request";

/** Whether a connection is let in. */
export interface Admission {
  readonly allowed: boolean;
  /** Empty while allowed. */
  readonly reason: string;
}

/** Where sessions ask about clients and report what they do. A refusal of `admit` closes the connection before any reply. */
export interface Guard {
  /** @param login lower-case `0x` address; null where it is not known yet */
  admit(client: Client, login: string | null, opening: Opening): Promise<Admission>;
  /** @param login that the connection has logged in; null before */
  report(client: Client, login: string | null, conduct: Conduct): Promise<GuardVerdict>;
  /** A connection of a client is gone. @param remaining how many of it the login's object still has */
  left(client: Client, login: string | null, remaining: number, conduct: Conduct): Promise<void>;
}
