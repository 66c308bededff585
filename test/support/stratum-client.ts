/** Stratum over a WebSocket as a miner's bridge would speak it: lines out, lines in, in order. */
export class StratumClient {
  readonly #socket: WebSocket;
  readonly #lines: string[] = [];
  readonly #waiting: ((line: string | null) => void)[] = [];
  #rest = "";
  #closed = false;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener("message", ({ data }) => this.#received(String(data)));
    socket.addEventListener("close", () => {
      this.#closed = true;
      for (const wake of this.#waiting.splice(0)) wake(null);
    });
  }

  /** @param url `ws://…/stratum/<login>/<worker>` @throws Error when the pool does not accept the connection */
  static open(url: string): Promise<StratumClient> {
    const socket = new WebSocket(url);
    return new Promise((resolve, reject) => {
      socket.addEventListener("open", () => resolve(new StratumClient(socket)), { once: true });
      socket.addEventListener("error", () => reject(new Error(`cannot connect to ${url}`)), { once: true });
    });
  }

  get closed(): boolean {
    return this.#closed;
  }

  send(line: string): void {
    this.#socket.send(`${line}\n`);
  }

  /** The next line, or null when the pool has closed the connection. @throws Error after `timeoutMs` of silence */
  next(timeoutMs = 120_000): Promise<string | null> {
    const line = this.#lines.shift();
    if (line !== undefined) return Promise.resolve(line);
    if (this.#closed) return Promise.resolve(null);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`the pool said nothing for ${timeoutMs} ms`)), timeoutMs);
      this.#waiting.push((text) => {
        clearTimeout(timer);
        resolve(text);
      });
    });
  }

  /** Sends a request and gives the first reply with its id; pushed jobs in between are left out. */
  async ask(request: { readonly id: number } & Record<string, unknown>): Promise<Record<string, unknown>> {
    this.send(JSON.stringify(request));
    for (;;) {
      const line = await this.next();
      if (line === null)
        throw new Error(`the pool closed the connection instead of answering ${JSON.stringify(request)}`);
      const reply: unknown = JSON.parse(line);
      if (typeof reply === "object" && reply !== null && Reflect.get(reply, "id") === request.id) return { ...reply };
    }
  }

  close(): void {
    this.#socket.close();
  }

  #received(data: string): void {
    const parts = (this.#rest + data).split("\n");
    this.#rest = parts.pop() ?? "";
    for (const line of parts) {
      const wake = this.#waiting.shift();
      if (wake) wake(line);
      else this.#lines.push(line);
    }
  }
}
