/** How long a refuted claim is told of on `/health`, and how many are counted. */
const REFUTED_FOR_MS = 3_600_000;
const MOST_REFUTED = 1_000;

/** Claims that were accepted before they were verified, and proved wrong. */
export class RefutedClaims {
  /** Since the object started. */
  count = 0;
  /** The last ones; at most {@link MOST_REFUTED}. */
  #recent: readonly { readonly login: string; readonly atMs: number }[] = [];

  add(login: string, nowMs: number): void {
    this.count += 1;
    this.#recent = [...this.#recent, { login, atMs: nowMs }].slice(-MOST_REFUTED);
  }

  /** Those of the last hour, and who sent them. */
  recent(nowMs: number): { readonly shares: number; readonly logins: readonly string[] } {
    const recent = this.#recent.filter(({ atMs }) => atMs > nowMs - REFUTED_FOR_MS);
    return { shares: recent.length, logins: [...new Set(recent.map(({ login }) => login))] };
  }
}
