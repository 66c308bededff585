/** Who submitted, and when: what makes a submission this one and no other. */
export interface SubmissionIdentity {
  /** Lower-case `0x` address. */
  readonly login: string;
  readonly worker: string;
  /** Unix time in ms, unique per login and worker. */
  readonly timestampMs: number;
}

/**
 * A submission's identity as text, `login/worker/ms`. A retry inside the pool has the same one, from the session to the ledger
 * (docs/decisions/0001-exactly-once-by-evidence.md); it is also the correlation id of log lines, their field `share`.
 */
export function identityOf({ login, worker, timestampMs }: SubmissionIdentity): string {
  return `${login}/${worker}/${timestampMs}`;
}

/** A proof of work as text: what two submissions of one proof have in common. Only one mix digest is right for it. Hex with `0x`. */
export function proofOf({ header, nonce }: { readonly header: string; readonly nonce: string }): string {
  return `${header}${nonce}`;
}
