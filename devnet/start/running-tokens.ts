import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const FOLDER = join(import.meta.dirname, "..", "..", ".edgepool", "running");

/** Secrets of a pool that runs on this machine, under the names of the environment variables that tools read them from. */
export interface RunningTokens {
  readonly LEDGER_TOKEN: string;
  readonly ADMIN_TOKEN: string;
}

/**
 * Notes the secrets of a running `npm start`, so that `npm run ledger` and `npm run admin` on its URL need none in the environment.
 * Readable by this user only, and gone with `forget`.
 * @param url of the pool, or of the ledger beside it
 */
export function noteRunning(url: string, tokens: RunningTokens): { forget: () => void } {
  const file = fileOf(url);
  if (file === null) return { forget: () => undefined };
  mkdirSync(FOLDER, { recursive: true, mode: 0o700 });
  rmSync(file, { force: true });
  writeFileSync(file, JSON.stringify(tokens), { mode: 0o600 });
  return { forget: () => rmSync(file, { force: true }) };
}

/** A secret from the environment, or that of the `npm start` which runs at this URL; undefined where there is none. */
export function tokenFor(url: string, name: keyof RunningTokens): string | undefined {
  const given = process.env[name];
  if (given) return given;
  const file = fileOf(url);
  if (file === null) return undefined;
  try {
    const noted: unknown = JSON.parse(readFileSync(file, "utf8"));
    const token: unknown = typeof noted === "object" && noted !== null ? Reflect.get(noted, name) : undefined;
    return typeof token === "string" ? token : undefined;
  } catch {
    return undefined;
  }
}

/** By port: one program has it at a time. Null for what is not on this machine, which is never sent such a secret. */
function fileOf(url: string): string | null {
  if (!URL.canParse(url)) return null;
  const { hostname, port, protocol } = new URL(url);
  const isHere = hostname === "localhost" || hostname === "[::1]" || /^127(\.\d+){3}$/.test(hostname);
  return isHere && port !== "" && protocol === "http:" ? join(FOLDER, `${port}.json`) : null;
}
