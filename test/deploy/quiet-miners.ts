import { setTimeout as sleep } from "node:timers/promises";
import { WebSocket } from "ws";

/** Between the attempts of one that was cut off: at random, so that they do not come in step. */
const RETRY_MS = { least: 200, most: 1_000 } as const;
/** So many come at once. */
const AT_ONCE = 20;

/** Sockets of miners that have work and wait for the next; each comes back when it is cut off. */
export class QuietMiners {
  readonly #miners: Miner[];
  /** Who was cut off, with which code and reason, oldest first. */
  readonly cuts: string[] = [];

  constructor(pool: string, logins: readonly string[], rigs: number) {
    this.#miners = logins.flatMap((login) =>
      Array.from({ length: rigs }, (_, rig) => new Miner(pool, login, rig, this.cuts)),
    );
  }

  get withWork(): number {
    return this.#miners.filter(({ hasWork }) => hasWork).length;
  }

  async connect(): Promise<void> {
    for (let at = 0; at < this.#miners.length; at += AT_ONCE) {
      const some = this.#miners.slice(at, at + AT_ONCE);
      for (const miner of some) miner.connect();
      while (some.some(({ hasWork }) => !hasWork)) await sleep(20);
    }
  }

  end(): void {
    for (const miner of this.#miners) miner.end();
  }
}

class Miner {
  hasWork = false;
  readonly #url: string;
  readonly #login: string;
  readonly #cuts: string[];
  #socket: WebSocket | null = null;
  #ended = false;

  constructor(pool: string, login: string, rig: number, cuts: string[]) {
    this.#cuts = cuts;
    this.#url = `${pool.replace(/^http/, "ws")}/stratum/${login}/rig-${rig}`;
    this.#login = login;
  }

  connect(): void {
    if (this.#ended) return;
    const socket = new WebSocket(this.#url, { perMessageDeflate: false });
    this.#socket = socket;
    socket.on("error", () => undefined);
    let opened = false;
    socket.once("open", () => {
      opened = true;
      socket.send(`${JSON.stringify({ id: 3, method: "eth_submitLogin", params: [this.#login, "x"] })}\n`);
    });
    socket.on("message", (data: Buffer) => {
      if (data.includes('"result":["0x')) this.hasWork = true;
    });
    socket.once("close", (code, reason) => {
      if (this.#ended) return;
      if (opened) this.#cuts.push(`${this.#url} by ${code} ${reason.toString()}`);
      this.hasWork = false;
      setTimeout(() => this.connect(), RETRY_MS.least + Math.random() * (RETRY_MS.most - RETRY_MS.least));
    });
  }

  end(): void {
    this.#ended = true;
    this.#socket?.terminate();
  }
}
