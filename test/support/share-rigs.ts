import { setImmediate as breathe, setTimeout as sleep } from "node:timers/promises";
import { toHex, type Ethash } from "@edgepool/ethash-wasm";

/** A share as it went out, with who sent it. */
export interface SentShare {
  readonly login: string;
  readonly worker: string;
  readonly header: string;
  /** `nonce:header:mix`, as the ledger has it. */
  readonly member: string;
}

const BATCH = 32;
const RECONNECT_MS = 150;

/** The kernel that mines a header: the one with the light cache of its epoch. */
export type KernelFor = (header: string) => Pick<Ethash, "hashBatch">;

/** Proofs of work for one header at a time, shared by all rigs. Every nonce is a share at difficulty 1. */
class Work {
  readonly #kernelFor: KernelFor;
  #batches = 0;
  #nonce = BigInt(Date.now()) << 20n;
  #ready: { nonce: string; mixDigest: string; header: string }[] = [];

  constructor(kernelFor: KernelFor) {
    this.#kernelFor = kernelFor;
  }

  /** Batches hashed so far. */
  get batches(): number {
    return this.#batches;
  }

  next(header: string): { nonce: string; mixDigest: string } {
    let share = this.#ready.pop();
    if (share?.header !== header) {
      const base = this.#nonce;
      this.#nonce += BigInt(BATCH);
      this.#batches += 1;
      const inputs = Array.from({ length: BATCH }, (_, at) => ({ header, nonce: base + BigInt(at) }));
      this.#ready = this.#kernelFor(header)
        .hashBatch(inputs)
        .map((hash, at) => ({
          header,
          nonce: `0x${(base + BigInt(at)).toString(16).padStart(16, "0")}`,
          mixDigest: `0x${toHex(hash.mixDigest)}`,
        }));
      share = this.#ready.pop();
    }
    if (!share) throw new Error("a batch is never empty");
    return share;
  }
}

/** Many miners over WebSockets that submit real shares as fast as they are answered, and remember what they were told. */
export class ShareRigs {
  readonly #url: () => string;
  readonly #work: Work;
  readonly #window: number;
  #rigs: Rig[] = [];
  #running = true;
  /** Everything that ever left, by member. */
  readonly sent = new Map<string, SentShare>();
  /** Members that some miner saw `true` for. */
  readonly acknowledged = new Set<string>();
  /** How long each answer took, oldest first. */
  readonly latencies: { readonly sentMs: number; readonly tookMs: number }[] = [];
  /** Connections that ended without our doing: whose, when, and by what. */
  readonly cuts: string[] = [];
  /** Every answer to a submit, counted. */
  readonly answers = new Map<string, number>();

  /**
   * @param options.logins miners, @param options.rigs workers of each,
   * @param options.window shares of one rig that may wait for their answer
   */
  constructor(url: () => string, options: { logins: number; rigs: number; window: number; kernelFor: KernelFor }) {
    this.#url = url;
    this.#work = new Work(options.kernelFor);
    this.#window = options.window;
    for (let login = 0; login < options.logins; login++)
      for (let rig = 0; rig < options.rigs; rig++)
        this.#rigs.push(new Rig(this, `0x${(login + 1).toString(16).padStart(40, "a")}`, `rig-${rig}`));
  }

