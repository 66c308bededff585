import { Redis, type Requester } from "@upstash/redis";
import { parseExactJson } from "../../core/ledger/contract/exact-json.ts";
import { RedisUnreachableError, type RedisPort } from "../../core/ledger/contract/redis-port.ts";
import type { EmbeddedRedisRpc } from "../rpc.ts";
import { rawPort, type RawSend } from "../../core/ledger/upstash-port.ts";

/** `@upstash/redis` over a requester of our own, below its commands (see `upstash-port.ts`). */
class RawEmbedded extends Redis {
  readonly send: RawSend = (path, body) => this.client.request({ path, body });
}

/** The port to the embedded ledger's object. @param timeoutMs after which an answer is given up; the object may still be at it */
export function embeddedPort(object: Pick<EmbeddedRedisRpc, "rest">, timeoutMs: number): RedisPort {
  const requester: Requester = {
    // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the library's interface has it
    async request<TResult>({ path = [], body }: { path?: string[]; body?: unknown }) {
      if (!Array.isArray(body)) throw new TypeError("body: an array is expected");
      const answer = await within(timeoutMs, object.rest(path.join("/"), body));
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- TResult is the caller's wish; rawPort checks what there is
      return parseExactJson(answer.body) as { result?: TResult; error?: string };
    },
  };
  return rawPort(new RawEmbedded(requester).send);
}

async function within<T>(timeoutMs: number, work: Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const tooLate = new RedisUnreachableError("embedded ledger: no answer in time", "unknown");
  const timer = setTimeout(() => reject(tooLate), timeoutMs);
  try {
    return await Promise.race([work, late]);
  } catch (error) {
    if (error instanceof RedisUnreachableError) throw error;
    // Its object was reset, moved or overloaded; the text of such an error may quote anything.
    throw new RedisUnreachableError("embedded ledger: the call failed", "unknown");
  } finally {
    clearTimeout(timer);
  }
}
