import * as v from "valibot";
import { parseLogin } from "../../core/policy/login.ts";
import { readText } from "../read-text.ts";

/** Of all answers under `/admin`. */
export const HEADERS = { "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff" } as const;
const MAX_BODY_BYTES = 16 * 1024;

/** Why, for the log that is never cut. */
export const note = v.pipe(v.string(), v.minLength(1), v.maxLength(500));

/** A login, in lower case afterwards. */
export const login = v.pipe(
  v.string(),
  v.transform((text) => parseLogin(text)?.address ?? ""),
  v.startsWith("0x", "a login: a 20-byte hex address"),
);

/** A command out of a POST's body, or the refusal that says what is wrong with it. */
export async function readCommand<T>(request: Request, schema: v.GenericSchema<unknown, T>): Promise<T | Response> {
  const body = await readText(request, MAX_BODY_BYTES);
  if (body === null) return answer({ ok: false, message: `at most ${MAX_BODY_BYTES} bytes` }, 413);
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), schema), body);
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  return answer({ ok: false, message: `${v.getDotPath(issue) ?? "body"}: ${issue.message}` }, 400);
}

export function answer(body: unknown, status = 200, headers: Record<string, string> = {}): Response {
  return Response.json(body, { status, headers: { ...HEADERS, ...headers } });
}
