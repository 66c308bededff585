import type { Clock } from "../../core/clock.ts";
import type { HttpPost } from "../../core/work/node-rpc.ts";
import { systemClock } from "./system-clock.ts";

/** A POST with the runtime's `fetch`. */
export const httpPost: HttpPost = httpPostWith(systemClock);

/** The same with the timers of whoever posts again and again. */
export function httpPostWith({ after }: Pick<Clock, "after">): HttpPost {
  return async ({ timeoutMs, url, headers, body }) => {
    const limit = new AbortController();
    const callOff = after(timeoutMs, () => limit.abort());
    try {
      const init = { method: "POST", headers, body, redirect: "manual", signal: limit.signal } as const;
      const response = await fetch(url, init);
      if (response.status === 200) return { kind: "answered", status: 200, body: await response.text() };
      // A body that nobody reads would keep its connection.
      await response.body?.cancel().catch(() => undefined);
      return { kind: "answered", status: response.status, body: "" };
    } catch (error) {
      if (limit.signal.aborted) return { kind: "timeout" };
      return { kind: "unreachable", reason: error instanceof Error ? error.message : String(error) };
    } finally {
      callOff();
    }
  };
}
