/** The ledger's port over a plain `redis://` connection, for the command line and the tests; the Worker itself speaks REST only. */
import { createClient, ErrorReply, RESP_TYPES } from "@redis/client";
import {
  RedisReplyError,
  RedisUnreachableError,
  type RedisCommand,
  type TransactionPort,
  type RedisValue,
} from "../../core/ledger/contract/redis-port.ts";

/** A port that holds a connection open. */
export interface RedisConnection extends TransactionPort {
  close(): Promise<void>;
}

/** @param url `redis://…`, `rediss://…` or `unix:<path>` @throws RedisUnreachableError when nobody answers */
export async function connectRedis(url: string): Promise<RedisConnection> {
  const socket = url.startsWith("unix:")
    ? { path: url.slice("unix:".length), tls: false as const, reconnectStrategy: false as const }
    : { reconnectStrategy: false as const };
  const client = createClient({
    ...(url.startsWith("unix:") ? {} : { url }),
    socket,
    RESP: 2,
    // Integers as text, because a number would round beyond 2^53, and every string as bytes, so that the two stay apart.
    commandOptions: {
      typeMapping: {
        [RESP_TYPES.NUMBER]: String,
        [RESP_TYPES.BLOB_STRING]: Buffer,
        [RESP_TYPES.SIMPLE_STRING]: Buffer,
      },
    },
  });
  // Failures reach the caller through the command that met them; without a listener Node would end the process.
  client.on("error", () => undefined);
  try {
    await client.connect();
  } catch (error) {
    throw new RedisUnreachableError("redis: connection failed", "no", { cause: error });
  }
  /** The reply as the library gives it, or the error in its place. */
  const ask = async (command: RedisCommand): Promise<unknown> => {
    try {
      return await client.sendCommand(command.map(String));
    } catch (error) {
      if (error instanceof ErrorReply) return error;
      throw new RedisUnreachableError("redis: the connection broke", "unknown", { cause: error });
    }
  };
  const send = async (command: RedisCommand): Promise<RedisValue | RedisReplyError> => outcome(await ask(command));
  return {
    async command(command) {
      const reply = await send(command);
      if (reply instanceof RedisReplyError) throw reply;
      return reply;
    },
    pipeline: (commands) => Promise.all(commands.map(send)),
    async transaction(commands) {
      // Queued in one tick they follow each other on the connection; the library's own multi() rounds integers.
      const all: RedisCommand[] = [["MULTI"], ...commands, ["EXEC"]];
      const replies: unknown = (await Promise.all(all.map(ask))).at(-1);
      if (replies instanceof ErrorReply) throw new RedisReplyError(replies.message);
      if (!Array.isArray(replies)) throw new RedisUnreachableError("redis: the answer to EXEC is no list", "unknown");
      return replies.map(outcome);
    },
    close: () => client.close(),
  };
}

function outcome(reply: unknown): RedisValue | RedisReplyError {
  return reply instanceof ErrorReply ? new RedisReplyError(reply.message) : exact(reply);
}

function exact(reply: unknown): RedisValue {
  if (reply === null) return reply;
  if (Buffer.isBuffer(reply)) return reply.toString("utf8");
  if (typeof reply === "string") return integer(reply);
  if (Array.isArray(reply)) return reply.map(exact);
  throw new RedisReplyError(`redis: a reply of an unknown kind (${typeof reply})`);
}

function integer(digits: string): RedisValue {
  const value = Number(digits);
  return Number.isSafeInteger(value) ? value : digits;
}
