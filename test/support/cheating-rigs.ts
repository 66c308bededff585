import { setTimeout as sleep } from "node:timers/promises";
import { toHex } from "@edgepool/ethash-wasm";
import type { KernelFor, SentShare } from "./share-rigs.ts";

const BATCH = 32;
const RECONNECT_MS = 150;
const TURN_MS = 25;
/** How far back a proof of work is sent again, in proofs. */
const REMEMBERED = 200;

/** What a cheat does: see {@link CheatingRigs}. */
type Trick = "everywhere" | "replay" | "junk" | "laterDifficulty";
const TRICKS: readonly Trick[] = ["everywhere", "replay", "junk", "laterDifficulty"];

/** What the cheats were told. */
export interface CheatReport {
  /** Submits, and how many of them heard `true`, by trick. */
  readonly sent: Readonly<Record<Trick, number>>;
  readonly trues: Readonly<Record<Trick, number>>;
  /** Proofs of work that they really had. */
  readonly proofs: number;
}

/** Each `true` that cheats heard, and what is behind it. */
export interface TrueAccount {
  /** The one of each proof of work that the ledger has. */
  readonly credited: number;
  /** Further ones of a proof of work that is credited. */
  readonly duplicates: number;
  /** Of claims whose mix digest a full verification finds wrong, and that nobody is credited for. */
  readonly refuted: number;
  /** Members that are right, heard `true`, and are not there. */
  readonly unexplained: readonly string[];
}

/**
 * Logins that work together and want to be credited more than they work: one proof of work under all logins at once (`everywhere`), old
 * ones again (`replay`), wrong mix digests (`junk`), and each on the connection whose difficulty pays most once it is known what it proves
 * (`laterDifficulty`). What they hear may be anything; what they are credited may be one share for each proof.
 */
export class CheatingRigs {
  readonly #url: () => string;
  readonly #kernelFor: KernelFor;
  readonly #connections: Connection[] = [];
  readonly #old: SentShare[] = [];
  readonly #sent: Record<Trick, number> = { everywhere: 0, replay: 0, junk: 0, laterDifficulty: 0 };
  readonly #trues: Record<Trick, number> = { everywhere: 0, replay: 0, junk: 0, laterDifficulty: 0 };
  /** How often each proof of work, by member, heard `true`. */
  readonly #truesOf = new Map<string, number>();
  #nonce = BigInt(Date.now()) << 19n;
  #ready: SentShare[] = [];
  #running = true;
  /** Right proofs of work that left, by member. */
  readonly proofs = new Map<string, SentShare>();
  /** Those of them that heard `true` at least once. */
  readonly acknowledged = new Set<string>();

  /** @param logins how many, each with a connection at the pool's difficulty and one that asks for a higher one */
  constructor(url: () => string, logins: number, kernelFor: KernelFor) {
    this.#url = url;
    this.#kernelFor = kernelFor;
    for (let at = 1; at <= logins; at += 1)
      for (const password of ["x", "d=64"])
        this.#connections.push(new Connection(this, `0x${at.toString(16).padStart(40, "c")}`, password));
  }

  get url(): string {
    return this.#url();
  }

