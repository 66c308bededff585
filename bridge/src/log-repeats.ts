import type { BridgeLog } from "./options.ts";

type Fields = Readonly<Record<string, unknown>>;

interface Entry {
  readonly level: "info" | "warn";
  readonly message: string;
  readonly shared: Fields;
  readonly own: Fields;
  count: number;
}

const WINDOW_MS = 1_000;
/** Different things said in one window; a flood of them is not held back to be counted. */
const MAX_ENTRIES = 100;

/** Says once what happens to many miners in the same second, such as the loss of their pool, with how many they were. */
export class LogRepeats {
  readonly #log: BridgeLog;
  readonly #entries = new Map<string, Entry>();
  #timer: NodeJS.Timeout | undefined;

  constructor(log: BridgeLog) {
    this.#log = log;
  }

  /**
   * @param shared fields that are the same for all whom it happens to.
   * @param own fields of this one, said only when it was alone.
   */
  say(level: "info" | "warn", shared: Fields, own: Fields, message: string): void {
    const key = `${message} ${JSON.stringify(shared)}`;
    const entry = this.#entries.get(key);
    if (entry !== undefined) entry.count += 1;
    else this.#entries.set(key, { level, message, shared, own, count: 1 });
    if (this.#entries.size >= MAX_ENTRIES) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), WINDOW_MS);
  }

  /** Says at once what has been gathered. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const entries = [...this.#entries.values()];
    this.#entries.clear();
    for (const { level, message, shared, own, count } of entries) {
      this.#log[level]({ ...(count === 1 ? own : { miners: count }), ...shared }, message);
    }
  }
}
