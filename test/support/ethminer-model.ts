import { connect, type Socket } from "node:net";
import type { Ethash } from "@edgepool/ethash-wasm";
import { elementsOf, isObject, parseObject, textOf, type JsonObject } from "../../bridge/src/json.ts";
import { meets, solutions } from "./proofs.ts";

/** Settings of a modelled ethminer. */
export interface EthminerOptions {
  readonly port: number;
  /** `stratum1+tcp`, `stratum2+tcp` or `stratum3+tcp`. */
  readonly dialect: "eth-proxy" | "EthereumStratum/1" | "EthereumStratum/2";
  readonly login: string;
  readonly worker: string;
  readonly ethash: Ethash;
  readonly height: number;
  readonly difficulty: number;
  /** First nonce of this run; the second half of the digits where the pool gives the first ones. */
  readonly startNonce: bigint;
  readonly shareEveryMs: number;
  /** ethminer's default is `--response-timeout 2`. */
  readonly responseTimeoutMs: number;
}

/** ethminer's default of `--farm-retries`; `--retry-delay` is 0 (docs/protocol.md, section 8). */
const RETRIES = 3;

interface Job {
  readonly id: string;
  readonly header: string;
  readonly found: Iterator<{ readonly nonce: string; readonly mixDigest: string }>;
}

/**
 * ethminer 0.19 as it behaves with its default settings: it waits so long for the answer to a login or a submit, connects again at
 * once, ends itself after three connections that came to nothing, and begins its nonces anew at every job that it is sent.
 */
export class EthminerModel {
  readonly #options: EthminerOptions;
  readonly #timer: NodeJS.Timeout;
  readonly #pending = new Map<number, NodeJS.Timeout>();
  #socket: Socket | null = null;
  #rest = "";
  #extranonce = "";
  /** What EthereumStratum/2 calls the worker. */
  #token = "";
  #job: Job | null = null;
  #loggedIn = false;
  #attempts = 0;
  #closed = false;
  /** Full nonces that were handed in, in order. */
  readonly submitted: string[] = [];
  readonly answers = { accepted: 0, rejected: [] as string[] };
  readonly headers: string[] = [];
  /** Why it ended itself; null while it runs. */
  exited: string | null = null;

  constructor(options: EthminerOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.#mine(), options.shareEveryMs);
    this.#connect();
  }

  /** Submits that have no answer. */
  get unanswered(): number {
    return this.#pending.size;
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#timer);
    this.#forgetPending();
    this.#socket?.destroy();
  }

