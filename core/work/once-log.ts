import type { Logger, LogFields } from "../log.ts";

/** Says a lasting problem when it begins, when it becomes another one, and when it is over: not at every poll. */
export class OnceLog {
  readonly #log: Logger;
  readonly #open = new Map<string, string>();

  constructor(log: Logger) {
    this.#log = log;
  }

  /**
   * @param subject what has the problem
   * @param kind the same for as long as it is the same problem, whatever the figures in `message`
   */
  problem(subject: string, kind: string, message: string, fields?: LogFields): void {
    if (this.#open.get(subject) === kind) return;
    this.#open.set(subject, kind);
    this.#log.warn(message, fields);
  }

  /** Says `message` if the subject had a problem. */
  solved(subject: string, message: string, fields?: LogFields): void {
    if (this.#open.delete(subject)) this.#log.info(message, fields);
  }
}
