/** What a session saw a client do. Policies (bans, quotas) are built on these counts. */
export type GuardEvent =
  | "malformed" // unparsable or ill-formed request, line too long
  | "invalidShare"
  | "validShare"
  | "staleShare" // never towards a ban
  | "ban"; // protocol.md says ban: the connection is closed as well

/** Where sessions report client behaviour, by client IP. A refusal of `admit` closes the connection before any reply. */
export interface Guard {
  admit(ip: string): Promise<{ readonly allowed: boolean; readonly reason: string }>;
  report(ip: string, event: GuardEvent): Promise<void>;
}
