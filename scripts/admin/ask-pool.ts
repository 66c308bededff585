import { tokenFor } from "../../devnet/start/running-tokens.ts";

/** Something for the operator to mend; the text says what. */
export class AdminError extends Error {}

/**
 * Asks a pool's `/admin` and prints what it answers; exit code 1 where it refuses. The token is read from ADMIN_TOKEN.
 * @param body of a POST; a GET without @throws AdminError
 */
export async function askPool(pool: string, path: string, body?: unknown): Promise<void> {
  if (!/^https?:\/\//.test(pool)) throw new AdminError(`"${pool}" is no pool; it begins with https:// or http://`);
  const token = tokenFor(pool, "ADMIN_TOKEN");
  if (!token)
    throw new AdminError("the environment variable ADMIN_TOKEN with the pool's secret of that name is missing");
  const response = await fetch(`${pool.replace(/\/$/, "")}/admin/${path}`, {
    method: body === undefined ? "GET" : "POST",
    headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    redirect: "error",
    signal: AbortSignal.timeout(60_000),
  }).catch((error: unknown) => {
    throw new AdminError(`the pool does not answer: ${error instanceof Error ? error.message : String(error)}`);
  });
  if (response.status === 401) throw new AdminError("ADMIN_TOKEN is not the pool's");
  if (response.status === 404) throw new AdminError("the pool has no secret ADMIN_TOKEN, or is of an older version");
  const text = await response.text();
  const answer = readJson(text);
  if (answer === undefined) throw new AdminError(`the pool answered ${response.status}: ${text.slice(0, 300)}`);
  process.stdout.write(`${JSON.stringify(answer, null, 2)}\n`);
  if (!response.ok) process.exitCode = 1;
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
