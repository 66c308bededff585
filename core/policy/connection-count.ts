/** Whoever has not logged in by then is counted no longer: the Worker that holds its socket may have gone without a word. */
const UNFINISHED_MS = 60_000;
/** The objects are asked again before anybody is refused, but no more often. */
const RECOUNT_MS = 5_000;
/** Objects that are asked at once. */
const AT_ONCE = 50;

/**
 * How many connections a client has open. The truth is with the objects that hold the sockets, through deploys and crashes; what
 * is counted here is an estimate that they correct before it refuses anybody. So a place comes back on every way out.
 */
export class ConnectionCount {
  readonly #nowMs: () => number;
  readonly #holders: () => readonly string[];
  readonly #ask: (login: string) => Promise<number>;
  readonly #byLogin = new Map<string, number>();
  /** When connections without a login came, oldest first. */
  #unfinished: number[] = [];
  #countedMs = -Infinity;
  #counting: Promise<void> | null = null;

  /** @param ask how many connections the object of a login has */
  constructor(nowMs: () => number, holders: () => readonly string[], ask: (login: string) => Promise<number>) {
    this.#nowMs = nowMs;
    this.#holders = holders;
    this.#ask = ask;
  }

  /** Counts one more where it fits. @returns whether it does */
  async enter(login: string | null, allowed: number): Promise<boolean> {
    if (allowed !== Infinity && this.#wantsRecount(allowed)) await this.#recountOnce();
    // Each of those who waited sees the ones that went in before it.
    if (this.#open() >= allowed) return false;
    if (login === null) this.#unfinished.push(this.#nowMs());
    else this.set(login, (this.#byLogin.get(login) ?? 0) + 1);
    return true;
  }

  /** One without a login is gone, or has got its login. */
  unfinishedGone(): void {
    this.#unfinished.shift();
  }

  /** What a login's object has. */
  set(login: string, count: number): void {
    if (count > 0) this.#byLogin.set(login, count);
    else this.#byLogin.delete(login);
  }

  #wantsRecount(allowed: number): boolean {
    if (this.#countedMs === -Infinity) return true;
    return this.#open() >= allowed && this.#nowMs() - this.#countedMs >= RECOUNT_MS;
  }

  #open(): number {
    const sinceMs = this.#nowMs() - UNFINISHED_MS;
    this.#unfinished = this.#unfinished.filter((atMs) => atMs > sinceMs);
    return [...this.#byLogin.values()].reduce((sum, count) => sum + count, this.#unfinished.length);
  }

  /** Asks every object. One that does not answer keeps the count that it had. */
  async #recountOnce(): Promise<void> {
    this.#counting ??= this.#recount().finally(() => (this.#counting = null));
    await this.#counting;
  }

  async #recount(): Promise<void> {
    this.#countedMs = this.#nowMs();
    const logins = this.#holders();
    for (let from = 0; from < logins.length; from += AT_ONCE) {
      const some = logins.slice(from, from + AT_ONCE);
      const counts = await Promise.all(some.map((login) => this.#ask(login).catch(() => null)));
      for (const [at, login] of some.entries()) {
        const count = counts[at];
        if (count !== null && count !== undefined) this.set(login, count);
      }
    }
  }
}
