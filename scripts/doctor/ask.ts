import { VERSION } from "../../core/version.ts";
import { noAnswer, strangeAnswer, type RawAnswer, type Trouble } from "./strange-answer.ts";

/** An answer, or what came in its place. */
export type Asked =
  | { readonly kind: "answered"; readonly answer: RawAnswer; readonly tookMs: number }
  | { readonly kind: "trouble"; readonly trouble: Trouble };

/** Longest answer that is read, bytes. */
const LONGEST = 1 << 20;

/** One request; redirects are not followed. Never throws for what the other side does. */
export async function ask(url: string, timeoutMs: number, init: RequestInit = {}): Promise<Asked> {
  const began = performance.now();
  try {
    const response = await fetch(url, {
      redirect: "manual",
      signal: AbortSignal.timeout(timeoutMs),
      ...init,
      headers: { "User-Agent": `edgepool-doctor/${VERSION}`, ...Object(init.headers) },
    });
    const body = (await response.text()).slice(0, LONGEST);
    const answer = { status: response.status, headers: Object.fromEntries(response.headers), body };
    const trouble = strangeAnswer(answer);
    if (trouble !== null) return { kind: "trouble", trouble };
    return { kind: "answered", answer, tookMs: Math.round(performance.now() - began) };
  } catch (error) {
    return { kind: "trouble", trouble: noAnswer(error, timeoutMs) };
  }
}

/** The body's JSON, or undefined. */
export function jsonOf({ body }: RawAnswer): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

/** The header of a bearer token. */
export const bearer = (token: string): Record<string, string> => ({ Authorization: `Bearer ${token}` });

/** Whether an address is of this machine: what would be a risk elsewhere is none there. */
export function isOnThisMachine(url: string): boolean {
  const { hostname } = new URL(url);
  return hostname === "localhost" || hostname === "[::1]" || hostname.startsWith("127.");
}
