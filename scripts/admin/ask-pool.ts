import { tokenFor } from "../../devnet/start/running-tokens.ts";

/** Something for the operator to mend; the text says what. */
export class AdminError extends Error {}

/**
 * One request to a pool's `/admin`. The token is read from ADMIN_TOKEN.
 * @param body of a POST; a GET without @throws AdminError where it does not answer, or knows no such token or route
 */
export async function requestAdmin(
  pool: string,
  path: string,
  body?: unknown,
): Promise<{ ok: boolean; status: number; text: string }> {
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
  }).catch(noAnswer);
  if (response.status === 401) throw new AdminError("ADMIN_TOKEN is not the pool's");
  const text = await response.text().catch(noAnswer);
  // What is not there behind the token is answered with JSON.
  if (response.status === 404 && readJson(text) === undefined)
    throw new AdminError("the pool has no secret ADMIN_TOKEN, or is of an older version");
  return { ok: response.ok, status: response.status, text };
}

/** What is lost may be the request or its answer: whoever asked for a change does not know which. */
function noAnswer(error: unknown): never {
  const why =
    error instanceof Error ? (error.cause instanceof Error ? error.cause.message : error.message) : String(error);
  throw new AdminError(`the pool does not answer: ${why}`);
}

/** Where the answer is not one of the pool's. */
export const strangeAnswer = ({ status, text }: { status: number; text: string }): AdminError =>
  new AdminError(`the pool answered ${status}: ${text.slice(0, 300)}`);

/** Asks a pool's `/admin` and prints what it answers; exit code 1 where it refuses. @throws AdminError as {@link requestAdmin} */
export async function askPool(pool: string, path: string, body?: unknown): Promise<void> {
  const response = await requestAdmin(pool, path, body);
  const answer = readJson(response.text);
  if (answer === undefined) throw strangeAnswer(response);
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