  #connect(): void {
    const socket = connect({ host: "127.0.0.1", port: this.#options.port, noDelay: true });
    this.#socket = socket;
    this.#rest = "";
    socket.setEncoding("utf8");
    socket.on("connect", () => this.#open());
    socket.on("data", (text: string) => this.#onText(text));
    socket.on("error", () => socket.destroy());
    socket.on("close", () => this.#lost(socket));
  }

  #open(): void {
    const { dialect, login, worker } = this.#options;
    if (dialect === "eth-proxy") this.#ask(1, { method: "eth_submitLogin", params: [login, "x"], worker });
    else if (dialect === "EthereumStratum/1")
      this.#ask(1, { method: "mining.subscribe", params: ["ethminer/0.19.0", "EthereumStratum/1.0.0"] });
    else this.#ask(1, { method: "mining.hello", params: { agent: "ethminer/0.19.0", proto: "EthereumStratum/2.0.0" } });
  }

  #lost(socket: Socket): void {
    if (this.#socket !== socket || this.#closed || this.exited !== null) return;
    this.#forgetPending();
    this.#loggedIn = false;
    this.#job = null;
    this.#attempts += 1;
    if (this.#attempts > RETRIES) this.exited = `no connection in ${RETRIES} tries`;
    else setImmediate(() => this.#connect());
  }

  #forgetPending(): void {
    for (const timer of this.#pending.values()) clearTimeout(timer);
    this.#pending.clear();
  }

  #ask(id: number, body: JsonObject): void {
    this.#pending.set(
      id,
      setTimeout(() => this.#socket?.destroy(), this.#options.responseTimeoutMs),
    );
    this.#say({ id, ...body });
  }

  #say(body: JsonObject): void {
    this.#socket?.write(`${JSON.stringify(body)}\n`);
  }

  #onText(text: string): void {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) this.#onLine(parseObject(line) ?? {});
  }

  #onLine(body: JsonObject): void {
    const { id, method, params, result, error } = body;
    const version2 = this.#options.dialect === "EthereumStratum/2";
    if (method === "mining.set" && isObject(params) && typeof params["extranonce"] === "string")
      this.#extranonce = params["extranonce"];
    if (method === "mining.notify") {
      const [job, , header] = elementsOf(params);
      this.#turnTo(textOf(job), `0x${textOf(header)}`);
      return;
    }
    if (method === "mining.set_extranonce") this.#extranonce = textOf(elementsOf(params)[0]);
    if (typeof method === "string") return;
    if (this.#options.dialect === "eth-proxy" && Array.isArray(result)) {
      this.#turnTo(textOf(result[0]), textOf(result[0]));
      return;
    }
    if (typeof id !== "number" || !this.#pending.has(id)) return;
    clearTimeout(this.#pending.get(id));
    this.#pending.delete(id);
    const refusal = error === undefined || error === null ? null : JSON.stringify(error);
    if (id >= 40) {
      if (refusal === null && (version2 ? result !== false : result === true)) this.answers.accepted += 1;
      else this.answers.rejected.push(refusal ?? "false");
    } else if (refusal !== null || result === false) this.#socket?.destroy();
    else this.#granted(id, result);
  }

  #granted(id: number, result: unknown): void {
    const { dialect, login, worker } = this.#options;
    const authorize = { method: "mining.authorize", params: [`${login}.${worker}`, "x"] };
    if (dialect === "EthereumStratum/1" && id === 1) {
      this.#extranonce = textOf(elementsOf(result)[1]);
      this.#say({ id: 2, method: "mining.extranonce.subscribe", params: [] });
      this.#ask(3, authorize);
      return;
    }
    if (dialect === "EthereumStratum/2" && id === 1) {
      this.#ask(2, { method: "mining.subscribe", params: [] });
      return;
    }
    if (dialect === "EthereumStratum/2" && id === 2) {
      this.#ask(3, authorize);
      return;
    }
    if (dialect === "EthereumStratum/2") this.#token = textOf(result);
    this.#loggedIn = true;
    this.#attempts = 0;
    if (dialect === "eth-proxy") this.#say({ id: 5, method: "eth_getWork", params: [] });
  }

  #turnTo(id: string, header: string): void {
    const { ethash, height, difficulty, startNonce } = this.#options;
    const first = this.#extranonce === "" ? startNonce : BigInt(`0x${this.#extranonce.padEnd(16, "0")}`) + startNonce;
    const work = { header, seed: "", height, networkDifficulty: 1n };
    const found = solutions(ethash, work, first, meets(BigInt(difficulty)))[Symbol.iterator]();
    this.#job = { id, header, found };
    this.headers.push(header);
  }

  #mine(): void {
    if (!this.#loggedIn || this.#job === null || this.exited !== null) return;
    const { id, header, found } = this.#job;
    const next = found.next();
    if (next.done === true) return;
    const { nonce, mixDigest } = next.value;
    const { dialect, login, worker } = this.#options;
    this.submitted.push(nonce);
    const request = 39 + this.submitted.length;
    if (dialect === "eth-proxy")
      this.#ask(request, { method: "eth_submitWork", params: [nonce, header, mixDigest], worker });
    else {
      const tail = nonce.slice(2 + this.#extranonce.length);
      const params = dialect === "EthereumStratum/2" ? [id, tail, this.#token] : [`${login}.${worker}`, id, tail];
      this.#ask(request, { method: "mining.submit", params });
    }
  }
}
