import { createServer, type IncomingHttpHeaders, type IncomingMessage, type Server } from "node:http";
import { once } from "node:events";
import { WebSocketServer, type WebSocket } from "ws";

/** What a pool connection looks like from the pool. */
export interface PoolConnection {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly socket: WebSocket;
  /** Lines that came, in order. */
  readonly lines: string[];
  send(text: string): void;
}

/** A pool whose every answer is the test's: a real WebSocket server on a real port. */
export class ScriptedPool {
  readonly connections: PoolConnection[] = [];
  readonly port: number;
  readonly #server: Server;
  readonly #sockets: WebSocketServer;
  readonly #onLine: (line: string, connection: PoolConnection) => void;
  readonly #waiters = new Set<() => void>();

  private constructor(server: Server, port: number, onLine: (line: string, connection: PoolConnection) => void) {
    this.#server = server;
    this.port = port;
    this.#onLine = onLine;
    this.#sockets = new WebSocketServer({ server });
    this.#sockets.on("connection", (socket, request) => this.#onConnection(socket, request));
  }

  /** @param onLine what the pool does with each line. @param port 0 takes any. */
  static async start(
    onLine: (line: string, connection: PoolConnection) => void,
    port = 0,
    server: Server = createServer(),
  ): Promise<ScriptedPool> {
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    return new ScriptedPool(server, typeof address === "object" && address !== null ? address.port : port, onLine);
  }

  get url(): string {
    return `ws://127.0.0.1:${this.port}`;
  }

  /** Every line of every connection, in order of arrival within each. */
  get lines(): string[] {
    return this.connections.flatMap((connection) => connection.lines);
  }

  /** Waits until something about the pool holds; it is looked at after every event. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds()) await new Promise<void>((resolve) => this.#waiters.add(resolve));
  }

  /** What HTTP getwork is answered with; without it nothing is answered. */
  onPost(reply: (body: string, headers: IncomingHttpHeaders) => string): void {
    this.#server.on("request", (request, response) => {
      let body = "";
      request.on("data", (chunk: Buffer) => (body += chunk.toString()));
      request.on("end", () => {
        response.end(reply(body, request.headers));
        this.#wake();
      });
    });
  }

  /** Cuts every connection without a word, as a crash does, and frees the port. */
  async kill(): Promise<void> {
    for (const client of this.#sockets.clients) client.terminate();
    this.#sockets.close();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #onConnection(socket: WebSocket, { url: path = "", headers }: IncomingMessage): void {
    const connection: PoolConnection = { path, headers, socket, lines: [], send: (text) => socket.send(text) };
    this.connections.push(connection);
    let rest = "";
    socket.on("message", (data: Buffer) => {
      const pieces = (rest + data.toString("latin1")).split("\n");
      rest = pieces.pop() ?? "";
      for (const line of pieces) {
        connection.lines.push(line);
        this.#onLine(line, connection);
      }
      this.#wake();
    });
    socket.on("close", () => this.#wake());
    socket.on("error", () => socket.terminate());
    this.#wake();
  }

  #wake(): void {
    const waiters = [...this.#waiters];
    this.#waiters.clear();
    for (const waiter of waiters) waiter();
  }
}
