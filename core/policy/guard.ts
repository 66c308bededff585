/** What a session saw a client do. Policies (bans, quotas) are built on these counts. */
export type GuardEvent =
  | "malformed" // unparsable or ill-formed request, line too long
  | "invalidShare"
  | "validShare"
  | "staleShare" // never towards a ban
  | "ban"; // docs/protocol.md says ban: the connection is closed as well

/** What the guard makes of a client. */
export interface GuardVerdict {
  /** False: the connection that reported is closed. */
  readonly allowed: boolean;
  /** For the log and the closed client; empty while allowed. */
  readonly reason: string;
  /** True while the client has shown invalid shares: its valid ones count now and are reported one by one. */
  readonly watch: boolean;
}

/** Where sessions report client behaviour, by client IP. A refusal of `admit` closes the connection before any reply. */
export interface Guard {
  admit(ip: string): Promise<{ readonly allowed: boolean; readonly reason: string }>;
  /** `times` events of one kind. */
  report(ip: string, event: GuardEvent, times?: number): Promise<GuardVerdict>;
}
