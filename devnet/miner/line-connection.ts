import { connect, type Socket } from "node:net";

/** What a line connection tells its owner. `onClose` comes exactly once, also when connecting failed. */
export interface LineHandlers {
  readonly onOpen: () => void;
  readonly onLine: (line: string) => void;
  readonly onClose: (reason: string) => void;
}

/** Longest line that a miner takes from a pool before it gives up. */
const LINE_LIMIT = 64 * 1024;

/** One TCP connection that carries lines ended by `\n`. */
export class LineConnection {
  readonly #socket: Socket;
  #reason = "the pool closed the connection";

  constructor(host: string, port: number, connectTimeoutMs: number, handlers: LineHandlers) {
    let pending = "";
    const socket = connect({ host, port, noDelay: true });
    this.#socket = socket;
    const timer = setTimeout(() => this.close("connecting timed out"), connectTimeoutMs);
    socket.setEncoding("utf8");
    socket.on("connect", () => {
      clearTimeout(timer);
      handlers.onOpen();
    });
    socket.on("data", (text: string) => {
      const lines = (pending + text).split("\n");
      pending = lines.pop() ?? "";
      if (pending.length > LINE_LIMIT) return this.close("the pool sent a line without an end");
      for (const line of lines) if (line.trim() !== "") handlers.onLine(line);
    });
    socket.on("error", (error) => (this.#reason = error.message));
    socket.on("close", () => {
      clearTimeout(timer);
      handlers.onClose(this.#reason);
    });
  }

  send(line: string): void {
    if (this.#socket.writable) this.#socket.write(`${line}\n`);
  }

  close(reason: string): void {
    this.#reason = reason;
    this.#socket.destroy();
  }
}
