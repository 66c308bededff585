import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { parseObject, type JsonObject } from "../src/json.ts";

/** A miner's end of a TCP connection: says what the test says, remembers what it is told. */
export class TcpMiner {
  readonly socket: Socket;
  /** Lines that came, in order, bytes as latin1. */
  readonly lines: string[] = [];
  /** What each read from the socket brought. */
  readonly reads: string[] = [];
  closed = false;
  #rest = "";
  readonly #waiters = new Set<() => void>();

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (chunk: Buffer) => this.#onData(chunk.toString("latin1")));
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      this.closed = true;
      this.#wake();
    });
  }

  static async connect(port: number): Promise<TcpMiner> {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    await once(socket, "connect");
    return new TcpMiner(socket);
  }

  say(...values: readonly unknown[]): void {
    for (const value of values) this.socket.write(`${JSON.stringify(value)}\n`);
  }

  /** Waits until something holds; it is looked at after every read. */
  async until(holds: (lines: readonly string[]) => boolean): Promise<void> {
    while (!holds(this.lines)) await new Promise<void>((resolve) => this.#waiters.add(resolve));
  }

  async untilLines(count: number): Promise<void> {
    await this.until((lines) => lines.length >= count);
  }

  async untilClosed(): Promise<void> {
    await this.until(() => this.closed);
  }

  /** Answers to one id, in order. */
  answers(id: unknown): JsonObject[] {
    return this.lines.map(parseObject).filter((body): body is JsonObject => body !== null && body["id"] === id);
  }

  close(): void {
    this.socket.destroy();
  }

  #onData(text: string): void {
    this.reads.push(text);
    const pieces = (this.#rest + text).split("\n");
    this.#rest = pieces.pop() ?? "";
    this.lines.push(...pieces);
    this.#wake();
  }

  #wake(): void {
    const waiters = [...this.#waiters];
    this.#waiters.clear();
    for (const waiter of waiters) waiter();
  }
}
