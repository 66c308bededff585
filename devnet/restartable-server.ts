import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { getRequestListener, type HttpBindings } from "@hono/node-server";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";

/** The `fetch` of a hono application. Its second argument holds Node's request and response. */
type Serve = (request: Request, env: object) => Response | Promise<Response>;

/** As geth has it. Node's default of 5 s is workerd's own for an idle connection, so that either may close it under the other's next request. */
const IDLE_MS = 120_000;

/** An HTTP server on loopback that can stop listening and come back on the same port, as a process that dies and returns. */
export class RestartableServer {
  readonly #host: string;
  readonly #serve: Serve;
  #port: number;
  #server: Server | null = null;

  /** @param port 0: a free one, kept from the first start on */
  constructor(host: string, port: number, serve: Serve) {
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
    // Without the override: tests run beside this server and mean Node's own Request and Response.
    const listener = getRequestListener(this.#serve, { overrideGlobalObjects: false });
    const server = createServer({ keepAliveTimeout: IDLE_MS }, (request, response) => void listener(request, response));
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

/** Cuts the connection of a request in place of an answer. */
export function cutConnection({ incoming }: HttpBindings): Response {
  incoming.socket.destroy();
  return RESPONSE_ALREADY_SENT;
}

/** In place of an answer: the caller waits for ever. */
export const NO_ANSWER = RESPONSE_ALREADY_SENT;