  get logins(): string[] {
    return [...new Set(this.#rigs.map(({ login }) => login))];
  }

  /** Mines until {@link stop}. */
  async run(): Promise<void> {
    for (const rig of this.#rigs) rig.connect(this.#url());
    while (this.#running) {
      let batches = this.#work.batches;
      for (const rig of this.#rigs) {
        rig.mine(this.#work, this.#window);
        if (this.#work.batches === batches) continue;
        // The line to the ledger may run through this process too: no more than one batch of hashes (10 ms and more) in a turn.
        batches = this.#work.batches;
        await breathe();
      }
      await sleep(1);
    }
  }

  /** No more new shares; answers still count. */
  stop(): void {
    this.#running = false;
  }

  close(): void {
    this.#running = false;
    for (const rig of this.#rigs) rig.close();
    this.#rigs = [];
  }

  get url(): string {
    return this.#url();
  }

  /** Submits that have no answer yet. */
  get waiting(): number {
    return this.#rigs.reduce((sum, rig) => sum + rig.waiting, 0);
  }

  heard(share: SentShare, answer: string, sentMs: number): void {
    this.latencies.push({ sentMs, tookMs: Date.now() - sentMs });
    this.answers.set(answer, (this.answers.get(answer) ?? 0) + 1);
    if (answer === "true") this.acknowledged.add(share.member);
  }
}

/** One worker: eth-proxy over a WebSocket; resubmits after a reconnect what it had no answer to, as ethminer does. */
class Rig {
  readonly #rigs: ShareRigs;
  readonly #login: string;
  readonly #worker: string;
  #socket: WebSocket | null = null;
  #header: string | null = null;
  #id = 10;
  #closed = false;
  readonly #waiting = new Map<number, { readonly share: SentShare; readonly sentMs: number }>();

  constructor(rigs: ShareRigs, login: string, worker: string) {
    this.#rigs = rigs;
    this.#login = login;
    this.#worker = worker;
  }

  connect(url: string): void {
    const socket = new WebSocket(`${url.replace(/^http/, "ws")}/stratum/${this.#login}/${this.#worker}`);
    this.#socket = socket;
    this.#header = null;
    socket.addEventListener("open", () => {
      this.#send({ id: 1, method: "eth_submitLogin", params: [this.#login], worker: this.#worker });
      this.#send({ id: 2, method: "eth_getWork", params: [] });
    });
    socket.addEventListener("message", ({ data }) => {
      for (const line of String(data).split("\n")) if (line !== "") this.#heard(line);
    });
    socket.addEventListener("close", ({ code, reason }) => this.#again(socket, `${code} ${reason}`));
    socket.addEventListener("error", () => this.#again(socket, "an error"));
  }

  get login(): string {
    return this.#login;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  mine(work: Work, window: number): void {
    if (this.#header === null || this.#socket?.readyState !== WebSocket.OPEN || this.#waiting.size >= window) return;
    const header = this.#header;
    const { nonce, mixDigest } = work.next(header);
    const member = `${nonce}:${header}:${mixDigest}`;
    const share = { login: this.#login, worker: this.#worker, header, member };
    this.#rigs.sent.set(member, share);
    this.#submit(share);
  }

  close(): void {
    this.#closed = true;
    this.#socket?.close();
  }

  #submit(share: SentShare): void {
    const [nonce = "", header = "", mixDigest = ""] = share.member.split(":");
    const id = this.#id++;
    this.#waiting.set(id, { share, sentMs: Date.now() });
    this.#send({ id, method: "eth_submitWork", params: [nonce, header, mixDigest], worker: this.#worker });
  }

  #heard(line: string): void {
    const message: { id?: number; result?: unknown; error?: { message?: string } } = JSON.parse(line);
    if (Array.isArray(message.result)) {
      const resumed = this.#header === null;
      this.#header = String(message.result[0]);
      if (resumed) this.#resubmit();
      return;
    }
    const sent = this.#waiting.get(message.id ?? 0);
    if (!sent) return;
    this.#waiting.delete(message.id ?? 0);
    this.#rigs.heard(sent.share, message.error?.message ?? String(message.result), sent.sentMs);
  }

  #resubmit(): void {
    const open = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { share } of open) this.#submit(share);
  }

  #again(socket: WebSocket, why: string): void {
    if (this.#socket !== socket) return;
    const when = this.#header === null ? "before it had work" : "at work";
    this.#socket = null;
    this.#header = null;
    if (this.#closed) return;
    this.#rigs.cuts.push(`${this.#login}/${this.#worker} ${when}, by ${why}`);
    setTimeout(() => !this.#closed && this.connect(this.#rigs.url), RECONNECT_MS * (0.5 + Math.random()));
  }

  #send(message: unknown): void {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(`${JSON.stringify(message)}\n`);
  }
}
