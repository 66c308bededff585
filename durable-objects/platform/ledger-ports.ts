/** The two ways to the books, each as core's port. Also used by the command line and the tests: no `cloudflare:` import here. */
import { Redis } from "@upstash/redis/cloudflare";
import { RedisUnreachableError, type TransactionPort } from "../../core/ledger/contract/redis-port.ts";
import { parseExactJson, restPort, type RawSend } from "../../core/ledger/contract/rest-port.ts";
import type { EmbeddedRedisRpc } from "../rpc.ts";
import { LastingTimers } from "./lasting-timers.ts";

export interface UpstashOptions {
  /** REST endpoint, without credentials. */
  readonly url: string;
  readonly token: string;
  /** How long one request may take, the body included. */
  readonly timeoutMs: number;
}

/** `@upstash/redis` below its commands: they would turn "123" into a number and JSON-looking text into objects. */
class RawUpstash extends Redis {
  readonly send: RawSend = (path, body) => this.client.request({ path, body });
}

/** The port to an Upstash database or to any other server of its REST protocol (the pool's own `/redis`). Works in Workers and in Node. */
export function upstashPort({ url, token, timeoutMs }: UpstashOptions): TransactionPort {
  let latest = new AbortController();
  const client = new RawUpstash({
    url,
    token,
    automaticDeserialization: false,
    enableAutoPipelining: false,
    enableTelemetry: false,
    // Keys and values are ASCII; base64 would only cost time.
    responseEncoding: false,
    // A retry below the ledger writer would not know that it is one.
    retry: { retries: 0 },
    // As a function: with a plain signal the client resolves an aborted request as if it had succeeded.
    signal: () => latest.signal,
  });
  const timers = new LastingTimers();
  return restPort(async (path, body) => {
    // The client asks for its signal before it first waits, so that each request has the one that was made for it.
    const own = (latest = new AbortController());
    // Not AbortSignal.timeout: its timer runs on after the answer for all of its time, and a Durable Object with a timer stays awake and is billed.
    const callOff = timers.after(timeoutMs, () => own.abort());
    try {
      return await client.send(path, body);
    } finally {
      callOff();
    }
  });
}

/** The port to the embedded ledger's object. @param timeoutMs after which an answer is given up; the object may still be at it */
export function embeddedPort(object: Pick<EmbeddedRedisRpc, "rest">, timeoutMs: number): TransactionPort {
  const timers = new LastingTimers();
  return restPort(async (path, body) => {
    const answer = await within(timers, timeoutMs, object.rest(path.join("/"), body));
    return parseExactJson(answer.body);
  });
}

async function within<T>(timers: LastingTimers, timeoutMs: number, work: Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const callOff = timers.after(timeoutMs, () =>
    reject(new RedisUnreachableError("embedded ledger: no answer in time", "unknown")),
  );
  try {
    return await Promise.race([work, late]);
  } catch (error) {
    if (error instanceof RedisUnreachableError) throw error;
    // Its object was reset, moved or overloaded; the text of such an error may quote anything.
    throw new RedisUnreachableError("embedded ledger: the call failed", "unknown");
  } finally {
    callOff();
  }
}
