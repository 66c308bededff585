import { readdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

/** Runs statements on the database of every verifier that has its tables, or of so many of them, while no pool runs. */
export function onVerifiers(stateDir: string, statements: readonly string[], most = Infinity): void {
  let left = most;
  for (const name of readdirSync(stateDir, { recursive: true, encoding: "utf8" })) {
    if (!name.includes("ShareVerifier") || !name.endsWith(".sqlite")) continue;
    const database = new DatabaseSync(join(stateDir, name), { timeout: 120_000 });
    const [made] = database.prepare("SELECT count(*) AS n FROM sqlite_master WHERE name = 'unreadable'").all();
    if (made?.["n"] === 1 && left-- > 0) for (const statement of statements) database.exec(statement);
    database.close();
  }
}
