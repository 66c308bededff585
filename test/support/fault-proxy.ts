import { setTimeout as sleep } from "node:timers/promises";
import type { HttpBindings } from "@hono/node-server";
import { Hono, type Context } from "hono";
import { NO_ANSWER, RestartableServer } from "../../devnet/restartable-server.ts";

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

type ProxyContext = Context<{ Bindings: HttpBindings }>;

/** A line to an HTTP ledger that fails as it is told. */
export class FaultProxy {
  readonly #target: string;
  readonly #server: RestartableServer;
  readonly #nextFault: () => LineFault;
  /** Requests by what happened to them. */
  readonly counts = new Map<LineFault["kind"], number>();
  #onWay = 0;

  constructor(target: string, nextFault: () => LineFault) {
    this.#target = target;
    this.#nextFault = nextFault;
    const application = new Hono<{ Bindings: HttpBindings }>()
      .all("*", (c) => this.#serve(c))
      .onError((_, c) => (c.env.outgoing.destroy(), NO_ANSWER));
    this.#server = new RestartableServer("127.0.0.1", 0, application.fetch);
  }

  get url(): string {
    return this.#server.url;
  }

  /** Requests that may still be executed. */
  get onWay(): number {
    return this.#onWay;
  }

  /** Also after {@link stop}: on the same port. */
  start(): Promise<void> {
    return this.#server.start();
  }

  /** Connections are refused from now on, and open ones are cut. */
  stop(): Promise<void> {
    return this.#server.stop();
  }

  async #serve({ req, env: { incoming, outgoing } }: ProxyContext): Promise<Response> {
    const body = await req.text();
    const fault = this.#nextFault();
    const reset = (): Response => (incoming.socket.resetAndDestroy(), NO_ANSWER);
    this.counts.set(fault.kind, (this.counts.get(fault.kind) ?? 0) + 1);
    if (fault.kind === "resetBefore") return reset();
    if (fault.kind === "status500") {
      return new Response("<html>bad gateway</html>", { status: 500, headers: { "content-type": "text/html" } });
    }
    if (fault.kind === "lateExecution") this.#onWay += 1;
    if (fault.kind === "lateExecution") await sleep(fault.delayMs);
    const answer = await this.#forward(req, body).finally(() => {
      if (fault.kind === "lateExecution") this.#onWay -= 1;
    });
    if (fault.kind === "resetAfter") return reset();
    if (fault.kind === "slowAnswer") await sleep(fault.delayMs);
    const headers = { "content-type": "application/json" };
    if (fault.kind !== "partialBody") return new Response(answer.text, { status: answer.status, headers });
    outgoing.writeHead(answer.status, { ...headers, "content-length": Buffer.byteLength(answer.text) });
    outgoing.write(answer.text.slice(0, Math.floor(answer.text.length / 2)), () => incoming.socket.destroy());
    return NO_ANSWER;
  }

  async #forward(req: ProxyContext["req"], body: string): Promise<{ status: number; text: string }> {
    const { pathname, search } = new URL(req.url);
    const answer = await fetch(`${this.#target}${pathname}${search}`, {
      method: req.method,
      headers: {
        authorization: req.header("authorization") ?? "",
        "content-type": "application/json",
        "upstash-encoding": req.header("upstash-encoding") ?? "",
      },
      body,
    });
    return { status: answer.status, text: await answer.text() };
  }
}
