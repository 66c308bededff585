import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";

/** What the server got and what it shall say, per request. */
export interface Scripted {
  readonly url: string;
  readonly requests: { readonly headers: IncomingHttpHeaders; readonly body: unknown }[];
  close(): Promise<void>;
}

export type Answer =
  | { readonly json: unknown; readonly status?: number }
  | { readonly text: string; readonly status?: number; readonly headers?: Record<string, string> }
  /** Headers and half a body, and then nothing. */
  | { readonly hang: "before" | "inBody" }
  | { readonly cut: true };

function send(reply: Answer, request: IncomingMessage, response: ServerResponse): void {
  if ("cut" in reply) {
    request.socket.destroy();
  } else if ("hang" in reply) {
    if (reply.hang === "inBody") response.writeHead(200, { "content-length": "100" }).write("[");
  } else if ("json" in reply) {
    response.writeHead(reply.status ?? 200).end(JSON.stringify(reply.json));
  } else {
    response.writeHead(reply.status ?? 200, reply.headers).end(reply.text);
  }
}

/** An HTTP server on a free loopback port whose answers a test decides request by request. */
export async function scriptedServer(answer: (body: unknown, count: number) => Answer): Promise<Scripted> {
  const requests: Scripted["requests"][number][] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const body: unknown = JSON.parse(Buffer.concat(chunks).toString());
      requests.push({ headers: request.headers, body });
      send(answer(body, requests.length), request, response);
    });
  });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server has no port");
  return {
    url: `http://127.0.0.1:${address.port}/`,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
