import { readFile, rename, writeFile } from "node:fs/promises";
import { parseObject, type JsonObject } from "./json.ts";
import type { BridgeLog } from "./options.ts";

/** A login that was granted in the last moments before a crash is one that only a pool knows. */
const WRITE_EVERY_MS = 5_000;

/**
 * What changes seldom and is worth keeping over a restart, as a file of one JSON object a line, replaced as a whole. Nobody is promised
 * anything by it: what cannot be read or written is said, and done without.
 */
export class KnownFile {
  readonly #path: string;
  readonly #log: BridgeLog;
  readonly #entries: () => readonly JsonObject[];
  readonly #timer: NodeJS.Timeout;
  #written: string;
  #writing: Promise<void> | null = null;

  private constructor(path: string, log: BridgeLog, written: string, entries: () => readonly JsonObject[]) {
    this.#path = path;
    this.#log = log;
    this.#written = written;
    this.#entries = entries;
    this.#timer = setInterval(() => void this.#save(), WRITE_EVERY_MS).unref();
  }

  /** Keeps what `entries` gives from now on. @param restore is given what an earlier run has kept, first */
  static async open(
    path: string,
    log: BridgeLog,
    restore: (entries: readonly JsonObject[]) => void,
    entries: () => readonly JsonObject[],
  ): Promise<KnownFile> {
    const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOENT") log.warn({ file: path, reason: error.message }, "known logins cannot be read");
      return "";
    });
    const lines = text.split("\n").map((line) => parseObject(line));
    restore(lines.filter((entry) => entry !== null));
    return new KnownFile(path, log, text, entries);
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#save();
  }

  async #save(): Promise<void> {
    await this.#writing;
    const text = this.#entries()
      .map((entry) => `${JSON.stringify(entry)}\n`)
      .join("");
    if (text === this.#written) return;
    this.#writing = this.#replace(text);
    await this.#writing;
  }

  async #replace(text: string): Promise<void> {
    try {
      await writeFile(`${this.#path}.new`, text);
      await rename(`${this.#path}.new`, this.#path);
      this.#written = text;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#log.warn({ file: this.#path, reason }, "known logins cannot be kept on disk");
    }
  }
}
