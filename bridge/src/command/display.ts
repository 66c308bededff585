import { Writable } from "node:stream";
import type { WriteStream } from "node:tty";
import pretty from "pino-pretty";
import type { Bridge } from "../bridge.ts";
import type { BridgeStats } from "../bridge-stats.ts";
import type { BridgeLog } from "../options.ts";
import { statusTable } from "./status-table.ts";

const TABLE_INTERVAL_MS = 1_000;

/** What the operator sees: log lines, and on a terminal a table below them that is kept up to date. */
export class Display {
  /** Where the logger writes. */
  readonly logStream: NodeJS.WritableStream;
  readonly #out: WriteStream;
  readonly #live: boolean;
  #table = "";
  #timer: NodeJS.Timeout | undefined;

  constructor(how: "auto" | "lines" | "json", out: WriteStream) {
    this.#out = out;
    this.#live = how === "auto" && out.isTTY;
    this.logStream = how === "json" ? out : this.#prettyStream();
  }

  /** Shows the state of a bridge until `stop`. */
  follow(bridge: Bridge, log: BridgeLog, statusIntervalMs: number): void {
    this.#timer = this.#live
      ? setInterval(() => this.#draw(statusTable(bridge.stats(), Date.now(), this.#out.columns)), TABLE_INTERVAL_MS)
      : setInterval(() => log.info(summary(bridge.stats()), "status"), statusIntervalMs);
  }

  stop(): void {
    clearInterval(this.#timer);
    if (this.#live) this.#draw("");
  }

  #prettyStream(): NodeJS.WritableStream {
    const destination = new Writable({
      write: (chunk: Buffer, _, done) => {
        this.#above(chunk.toString());
        done();
      },
    });
    return pretty({
      colorize: this.#live,
      ignore: "pid,hostname",
      translateTime: "SYS:HH:MM:ss",
      singleLine: true,
      sync: true,
      destination,
    });
  }

  /** A log line goes above the table. */
  #above(text: string): void {
    const table = this.#table;
    this.#draw("");
    this.#out.write(text);
    this.#draw(table);
  }

  #draw(table: string): void {
    if (!this.#live) return;
    const rows = this.#table === "" ? 0 : this.#table.split("\n").length - 1;
    if (rows > 0) {
      this.#out.moveCursor(0, -rows);
      this.#out.cursorTo(0);
      this.#out.clearScreenDown();
    }
    this.#table = table;
    this.#out.write(table);
  }
}

function summary({ miners, pools, totals }: BridgeStats): Record<string, unknown> {
  return {
    miners: miners.length,
    accepted: totals.accepted,
    rejected: totals.rejected,
    reconnects: totals.reconnects,
    pools: pools.map(({ url, state }) => `${url} ${state}`).join(", "),
  };
}
