import { closeSync, fsyncSync, openSync } from "node:fs";
import { mkdir, open, readFile, rename, type FileHandle } from "node:fs/promises";
import { dirname } from "node:path";
import { parseObject, type JsonObject } from "./json.ts";
import type { BridgeLog } from "./options.ts";

/** Shares on disk at one time. Beyond, miners wait for the pool's own answer. */
const MAX_KEPT = 10_000;
/** The file is written anew, with what still counts, when it has grown to this. */
const COMPACT_BYTES = 4 * 1024 * 1024;

/** What is under way to the disk. */
export interface Keeping {
  /** One for each share, to be settled by. */
  readonly numbers: readonly number[];
  /** False when the shares are not on disk: it failed. */
  readonly written: Promise<boolean>;
}

/**
 * Shares that miners were told yes for before a pool was: on disk until a pool has answered. One JSON object a line;
 * a share is there from its `keep` to its `settled`. A line that a crash tore is the last one, and of a share that nobody was
 * told yes for.
 */
export class KeptShares {
  readonly #path: string;
  readonly #log: BridgeLog;
  /** What the file has to hold, by number. */
  readonly #live = new Map<number, string>();
  #file: FileHandle;
  #bytes = 0;
  #next: number;
  /** Lines that wait for the write under way, and who waits for them. */
  #batch: { readonly text: string; readonly done: (written: boolean) => void }[] = [];
  #writing: Promise<void> | null = null;

  private constructor(path: string, log: BridgeLog, file: FileHandle, next: number) {
    this.#path = path;
    this.#log = log;
    this.#file = file;
    this.#next = next;
  }

  /**
   * Opens the file, which it makes where there is none.
   * @throws Error when the folder or the file cannot be used
   */
  static async open(
    path: string,
    log: BridgeLog,
  ): Promise<{ kept: KeptShares; left: ReadonlyMap<number, JsonObject> }> {
    await mkdir(dirname(path), { recursive: true });
    const lines = (await readFile(path, "utf8").catch(ifAbsent)).split("\n");
    const left = liveEntries(lines);
    const kept = new KeptShares(path, log, await open(path, "a"), Math.max(0, ...left.keys()) + 1);
    for (const [number, entry] of left) kept.#live.set(number, JSON.stringify(entry));
    await kept.#compact();
    return { kept, left };
  }

  /** Puts shares on disk. @returns null when too many are kept already */
  keep(shares: readonly JsonObject[]): Keeping | null {
    if (this.#live.size + shares.length > MAX_KEPT) return null;
    const numbers = shares.map((share) => {
      const number = this.#next++;
      this.#live.set(number, JSON.stringify({ keep: number, ...share }));
      return number;
    });
    const text = numbers.map((number) => this.#live.get(number)).join("\n");
    return { numbers, written: this.#append(text).then((written) => written || this.#forget(numbers)) };
  }

  /** A pool has answered. That this is not on disk at once costs at worst a question that is answered as a duplicate. */
  settled(number: number): void {
    if (this.#live.delete(number)) void this.#append(JSON.stringify({ settled: number }));
  }

  async close(): Promise<void> {
    while (this.#writing !== null) await this.#writing;
    await this.#file.close();
  }

  #forget(numbers: readonly number[]): false {
    for (const number of numbers) this.#live.delete(number);
    return false;
  }

  #append(text: string): Promise<boolean> {
    return new Promise((done) => {
      this.#batch.push({ text, done });
      this.#writing ??= this.#writeAll().finally(() => (this.#writing = null));
    });
  }

  /** One write and one sync for all that came while the last one ran. */
  async #writeAll(): Promise<void> {
    while (this.#batch.length > 0) {
      const batch = this.#batch;
      this.#batch = [];
      const written = await this.#write(`${batch.map(({ text }) => text).join("\n")}\n`);
      for (const { done } of batch) done(written);
    }
  }

  async #write(text: string): Promise<boolean> {
    try {
      if (this.#bytes > COMPACT_BYTES || (this.#live.size === 0 && this.#bytes > 0)) await this.#compact();
      await this.#file.appendFile(text);
      await this.#file.datasync();
      this.#bytes += text.length;
      return true;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#log.error({ file: this.#path, reason }, "shares cannot be kept on disk");
      return false;
    }
  }

  /** The live lines in a new file, which takes the old one's place when it is on disk. */
  async #compact(): Promise<void> {
    const text = [...this.#live.values()].map((line) => `${line}\n`).join("");
    const next = await open(`${this.#path}.new`, "w");
    await next.appendFile(text);
    await next.sync();
    await next.close();
    await this.#file.close();
    try {
      await rename(`${this.#path}.new`, this.#path);
    } finally {
      this.#file = await open(this.#path, "a");
    }
    syncFolder(dirname(this.#path));
    this.#bytes = text.length;
  }
}

/** The name of a new file is on disk when its folder is; Windows has no such thing. */
function syncFolder(path: string): void {
  if (process.platform === "win32") return;
  const folder = openSync(path, "r");
  fsyncSync(folder);
  closeSync(folder);
}

function ifAbsent(error: NodeJS.ErrnoException): string {
  if (error.code === "ENOENT") return "";
  throw error;
}

function liveEntries(lines: readonly string[]): Map<number, JsonObject> {
  const live = new Map<number, JsonObject>();
  for (const text of lines) {
    const entry = parseObject(text);
    if (entry !== null && typeof entry["keep"] === "number") live.set(entry["keep"], entry);
    if (typeof entry?.["settled"] === "number") live.delete(entry["settled"]);
  }
  return live;
}
