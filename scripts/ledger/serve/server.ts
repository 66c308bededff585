import { createHash, timingSafeEqual } from "node:crypto";
import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import type { TransactionPort } from "../../../core/ledger/contract/redis-port.ts";
import { Cursors } from "./replies.ts";
import { error, RespProtocolError, RespReader } from "./resp.ts";
import { RespSession, type Served } from "./resp-session.ts";

export interface RespServerOptions {
  readonly ledger: TransactionPort;
  /** A loopback address: what is said here is neither encrypted nor, without a password, anybody's secret. */
  readonly host: string;
  /** 0: a free one. */
  readonly port: number;
  readonly writes: boolean;
  readonly password: string | null;
}

/** A ledger as a Redis on a port of this machine. */
export interface RespServer {
  readonly port: number;
  close(): Promise<void>;
}

/** Begins to listen. @throws Error with the system's code when it cannot */
export async function startRespServer({
  ledger,
  host,
  port,
  writes,
  password,
}: RespServerOptions): Promise<RespServer> {
  const samePassword = (given: string): boolean =>
    password !== null && timingSafeEqual(digest(given), digest(password));
  const served: Served = { ledger, writes, password, cursors: new Cursors(), samePassword };
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    // A client that goes away needs no word.
    socket.on("error", () => socket.destroy());
    void serve(socket, new RespSession(served));
  });
  server.listen(port, host);
  await once(server, "listening");
  return {
    port: portOf(server),
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

/** Reads on while nothing is being answered: what a client sends meanwhile waits in its socket. */
async function serve(socket: Socket, session: RespSession): Promise<void> {
  const reader = new RespReader();
  try {
    // Not destroyed at the end of the reading: the last answer is still on its way.
    const chunks: AsyncIterable<Buffer> = socket.iterator({ destroyOnReturn: false });
    for await (const chunk of chunks) {
      const { reply, close = false } = await answered(session, reader, chunk);
      // Whoever does not read its answers is not read from either.
      if (reply !== "" && !socket.write(reply)) await Promise.race([once(socket, "drain"), once(socket, "close")]);
      if (close) break;
    }
  } catch (failure) {
    if (!socket.destroyed) throw failure;
  }
  socket.end();
}

async function answered(session: RespSession, reader: RespReader, chunk: Buffer): ReturnType<RespSession["answer"]> {
  try {
    return await session.answer(reader.push(chunk));
  } catch (failure) {
    if (failure instanceof RespProtocolError) return { reply: error(`ERR ${failure.message}`), close: true };
    throw failure;
  }
}

const digest = (text: string): Buffer => createHash("sha256").update(text).digest();

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}
