import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import { EmbeddedEngine } from "../../core/ledger/engine/engine.ts";
import { answerRest } from "../../core/ledger/engine/rest.ts";
import { embeddedPort } from "../../durable-objects/platform/ledger-ports.ts";
import { nodeSql } from "../../scripts/ledger/node-sql.ts";

/** The books of one moment. */
export function booksInMemory() {
  const engine = new EmbeddedEngine({ sql: nodeSql(), nowMs: Date.now });
  const rest = async (path: string, body: readonly unknown[]) => answerRest(engine, path, body, false);
  return { rest, redis: embeddedPort({ rest }, 120_000) };
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let body = "";
  for await (const chunk of request) body += String(chunk);
  return body;
}

const json = (value: unknown, status = 200) => ({ status, text: JSON.stringify(value) });

/** A pool as the command line sees it. */
export class PlayedPool {
  static readonly UNDO = "00000005-00000001-00000000-00000000000000000000000000000000";
  url = "";
  now = booksInMemory();
  past = booksInMemory();
  paused = false;
  readonly asked: unknown[] = [];
  /** What the pool says to a recovery; null: it is done. */
  refusal: string | null = null;
  refusedWith = 501;
  /** Which requests, such as `POST /admin/recover`, are done, and their answer is lost. */
  loses: (asked: string) => boolean = () => false;
  /** Which requests do nothing, and are answered by Cloudflare and not by the pool. */
  unable: (asked: string) => boolean = () => false;
  /** So many requests to the books find an object that begins anew. */
  away = 0;

  /** Resolves when the books are asked for something that is never answered; null: they answer. */
  hang: (() => void) | null = null;
  readonly #server = createServer((request, response) => {
    void bodyOf(request).then(async (body) => {
      const asked = `${request.method} ${request.url}`;
      if (this.unable(asked)) return void response.writeHead(500).end("error code: 1101");
      const { status, text } = await this.#answer(request.url ?? "", body);
      if (this.loses(asked)) return void request.socket.destroy();
      response.writeHead(status, { "content-type": "application/json" }).end(text);
    });
  });

  static async start(): Promise<PlayedPool> {
    const pool = new PlayedPool();
    pool.#server.listen(0, "127.0.0.1");
    await once(pool.#server, "listening");
    const address = pool.#server.address();
    if (typeof address === "object" && address !== null) pool.url = `http://127.0.0.1:${address.port}`;
    return pool;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #answer(path: string, body: string): Promise<{ status: number; text: string }> {
    if (path.startsWith("/redis")) {
      if (this.hang !== null) {
        this.hang();
        await new Promise(() => undefined);
      }
      if (this.away > 0) return json({ error: `away, ${(this.away -= 1)} more` }, 500);
      const { status, body: text } = await this.now.rest(path.slice("/redis/".length), JSON.parse(body));
      return { status, text };
    }
    if (path === "/admin/pause") {
      if (body !== "") this.paused = JSON.parse(body).paused;
      return json({ paused: this.paused, waitingFor: [] });
    }
    this.asked.push([this.paused, JSON.parse(body)]);
    if (this.refusal !== null) return json({ ok: false, message: this.refusal }, this.refusedWith);
    [this.now, this.past, this.away] = [this.past, this.now, 2];
    return json({ ok: true, message: "", bookmark: "b", undo: PlayedPool.UNDO });
  }
}
