import type { Logger } from "../log.ts";
import type { NamedWorker } from "./login.ts";

/** Whoever may send any name could fill a log with them. */
const MAX_TOLD = 256;

/** Tells the operator, once for each, which name a worker has whose name had to be cleaned. At most 256 of them. */
export class RenamedWorkers {
  readonly #told = new Set<string>();

  /** Says nothing of a name that is as it was written, and of a worker that has none. */
  note(log: Logger, login: string, { name, written }: NamedWorker): void {
    const key = `${login} ${written}`;
    if (written === "" || written === name || this.#told.has(key) || this.#told.size >= MAX_TOLD) return;
    this.#told.add(key);
    log.info("a worker's name was cleaned", { login, written, worker: name });
  }
}
