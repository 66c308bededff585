import { WebSocket } from "ws";

/** @param index from 0 @returns its login, lower-case `0x` address */
export function loginOf(index: number): string {
  return `0x${index.toString(16).padStart(40, "a")}`;
}

/** Many miners of many logins that only listen for jobs. They share one process, so reading their sockets is part of what is measured. */
export interface SwarmOptions {
  /** The pool, http://… */
  readonly url: string;
  readonly sessions: number;
  readonly socketsPerSession: number;
}

/** Opened at a time: a pool that is asked for all sockets at once would be measured at something else. */
const OPENING = 40;

/** When each socket had a job. */
export interface Delivery {
  /** `performance.now()` per socket, in the order in which they had it. */
  readonly atMs: readonly number[];
}

/** Sockets that are logged in and wait for jobs. */
export class Swarm {
  readonly #sockets: WebSocket[] = [];
  #wanted = "";
  #arrivals: number[] = [];
  #complete: () => void = () => undefined;

  /** Connects and logs in every socket. @throws Error when one is refused */
  static async open(options: SwarmOptions): Promise<Swarm> {
    const swarm = new Swarm();
    const routes = Array.from({ length: options.sessions * options.socketsPerSession }, (_, index) => {
      const login = loginOf(index % options.sessions);
      return { login, route: `${options.url.replace(/^http/, "ws")}/stratum/${login}/rig-${index}` };
    });
    for (let first = 0; first < routes.length; first += OPENING) {
      await Promise.all(routes.slice(first, first + OPENING).map(({ login, route }) => swarm.#join(login, route)));
    }
    return swarm;
  }

  get size(): number {
    return this.#sockets.length;
  }

  /** @returns when every socket had the job with this header. @throws Error when `timeoutMs` is over before */
  async delivery(header: string, timeoutMs: number): Promise<Delivery> {
    this.#wanted = header;
    this.#arrivals = [];
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`${this.#arrivals.length} of ${this.size} sockets had the job after ${timeoutMs} ms`)),
        timeoutMs,
      );
      this.#complete = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    return { atMs: this.#arrivals };
  }

  close(): void {
    for (const socket of this.#sockets) socket.terminate();
  }

  #join(login: string, route: string): Promise<void> {
    // Compression would cost the reading side more than the line is worth.
    const socket = new WebSocket(route, { perMessageDeflate: false });
    this.#sockets.push(socket);
    return new Promise((resolve, reject) => {
      socket.once("error", reject);
      socket.once("close", (code) => reject(new Error(`${route} was closed with code ${code}`)));
      socket.once("open", () => {
        socket.send(`${JSON.stringify({ id: 1, jsonrpc: "2.0", method: "eth_submitLogin", params: [login] })}\n`);
      });
      socket.on("message", (data: Buffer) => {
        const text = data.toString("latin1");
        if (this.#wanted !== "" && text.includes(this.#wanted)) this.#arrived();
        else if (text.startsWith('{"id":1,')) resolve();
      });
    });
  }

  #arrived(): void {
    this.#arrivals.push(performance.now());
    if (this.#arrivals.length === this.size) this.#complete();
  }
}
