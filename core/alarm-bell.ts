/** The one alarm of a Durable Object, for whoever asks for the earliest time. One that is already earlier is left as it is: each costs a row. */
export class AlarmBell {
  readonly #set: (atMs: number) => void;
  #atMs: number;

  /**
   * @param set sets the alarm to a Unix time in ms, in place of the one that was set
   * @param atMs when it is set already
   */
  constructor(set: (atMs: number) => void, atMs = Infinity) {
    this.#set = set;
    this.#atMs = atMs;
  }

  /** Rings at this Unix time in ms at the latest. */
  ringAt(atMs: number): void {
    if (atMs >= this.#atMs) return;
    this.#atMs = atMs;
    this.#set(atMs);
  }

  /** It rang: the next request sets it again. */
  rang(): void {
    this.#atMs = Infinity;
  }
}
