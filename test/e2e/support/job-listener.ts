/** A miner's connection that only listens for jobs. */
export class JobListener {
  /** Headers in the order in which they came, the answer to `eth_getWork` among them. */
  readonly headers: string[] = [];
  readonly #socket: WebSocket;
  readonly #onJob: (header: string) => void;
  #rest = "";

  private constructor(socket: WebSocket, onJob: (header: string) => void) {
    this.#socket = socket;
    this.#onJob = onJob;
    socket.addEventListener("message", ({ data }) => this.#read(typeof data === "string" ? data : ""));
  }

  /**
   * Connects, logs in and asks for work.
   * @param url of the pool, http
   * @throws Error when the pool does not take the connection
   */
  static async open(
    url: string,
    login: string,
    onJob: (header: string) => void = () => undefined,
  ): Promise<JobListener> {
    const socket = new WebSocket(`${url.replace(/^http/, "ws")}/stratum/${login}`);
    const listener = new JobListener(socket, onJob);
    await new Promise((resolve, reject) => {
      socket.addEventListener("open", resolve);
      socket.addEventListener("error", () => reject(new Error("the pool does not take the connection")));
    });
    socket.send(`${JSON.stringify({ id: 1, jsonrpc: "2.0", method: "eth_submitLogin", params: [login] })}\n`);
    socket.send(`${JSON.stringify({ id: 2, jsonrpc: "2.0", method: "eth_getWork" })}\n`);
    return listener;
  }

  get isOpen(): boolean {
    return this.#socket.readyState === WebSocket.OPEN;
  }

  close(): void {
    this.#socket.close();
  }

  #read(text: string): void {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) {
      const message: unknown = JSON.parse(line);
      if (typeof message !== "object" || message === null || !("result" in message)) continue;
      const { result } = message;
      if (!Array.isArray(result) || typeof result[0] !== "string") continue;
      this.headers.push(result[0]);
      this.#onJob(result[0]);
    }
  }
}

/** A login that differs from those of other numbers. */
export const loginOf = (number: number): string => `0x${(number + 1).toString(16).padStart(40, "0")}`;
