import type { HttpOutcome, HttpPort } from "../../core/notifications/http-forms.ts";

const TIMEOUT_MS = 10_000;
/** Of an answer no more is read: what others send must not fill the memory. */
const LONGEST_BYTES = 4_096;

/** A POST to a target with the runtime's `fetch`: no redirect is followed, and time and answer are bounded. */
export const notifyPost: HttpPort = async ({ url, headers, body }) => {
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(), TIMEOUT_MS);
  try {
    const init = { method: "POST", headers, body, redirect: "manual", signal: limit.signal } as const;
    return await outcomeOf(await fetch(url, init));
  } catch (error) {
    // The runtime's words may quote the address, and with it what opens the target.
    const reason = limit.signal.aborted ? `no answer in ${TIMEOUT_MS / 1000} s` : nameOf(error);
    return { kind: "failed", reason };
  } finally {
    // A timer that still runs would keep the object in memory.
    clearTimeout(timer);
  }
};

const nameOf = (error: unknown): string => (error instanceof Error ? `no connection (${error.name})` : "no connection");

async function outcomeOf(response: Response): Promise<HttpOutcome> {
  const { status, headers } = response;
  const body = response.body === null ? "" : await beginningOf(response.body);
  return { kind: "answered", status, retryAfter: headers.get("retry-after"), body };
}

async function beginningOf(body: ReadableStream<Uint8Array>): Promise<string> {
  const reader = body.getReader();
  const parts: Uint8Array[] = [];
  for (let length = 0; length < LONGEST_BYTES;) {
    const { done, value } = await reader.read();
    if (done) break;
    parts.push(value);
    length += value.byteLength;
  }
  // A body that nobody reads would keep its connection.
  await reader.cancel().catch(() => undefined);
  return new TextDecoder().decode(await new Blob(parts).arrayBuffer()).slice(0, LONGEST_BYTES);
}
