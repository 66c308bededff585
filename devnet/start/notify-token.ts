import { randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Left alone where a state folder is emptied: a geth that was started with the URL goes on pushing there. */
export const NOTIFY_TOKEN_FILE = "notify-token";

/** The secret in the notify URL, the same at each start on this state folder. */
export function notifyToken(state: string): string {
  const file = join(state, NOTIFY_TOKEN_FILE);
  try {
    const kept = readFileSync(file, "utf8").trim();
    if (/^[\x21-\x7e]{16,}$/.test(kept)) return kept;
  } catch {
    // The first start on this folder.
  }
  const token = randomBytes(24).toString("hex");
  writeFileSync(file, `${token}\n`, { mode: 0o600 });
  return token;
}
