import { setTimeout as sleep } from "node:timers/promises";
import { WebSocket } from "ws";
import type { Share } from "./premined.ts";

/** Answers that are still missing so long after the last share was sent count as refusals. */
const PATIENCE_MS = 20_000;
/** Opened at a time. */
const OPENING = 32;

/** What became of the shares of one stretch. */
export interface Load {
  readonly sent: number;
  readonly accepted: number;
  /** From the first share to the last answer. */
  readonly seconds: number;
  /** Of the accepted ones, from the moment at which each was due to be sent until its answer was read. */
  readonly latenciesMs: readonly number[];
  /** An answer that was no `true`; empty where there was none. */
  readonly refusal: string;
}

interface Rig {
  readonly socket: WebSocket;
  /** When what has no answer yet was due, by request id. */
  readonly dueMs: Map<number, number>;
}

export const loginOf = (index: number): string => `0x${index.toString(16).padStart(40, "e")}`;

/** Rigs that are logged in and submit shares that were found before, one WebSocket a rig. */
export class Rigs {
  readonly #rigs: Rig[] = [];
  readonly #header: string;
  readonly #path: string;
  #nextId = 10;
  #latencies: number[] = [];
  #answered = 0;
  #refusal = "";
  #onAnswer: (rig: Rig) => void = () => undefined;

  private constructor(header: string, path: string) {
    this.#header = header;
    this.#path = path;
  }

  /** @param path under which logins are @throws Error where one is refused */
  static async open(
    url: string,
    header: string,
    logins: number,
    rigsPerLogin: number,
    path = "stratum",
  ): Promise<Rigs> {
    const rigs = new Rigs(header, path);
    const numbers = Array.from({ length: logins * rigsPerLogin }, (_, at) => at);
    for (let first = 0; first < numbers.length; first += OPENING)
      await Promise.all(numbers.slice(first, first + OPENING).map((at) => rigs.#join(url, at, loginOf(at % logins))));
    return rigs;
  }

  /** Every rig submits its next share when it has the answer to its last. */
  async closedLoop(shares: readonly Share[], seconds: number): Promise<Load> {
    return await this.#measured(async (startMs) => {
      let sent = 0;
      const next = (rig: Rig): void => {
        const share = shares[sent];
        const nowMs = performance.now();
        if (share === undefined || nowMs - startMs > seconds * 1_000) return;
        sent += 1;
        this.#submit(rig, share, nowMs);
      };
      this.#onAnswer = next;
      for (const rig of this.#rigs) next(rig);
      await sleep(seconds * 1_000);
      this.#onAnswer = () => undefined;
      return sent;
    });
  }

  /** All of these shares at an even rate, rig after rig. */
  async evenly(shares: readonly Share[], perSecond: number): Promise<Load> {
    return await this.#measured(async (startMs) => {
      for (let sent = 0; sent < shares.length; await sleep(1)) {
        const due = Math.min(shares.length, Math.ceil(((performance.now() - startMs) * perSecond) / 1_000));
        for (; sent < due; sent += 1) {
          const [share, rig] = [shares[sent], this.#rigs[sent % this.#rigs.length]];
          if (share && rig) this.#submit(rig, share, startMs + (sent * 1_000) / perSecond);
        }
      }
      return shares.length;
    });
  }

  close(): void {
    for (const { socket } of this.#rigs) socket.terminate();
  }

  async #measured(send: (startMs: number) => Promise<number>): Promise<Load> {
    [this.#latencies, this.#answered, this.#refusal] = [[], 0, ""];
    const startMs = performance.now();
    const sent = await send(startMs);
    const untilMs = performance.now() + PATIENCE_MS;
    while (this.#answered < sent && performance.now() < untilMs) await sleep(1);
    const seconds = (performance.now() - startMs) / 1_000;
    for (const { dueMs } of this.#rigs) dueMs.clear();
    return { sent, accepted: this.#latencies.length, seconds, latenciesMs: this.#latencies, refusal: this.#refusal };
  }

  #submit({ socket, dueMs }: Rig, { nonce, mixDigest }: Share, atMs: number): void {
    const id = (this.#nextId += 1);
    dueMs.set(id, atMs);
    const params = `["0x${nonce}","${this.#header}","0x${mixDigest}"]`;
    socket.send(`{"id":${id},"jsonrpc":"2.0","method":"eth_submitWork","params":${params}}\n`);
  }

  #join(url: string, number: number, login: string): Promise<void> {
    // Each from an address of its own: what one address may have in flight is bounded.
    const headers = { "CF-Connecting-IP": `198.51.${Math.floor(number / 250)}.${(number % 250) + 1}` };
    const route = `${url.replace(/^http/, "ws")}/${this.#path}/${login}/rig-${number}`;
    const socket = new WebSocket(route, { headers, perMessageDeflate: false });
    const rig: Rig = { socket, dueMs: new Map() };
    this.#rigs.push(rig);
    return new Promise((resolve, reject) => {
      socket.once("error", reject);
      socket.once("close", (code) => reject(new Error(`${route} was closed with code ${code}`)));
      socket.once("open", () => socket.send(`{"id":1,"method":"eth_submitLogin","params":["${login}"]}\n`));
      socket.on("message", (data: Buffer) => {
        for (const line of data.toString("latin1").split("\n")) {
          if (line.startsWith('{"id":1,')) resolve();
          else if (line !== "") this.#heard(rig, line);
        }
      });
    });
  }

  #heard(rig: Rig, line: string): void {
    const id = Number(/^\{"id":(\d+),/.exec(line)?.[1]);
    const dueMs = rig.dueMs.get(id);
    if (dueMs === undefined) return;
    rig.dueMs.delete(id);
    this.#answered += 1;
    if (line.includes('"result":true')) this.#latencies.push(performance.now() - dueMs);
    else this.#refusal = line;
    this.#onAnswer(rig);
  }
}
