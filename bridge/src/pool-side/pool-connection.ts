import type { Agent } from "node:http";
import { WebSocket, type RawData } from "ws";
import { LineReader } from "../line-reader.ts";
import type { BridgeTimings } from "../options.ts";

/** Longest line that a pool may send. Work and answers are a few hundred bytes. */
const MAX_POOL_LINE_BYTES = 16_384;
/** Bytes that may wait for a pool before its miner is not read any more. */
const HIGH_WATER_BYTES = 64 * 1024;

/** What a pool that is well says to one miner or one address: a login that is none, a ban, a limit. */
const NOT_THIS_MINER = new Set([400, 403, 429]);

/** Why a connection ended. */
export interface ConnectionEnd {
  readonly reason: string;
  /** The pool ended it on purpose (close code 1000, 1008, or 4000 and up), not an accident or a restart. */
  readonly deliberate: boolean;
  /** The pool could not be reached at all, which says something about the pool; an answer of HTTP's that refuses does not. */
  readonly unreachable: boolean;
}

export interface ConnectionHandlers {
  onOpen(): void;
  onLine(line: string): void;
  /** Once, after which nothing else comes. */
  onEnd(end: ConnectionEnd): void;
  /** What was waiting has gone out. */
  onDrain(): void;
  /** A miner waits for an answer: silence is looked into sooner. */
  isWaiting(): boolean;
}

export interface DialOptions {
  readonly timings: BridgeTimings;
  readonly agent: Agent | undefined;
  readonly ca: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
}

/** One WebSocket to one pool, with the heartbeat that finds out when it is dead but looks open. */
export class PoolConnection {
  readonly #socket: WebSocket;
  readonly #handlers: ConnectionHandlers;
  readonly #timings: BridgeTimings;
  readonly #lines = new LineReader(MAX_POOL_LINE_BYTES);
  readonly #dialTimer: NodeJS.Timeout;
  #heartbeat: NodeJS.Timeout | undefined;
  #heardAt = performance.now();
  #saidAt = performance.now();
  #pingedAt: number | null = null;
  #reason = "";
  #opened = false;
  /** HTTP answered, though not with a WebSocket. */
  #answered = false;
  #ended = false;
  #congested = false;

  constructor(url: string, options: DialOptions, handlers: ConnectionHandlers) {
    this.#handlers = handlers;
    this.#timings = options.timings;
    this.#socket = new WebSocket(url, {
      // Compression costs the pool memory for every connection and saves nothing on lines of 200 bytes.
      perMessageDeflate: false,
      maxPayload: 1024 * 1024,
      followRedirects: false,
      headers: { ...options.headers },
      ...(options.agent === undefined ? {} : { agent: options.agent }),
      ...(options.ca === undefined ? {} : { ca: options.ca }),
    });
    // The time-out of `ws` itself begins only when a proxy has answered.
    this.#dialTimer = setTimeout(() => this.#fail("the pool did not answer in time"), options.timings.connectTimeoutMs);
    this.#socket.on("open", () => this.#onOpen());
    this.#socket.on("unexpected-response", (_, { statusCode = 0 }) => {
      this.#answered = NOT_THIS_MINER.has(statusCode);
      this.#reason = `the pool answered with status ${statusCode}`;
      this.#socket.terminate();
    });
    this.#socket.on("message", (data) => this.#onMessage(data));
    this.#socket.on("pong", () => this.#onHeard());
    this.#socket.on("ping", () => this.#onHeard());
    this.#socket.on("error", (error) => (this.#reason ||= error.message));
    this.#socket.on("close", (code, reason) => this.#onClose(code, reason.toString("latin1")));
  }

  /** Bytes wait for the network: the miner should not be read for now. */
  get congested(): boolean {
    return this.#congested;
  }

  /** Sends one line; the `\n` is added. The bytes are those of the latin1 text. */
  send(line: string): void {
    if (this.#ended || this.#socket.readyState !== WebSocket.OPEN) return;
    this.#saidAt = performance.now();
    this.#socket.send(Buffer.from(`${line}\n`, "latin1"), { binary: true }, () => this.#onWritten());
    if (this.#socket.bufferedAmount > HIGH_WATER_BYTES) this.#congested = true;
  }

  /** Says goodbye. `onEnd` does not follow. */
  close(): void {
    if (this.#ended) return;
    this.#end();
    this.#socket.close(1000);
  }

  #onOpen(): void {
    this.#opened = true;
    clearTimeout(this.#dialTimer);
    this.#onHeard();
    const { pingIntervalMs, waitingPingMs, pongTimeoutMs, keepAliveMs } = this.#timings;
    const period = Math.min(pingIntervalMs, waitingPingMs, pongTimeoutMs, keepAliveMs);
    this.#heartbeat = setInterval(() => this.#beat(), Math.max(period / 2, 10));
    this.#handlers.onOpen();
  }

  #onMessage(data: RawData): void {
    if (this.#ended) return;
    this.#onHeard();
    const bytes = Array.isArray(data) ? Buffer.concat(data) : Buffer.isBuffer(data) ? data : Buffer.from(data);
    const { lines, oversized } = this.#lines.push(bytes);
    for (const line of lines) if (!this.#ended) this.#handlers.onLine(line);
    if (oversized) this.#fail(`a line of more than ${MAX_POOL_LINE_BYTES} bytes came from the pool`);
  }

  #onHeard(): void {
    this.#heardAt = performance.now();
    this.#pingedAt = null;
  }

  #onWritten(): void {
    if (!this.#congested || this.#socket.bufferedAmount > HIGH_WATER_BYTES / 2) return;
    this.#congested = false;
    if (!this.#ended) this.#handlers.onDrain();
  }

  /** TCP alone takes minutes to notice that the other side has vanished; shares would be sent into the void meanwhile. */
  #beat(): void {
    const now = performance.now();
    if (now - this.#saidAt > this.#timings.keepAliveMs) this.send("");
    if (this.#pingedAt !== null) {
      if (now - this.#pingedAt > this.#timings.pongTimeoutMs) this.#fail("the pool does not answer pings");
      return;
    }
    const silenceMs = this.#handlers.isWaiting() ? this.#timings.waitingPingMs : this.#timings.pingIntervalMs;
    if (now - this.#heardAt < silenceMs || this.#socket.readyState !== WebSocket.OPEN) return;
    this.#pingedAt = now;
    this.#socket.ping();
  }

  #fail(reason: string): void {
    if (this.#ended) return;
    this.#end();
    this.#socket.terminate();
    this.#handlers.onEnd({ reason, deliberate: false, unreachable: !this.#opened && !this.#answered });
  }

  #onClose(code: number, text: string): void {
    if (this.#ended) return;
    this.#end();
    const closed = `the pool closed the connection (${code}${text === "" ? "" : ` ${text}`})`;
    this.#handlers.onEnd({
      reason: this.#reason || closed,
      deliberate: code === 1000 || code === 1005 || code === 1008 || code >= 4000,
      unreachable: !this.#opened && !this.#answered,
    });
  }

  #end(): void {
    this.#ended = true;
    clearTimeout(this.#dialTimer);
    clearInterval(this.#heartbeat);
  }
}
