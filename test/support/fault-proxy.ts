import { setTimeout as sleep } from "node:timers/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { HttpListener, readBody } from "../../devnet/http-listener.ts";

/** What happens to one request between the pool and its ledger. */
export type LineFault =
  | { readonly kind: "none" }
  /** The connection is reset before the ledger hears of it. */
  | { readonly kind: "resetBefore" }
  /** The ledger executes it, and the connection is reset. */
  | { readonly kind: "resetAfter" }
  /** The ledger executes it, and the answer comes after so many ms. */
  | { readonly kind: "slowAnswer"; readonly delayMs: number }
  /** The ledger executes it after so many ms, whether anyone still waits or not. */
  | { readonly kind: "lateExecution"; readonly delayMs: number }
  /** Status 500 with HTML, and nothing is executed. */
  | { readonly kind: "status500" }
  /** The ledger executes it, and the answer breaks off in the middle. */
  | { readonly kind: "partialBody" };

const LIMIT = 64 * 1024 * 1024;

/** A line to an HTTP ledger that fails as it is told. */
export class FaultProxy {
  readonly #target: string;
  readonly #listener: HttpListener;
  readonly #nextFault: () => LineFault;
  /** Requests by what happened to them. */
  readonly counts = new Map<LineFault["kind"], number>();
  #onWay = 0;

  constructor(target: string, nextFault: () => LineFault) {
    this.#target = target;
    this.#nextFault = nextFault;
    this.#listener = new HttpListener("127.0.0.1", 0, (request, response) => {
      void this.#serve(request, response).catch(() => response.destroy());
    });
  }

  get url(): string {
    return this.#listener.url;
  }

  /** Requests that may still be executed. */
  get onWay(): number {
    return this.#onWay;
  }

  /** Also after {@link stop}: on the same port. */
  start(): Promise<void> {
    return this.#listener.start();
  }

  /** Connections are refused from now on, and open ones are cut. */
  stop(): Promise<void> {
    return this.#listener.stop();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = (await readBody(request, LIMIT)) ?? "";
    const fault = this.#nextFault();
    this.counts.set(fault.kind, (this.counts.get(fault.kind) ?? 0) + 1);
    if (fault.kind === "resetBefore") return void request.socket.resetAndDestroy();
    if (fault.kind === "status500") {
      response.writeHead(500, { "content-type": "text/html" }).end("<html>bad gateway</html>");
      return;
    }
    if (fault.kind === "lateExecution") this.#onWay += 1;
    if (fault.kind === "lateExecution") await sleep(fault.delayMs);
    const answer = await this.#forward(request, body).finally(() => {
      if (fault.kind === "lateExecution") this.#onWay -= 1;
    });
    if (fault.kind === "resetAfter") return void request.socket.resetAndDestroy();
    if (fault.kind === "slowAnswer") await sleep(fault.delayMs);
    const bytes = Buffer.byteLength(answer.text);
    response.writeHead(answer.status, { "content-type": "application/json", "content-length": bytes });
    if (fault.kind === "partialBody") {
      response.write(answer.text.slice(0, Math.floor(answer.text.length / 2)), () => request.socket.destroy());
      return;
    }
    response.end(answer.text);
  }

  async #forward(request: IncomingMessage, body: string): Promise<{ status: number; text: string }> {
    const answer = await fetch(`${this.#target}${request.url ?? "/"}`, {
      method: request.method ?? "POST",
      headers: {
        authorization: request.headers.authorization ?? "",
        "content-type": "application/json",
        "upstash-encoding": String(request.headers["upstash-encoding"] ?? ""),
      },
      body,
    });
    return { status: answer.status, text: await answer.text() };
  }
}
