import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";

/** An HTTP server on loopback that can stop listening and come back on the same port, as a process that dies and returns. */
export class HttpListener {
  readonly #host: string;
  readonly #serve: (request: IncomingMessage, response: ServerResponse) => void;
  #port: number;
  #server: Server | null = null;

  /** @param port 0: a free one, kept from the first start on */
  constructor(host: string, port: number, serve: (request: IncomingMessage, response: ServerResponse) => void) {
    this.#host = host;
    this.#port = port;
    this.#serve = serve;
  }

  get port(): number {
    return this.#port;
  }

  get url(): string {
    return `http://${this.#host}:${this.#port}`;
  }

  /** @throws Error when the port is taken */
  async start(): Promise<void> {
    if (this.#server !== null) return;
    const server = createServer(this.#serve);
    server.listen(this.#port, this.#host);
    await once(server, "listening");
    const address = server.address();
    if (typeof address === "object" && address !== null) this.#port = address.port;
    this.#server = server;
  }

  /** Refuses connections from now on and cuts those that are open. */
  async stop(): Promise<void> {
    const server = this.#server;
    if (server === null) return;
    this.#server = null;
    const closed = once(server, "close");
    server.close();
    server.closeAllConnections();
    await closed;
  }
}

/** The body as text; null when it is longer than `limit` bytes. Rejects when the caller goes away. */
export async function readBody(request: IncomingMessage, limit: number): Promise<string | null> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length <= limit) chunks.push(chunk);
  }
  return length > limit ? null : Buffer.concat(chunks).toString("utf8");
}

/** Ends a response with a body of known length. */
export function reply(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { "content-type": type, "content-length": Buffer.byteLength(body) });
  response.end(body);
}