  get logins(): string[] {
    return [...new Set(this.#connections.map(({ login }) => login))];
  }

  get report(): CheatReport {
    return { sent: this.#sent, trues: this.#trues, proofs: this.proofs.size };
  }

  /** What became of each `true`, by what the ledger has. @param recorded proofs of work that are credited, by member */
  account(recorded: ReadonlySet<string>): TrueAccount {
    const account = { credited: 0, duplicates: 0, refuted: 0, unexplained: [] as string[] };
    for (const [member, trues] of this.#truesOf) {
      if (recorded.has(member)) {
        account.credited += 1;
        account.duplicates += trues - 1;
      } else if (!this.proofs.has(member) && this.#isWrong(member)) account.refuted += trues;
      else account.unexplained.push(member);
    }
    return account;
  }

  /** Whether a full verification finds the mix digest of a member wrong. */
  #isWrong(member: string): boolean {
    const [nonce = "", header = "", mixDigest = ""] = member.split(":");
    const [hash] = this.#kernelFor(header).hashBatch([{ header, nonce: BigInt(nonce) }]);
    return hash !== undefined && `0x${toHex(hash.mixDigest)}` !== mixDigest;
  }

  async run(): Promise<void> {
    for (const connection of this.#connections) connection.connect();
    let turn = 0;
    while (this.#running) {
      this.#cheat(TRICKS[turn % TRICKS.length] ?? "replay", turn);
      turn += 1;
      await sleep(TURN_MS);
    }
  }

  stop(): void {
    this.#running = false;
  }

  close(): void {
    this.#running = false;
    for (const connection of this.#connections) connection.close();
  }

  heard(trick: Trick, share: SentShare, isTrue: boolean): void {
    if (!isTrue) return;
    this.#trues[trick] += 1;
    this.#truesOf.set(share.member, (this.#truesOf.get(share.member) ?? 0) + 1);
    if (trick !== "junk") this.acknowledged.add(share.member);
  }

  #cheat(trick: Trick, turn: number): void {
    const open = this.#connections.filter(({ header }) => header !== null);
    const one = open[turn % Math.max(1, open.length)];
    if (!one?.header) return;
    if (trick === "replay") {
      const old = this.#old[turn % Math.max(1, this.#old.length)];
      if (old) this.#submit(one, trick, old);
      return;
    }
    const share = this.#proof(one.header, one.login);
    if (trick === "junk") {
      const [nonce = "", header = ""] = share.member.split(":");
      const member = `${nonce}:${header}:0x${"ab".repeat(32)}`;
      return this.#submit(one, trick, { ...share, member });
    }
    this.proofs.set(share.member, share);
    this.#old.push(share);
    if (this.#old.length > REMEMBERED) this.#old.shift();
    const all = open.filter(
      ({ header, login }) => header === share.header && (trick === "everywhere" || login === one.login),
    );
    for (const connection of all) this.#submit(connection, trick, share);
  }

  #submit(connection: Connection, trick: Trick, share: SentShare): void {
    this.#sent[trick] += 1;
    connection.submit(trick, share);
  }

  #proof(header: string, login: string): SentShare {
    let share = this.#ready.pop();
    if (share?.header !== header) {
      const base = this.#nonce;
      this.#nonce += BigInt(BATCH);
      const inputs = Array.from({ length: BATCH }, (_, at) => ({ header, nonce: base + BigInt(at) }));
      this.#ready = this.#kernelFor(header)
        .hashBatch(inputs)
        .map(({ mixDigest }, at) => {
          const nonce = `0x${(base + BigInt(at)).toString(16).padStart(16, "0")}`;
          return { login, worker: "rig", header, member: `${nonce}:${header}:0x${toHex(mixDigest)}` };
        });
      share = this.#ready.pop();
    }
    if (!share) throw new Error("a batch is never empty");
    return share;
  }
}

/** One eth-proxy connection of a cheat. It sends nothing again after a reconnect. */
class Connection {
  header: string | null = null;
  readonly login: string;
  readonly #cheats: CheatingRigs;
  readonly #password: string;
  readonly #waiting = new Map<number, { readonly trick: Trick; readonly share: SentShare }>();
  #socket: WebSocket | null = null;
  #closed = false;
  #id = 10;

  constructor(cheats: CheatingRigs, login: string, password: string) {
    this.#cheats = cheats;
    this.login = login;
    this.#password = password;
  }

  connect(): void {
    const socket = new WebSocket(`${this.#cheats.url.replace(/^http/, "ws")}/stratum/${this.login}/rig`);
    this.#socket = socket;
    socket.addEventListener("open", () => {
      this.#send({ id: 1, method: "eth_submitLogin", params: [this.login, this.#password], worker: "rig" });
      this.#send({ id: 2, method: "eth_getWork", params: [] });
    });
    socket.addEventListener("message", ({ data }) => {
      for (const line of String(data).split("\n")) if (line !== "") this.#heard(line);
    });
    socket.addEventListener("close", () => this.#again(socket));
    socket.addEventListener("error", () => this.#again(socket));
  }

  submit(trick: Trick, share: SentShare): void {
    const id = this.#id++;
    this.#waiting.set(id, { trick, share });
    this.#send({ id, method: "eth_submitWork", params: share.member.split(":"), worker: "rig" });
  }

  close(): void {
    this.#closed = true;
    this.#socket?.close();
  }

  #heard(line: string): void {
    const message: { id?: number; result?: unknown } = JSON.parse(line);
    if (Array.isArray(message.result)) {
      this.header = String(message.result[0]);
      return;
    }
    const sent = this.#waiting.get(message.id ?? 0);
    this.#waiting.delete(message.id ?? 0);
    if (sent) this.#cheats.heard(sent.trick, sent.share, message.result === true);
  }

  #again(socket: WebSocket): void {
    if (this.#socket !== socket) return;
    this.#socket = null;
    this.header = null;
    this.#waiting.clear();
    if (!this.#closed) setTimeout(() => !this.#closed && this.connect(), RECONNECT_MS * (0.5 + Math.random()));
  }

  #send(message: unknown): void {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(`${JSON.stringify(message)}\n`);
  }
}
