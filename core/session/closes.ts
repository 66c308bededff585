/** Close code of a connection that the pool ends: a policy was violated, the peer was silent, or it said goodbye (docs/protocol.md, section 1). */
export const POLICY_CLOSE = 1008;
/** The same for a reason that is none of this connection's: the peer is to come back. */
export const RESTART_CLOSE = 1012;

/** What a peer is told with {@link RESTART_CLOSE}, so that one can be told from another where only the peer sees it (docs/protocol.md, section 1). */
export const RESTART_REASONS = {
  /** Another live session has the extranonce that it got before its login, and it takes no other. */
  taken: "Extranonce in use",
  /** The same where it cannot be made the login's: it is another login's by now, or nobody could be asked. */
  unheld: "Extranonce not to be had",
  /** As much input waits in the isolate as it has room for. */
  noRoom: "No room",
  /** It was sent so much without a valid share that nobody can say whether it reads. */
  sentTooMuch: "Sent too much without a share",
  /** Its login's object was moved, reset or updated, and a connection from the Worker to it has gone with it. */
  moved: "Session moved",
  /** It was kept by a version that this one cannot read. */
  unreadable: "Session of another version",
  /** A fault of the pool's, which is in the log. */
  fault: "Please reconnect",
} as const;
