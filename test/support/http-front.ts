import { once } from "node:events";
import { createServer, request, type IncomingMessage, type RequestOptions, type ServerResponse } from "node:http";
import type { Duplex } from "node:stream";

/** What a front answers in the place of what is behind it. */
interface FrontAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** What stands between clients and a server; set members while it runs. */
export interface Front {
  readonly url: string;
  /** Null: passed on. @param upgrade whether a WebSocket is asked for */
  answer: (asked: { readonly method: string; readonly path: string; readonly upgrade: boolean }) => FrontAnswer | null;
  /** Headers that are set on what is passed on. */
  headers: Readonly<Record<string, string>>;
  /** Upgrades lose the header that makes them one. */
  dropsUpgrades: boolean;
  /** What becomes of a body on its way back. */
  rewrite: (body: string) => string;
  close(): Promise<void>;
}

/** A reverse proxy on a port of this machine, such as what a zone's settings make of Cloudflare. @param target http origin */
export async function startFront(target: string): Promise<Front> {
  const front = new HttpFront(target);
  await front.listen();
  return front;
}

class HttpFront implements Front {
  url = "";
  answer: Front["answer"] = () => null;
  headers: Front["headers"] = {};
  dropsUpgrades = false;
  rewrite = (body: string): string => body;
  readonly #target: URL;
  readonly #sockets = new Set<Duplex>();
  readonly #server = createServer((incoming, outgoing) => this.#pass(incoming, outgoing));

  constructor(target: string) {
    this.#target = new URL(target);
    this.#server.on("upgrade", (incoming: IncomingMessage, socket: Duplex) => this.#upgrade(incoming, socket));
  }

  async listen(): Promise<void> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    const address = this.#server.address();
    if (typeof address === "object" && address !== null) this.url = `http://127.0.0.1:${address.port}`;
  }

  async close(): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    this.#server.closeAllConnections();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #options({ method, url, headers }: IncomingMessage): RequestOptions {
    const { hostname, port } = this.#target;
    const { host: _host, "accept-encoding": _encoding, ...kept } = headers;
    return { hostname, port, method: method ?? "GET", path: url ?? "/", headers: { ...kept, ...this.headers } };
  }

  #pass(incoming: IncomingMessage, outgoing: ServerResponse): void {
    const own = this.answer({ method: incoming.method ?? "", path: incoming.url ?? "", upgrade: false });
    if (own !== null) return void outgoing.writeHead(own.status, own.headers).end(own.body);
    const onward = request(this.#options(incoming), (response) => {
      let body = "";
      response.setEncoding("utf8");
      response.on("data", (text: string) => (body += text));
      response.on("end", () => {
        const { "content-length": _length, "transfer-encoding": _encoding, ...headers } = response.headers;
        outgoing.writeHead(response.statusCode ?? 502, headers).end(this.rewrite(body));
      });
    });
    onward.on("error", () => outgoing.writeHead(502).end());
    incoming.pipe(onward);
  }

  #upgrade(incoming: IncomingMessage, socket: Duplex): void {
    this.#sockets.add(socket);
    socket.on("error", () => undefined);
    const own = this.answer({ method: "GET", path: incoming.url ?? "", upgrade: true });
    if (own !== null) return respond(socket, own);
    const options = this.#options(incoming);
    if (this.dropsUpgrades) {
      const { upgrade: _upgrade, connection: _connection, ...headers } = incoming.headers;
      request({ ...options, headers }, (response) => answered(response, socket)).end();
      return;
    }
    const onward = request(options);
    onward.on("upgrade", (response, behind) => {
      const head = Object.entries(response.headers).map(([name, value]) => `${name}: ${String(value)}\r\n`);
      socket.write(`HTTP/1.1 101 Switching Protocols\r\n${head.join("")}\r\n`);
      behind.on("error", () => socket.destroy());
      socket.on("close", () => behind.destroy());
      behind.pipe(socket).pipe(behind);
    });
    onward.on("response", (response) => answered(response, socket));
    onward.on("error", () => socket.destroy());
    onward.end();
  }
}

/** An upgrade that was answered and not granted. */
function answered(response: IncomingMessage, socket: Duplex): void {
  let body = "";
  response.on("data", (chunk: Buffer) => (body += chunk.toString()));
  response.on("end", () => respond(socket, { status: response.statusCode ?? 502, body }));
}

function respond(socket: Duplex, { status, headers = {}, body = "" }: FrontAnswer): void {
  const head = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${status} -\r\ncontent-length: ${Buffer.byteLength(body)}\r\n${head.join("")}\r\n${body}`);
}
