import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

const LOCK = "npm-start.lock";
const HOLDER = "npm-start.pid";

/** Files of the lock in a state folder: what empties the folder leaves them alone. */
export const LOCK_FILES: readonly string[] = [LOCK, HOLDER];

/** The state folder cannot be had. The message says why, and the flag that chooses another. */
export class StateFolderError extends Error {
  override readonly name = "StateFolderError";
}

/**
 * Keeps a state folder for this process until `release`. The lock is one of the operating system on an SQLite file, so a process that
 * died holds nothing, however it died and whoever has its process id now; the id is written beside it only to be shown.
 * @throws StateFolderError when another process has the folder, or when it cannot be written
 */
export function lockState(folder: string): { release(): void } {
  let database: DatabaseSync;
  try {
    mkdirSync(folder, { recursive: true });
    database = new DatabaseSync(join(folder, LOCK), { timeout: 0 });
  } catch (error) {
    throw unusable(folder, error);
  }
  try {
    database.exec("BEGIN EXCLUSIVE");
    writeFileSync(join(folder, HOLDER), `${process.pid}\n`);
  } catch (error) {
    database.close();
    throw isLocked(error) ? inUse(folder) : unusable(folder, error);
  }
  return { release: () => database.close() };
}

/** SQLITE_BUSY */
const isLocked = (error: unknown): boolean => error instanceof Error && "errcode" in error && error.errcode === 5;

function inUse(folder: string): StateFolderError {
  return new StateFolderError(
    `state folder ${folder} is in use by another npm start${holder(folder)}; choose another with --state`,
  );
}

function unusable(folder: string, error: unknown): StateFolderError {
  const reason = error instanceof Error ? error.message : String(error);
  return new StateFolderError(`state folder ${folder} cannot be used (${reason}); choose another with --state`);
}

function holder(folder: string): string {
  try {
    const pid = readFileSync(join(folder, HOLDER), "utf8").trim();
    return /^\d+$/.test(pid) ? ` (process ${pid})` : "";
  } catch {
    return "";
  }
}
