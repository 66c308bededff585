import { createExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import worker from "../../worker/index.ts";

/** A miner's end of a real WebSocket into the Worker: sends bytes, gives the pool's bytes back line by line. */
export class StratumClient {
  static readonly #open = new Set<StratumClient>();
  readonly #ws: WebSocket;
  readonly #lines: string[] = [];
  readonly #kinds: ("text" | "binary")[] = [];
  readonly #decoder = new TextDecoder();
  #begun = "";
  #wake: () => void = () => undefined;
  #closing: { code: number; reason: string } | null = null;

  private constructor(ws: WebSocket) {
    this.#ws = ws;
    ws.binaryType = "arraybuffer";
    ws.addEventListener("message", ({ data }) => {
      this.#kinds.push(typeof data === "string" ? "text" : "binary");
      const text = typeof data === "string" ? data : this.#decoder.decode(data, { stream: true });
      const pieces = (this.#begun + text).split("\n");
      this.#begun = pieces.pop() ?? "";
      this.#lines.push(...pieces);
      this.#wake();
    });
    ws.addEventListener("close", ({ code, reason }) => {
      this.#closing = { code, reason };
      this.#wake();
    });
    ws.accept();
    StratumClient.#open.add(this);
  }

  /** Ends every connection that a test has left open. */
  static async closeAll(): Promise<void> {
    const open = [...StratumClient.#open];
    StratumClient.#open.clear();
    for (const client of open) if (!client.#closing) client.close();
    await Promise.all(open.map((client) => client.closed()));
  }

  /** @param settings of the Worker's (not of the objects), over those of wrangler.toml */
  static async connect(path: string, ip = "192.0.2.1", headers = {}, settings = {}): Promise<StratumClient> {
    const upgrade = { ...headers, Upgrade: "websocket", "CF-Connecting-IP": ip };
    const response = await request(path, { headers: upgrade }, settings);
    if (!response.webSocket) throw new Error(`no WebSocket: ${response.status} ${await response.text()}`);
    return new StratumClient(response.webSocket);
  }

  /** Sends frames as they are. */
  send(...frames: (string | Uint8Array)[]): void {
    for (const frame of frames) this.#ws.send(frame);
  }

  /** Sends a line and gives the next `count` lines of the pool. */
  async ask(line: string, count = 1): Promise<string[]> {
    this.send(`${line}\n`);
    return await this.read(count);
  }

  async read(count: number): Promise<string[]> {
    while (this.#lines.length < count && !this.#closing) await this.#change();
    return this.#lines.splice(0, count);
  }

  /** Bytes after the last line end: nothing, if every line that the pool sent was ended. */
  get unended(): string {
    return this.#begun;
  }

  get waiting(): readonly string[] {
    return this.#lines;
  }

  /** The kinds of the frames that came since it was asked last. */
  kinds(): ("text" | "binary")[] {
    return this.#kinds.splice(0);
  }

  async closed(): Promise<{ code: number; reason: string }> {
    while (!this.#closing) await this.#change();
    return this.#closing;
  }

  close(code = 1000, reason = ""): void {
    this.#ws.close(code, reason);
  }

  async #change(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    await promise;
  }
}

/** A request to the Worker with settings of the Worker's (not of the objects) replaced. */
export async function request(path: string, init: RequestInit = {}, settings: object = {}): Promise<Response> {
  return await worker.fetch(
    new Request(`http://pool.example${path}`, init),
    { ...env, ...settings },
    createExecutionContext(),
  );
}
