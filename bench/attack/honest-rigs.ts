import { Ethash, meetsTarget, targetOf, toHex } from "@edgepool/ethash-wasm";
import { chainByName, epochOf } from "@edgepool/ethash-wasm/chain-spec";
import { loadKernel } from "@edgepool/ethash-wasm/node";
import { WebSocket } from "ws";

/** Everything that a rig can speak. */
const DIALECTS = ["ethProxy", "es1", "es2", "stratum", "getwork"] as const;
type Dialect = (typeof DIALECTS)[number];

const ANSWER_WITHIN_MS = 20_000;

/** What became of the shares of a stretch of time. */
export interface Harvest {
  readonly sent: number;
  readonly accepted: number;
  readonly refused: number;
  /** Of the accepted ones, ms from the submit to its answer. */
  readonly latenciesMs: readonly number[];
  /** The same by dialect. */
  readonly byDialect: Readonly<Record<string, readonly number[]>>;
}

/** Finds shares on one header. */
class Digger {
  readonly #ethash: Ethash;
  readonly #header: string;
  readonly #target: bigint;

  constructor(header: string, difficulty: number) {
    const chain = chainByName("ethereum");
    if (!chain) throw new Error("no chain");
    this.#ethash = Ethash.instantiate(loadKernel());
    this.#ethash.buildCache(epochOf(chain, 0));
    this.#header = header;
    this.#target = targetOf(BigInt(difficulty));
  }

  /** @param prefix what their nonces begin with, hex */
  shares(prefix: string, count: number): { nonce: string; mixDigest: string }[] {
    const found: { nonce: string; mixDigest: string }[] = [];
    const base = BigInt(`0x${prefix.padEnd(16, "0")}`);
    for (let offset = 0n; found.length < count; offset += 32n) {
      const inputs = Array.from({ length: 32 }, (_, at) => ({
        header: this.#header,
        nonce: base + offset + BigInt(at),
      }));
      for (const [at, { result, mixDigest }] of this.#ethash.hashBatch(inputs).entries()) {
        if (!meetsTarget(result, this.#target)) continue;
        const nonce = (inputs[at]?.nonce ?? 0n).toString(16).padStart(16, "0");
        found.push({ nonce, mixDigest: toHex(mixDigest) });
      }
    }
    return found.slice(0, count);
  }
}

/** A rig with shares in hand. It submits them one by one and notes when each answer came. */
interface Rig {
  readonly dialect: Dialect;
  submit(): Promise<boolean>;
  close(): void;
}

/** Miners of every dialect with real shares, each with an address of its own. */
export class HonestRigs {
  readonly #rigs: Rig[] = [];
  #latencies: { readonly dialect: Dialect; readonly ms: number }[] = [];
  #sent = 0;
  #refused = 0;

  /** Connects `count` rigs of each dialect and finds `shares` for each. */
  static async open(
    url: string,
    header: string,
    difficulty: number,
    count: number,
    shares: number,
  ): Promise<HonestRigs> {
    const digger = new Digger(header, difficulty);
    const rigs = new HonestRigs();
    for (const [at, dialect] of DIALECTS.entries()) {
      for (let rig = 0; rig < count; rig++) {
        const number = at * count + rig;
        const login = `0x${(at + 1).toString(16).padStart(40, "c")}`;
        const headers = { "CF-Connecting-IP": `192.0.2.${number + 1}` };
        const prefix = (0x100000 + number).toString(16);
        const open = dialect === "getwork" ? openGetwork : openStratum;
        rigs.#rigs.push(
          await open({ url, header, login, rig: `rig-${rig}`, headers, dialect, prefix, digger, shares }),
        );
      }
    }
    return rigs;
  }

  /** Has every rig submit at this interval for a while. */
  async mine(durationMs: number, everyMs: number): Promise<Harvest> {
    [this.#latencies, this.#sent, this.#refused] = [[], 0, 0];
    const untilMs = performance.now() + durationMs;
    await Promise.all(
      this.#rigs.map(async (rig, at) => {
        await pause((at * everyMs) / this.#rigs.length);
        while (performance.now() < untilMs) {
          const sentMs = performance.now();
          await this.#one(rig);
          await pause(Math.max(0, sentMs + everyMs - performance.now()));
        }
      }),
    );
    const latenciesMs = this.#latencies.map(({ ms }) => ms);
    const grouped = Map.groupBy(this.#latencies, ({ dialect }) => dialect);
    const byDialect = Object.fromEntries([...grouped].map(([dialect, all]) => [dialect, all.map(({ ms }) => ms)]));
    return { sent: this.#sent, accepted: latenciesMs.length, refused: this.#refused, latenciesMs, byDialect };
  }

  close(): void {
    for (const rig of this.#rigs) rig.close();
  }

  async #one(rig: Rig): Promise<void> {
    const sentMs = performance.now();
    this.#sent += 1;
    const late = pause(ANSWER_WITHIN_MS).then(() => false);
    const { dialect } = rig;
    if (await Promise.race([rig.submit(), late])) this.#latencies.push({ dialect, ms: performance.now() - sentMs });
    else this.#refused += 1;
  }
}

interface RigOptions {
  readonly url: string;
  readonly header: string;
  readonly login: string;
  readonly rig: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly dialect: Dialect;
  readonly prefix: string;
  readonly digger: Digger;
  readonly shares: number;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}

async function openGetwork(options: RigOptions): Promise<Rig> {
  const { url, header, login, rig, headers, dialect, prefix, digger, shares } = options;
  const found = digger.shares(prefix, shares);
  const submit = async () => {
    const share = found.pop();
    if (!share) throw new Error("a rig has run out of shares");
    const params = [`0x${share.nonce}`, header, `0x${share.mixDigest}`];
    const body = JSON.stringify({ id: 1, method: "eth_submitWork", params });
    const response = await fetch(`${url}/${login}/${rig}`, { method: "POST", headers, body });
    return (await response.text()).includes('"result":true');
  };
  return { dialect, submit, close: () => undefined };
}

async function openStratum(options: RigOptions): Promise<Rig> {
  const { url, header, login, rig, headers, dialect, digger, shares } = options;
  const path = dialect === "es1" ? "/stratum" : `/stratum/${login}/${rig}`;
  const line = new LineSocket(`${url.replace("http", "ws")}${path}`, headers);
  await line.opened;
  const { prefix, job } = await enter(line, options);
  const found = digger.shares(prefix, shares);
  let id = 1_000;
  const submit = async () => {
    const share = found.pop();
    if (!share) throw new Error("a rig has run out of shares");
    const request = submitRequest(dialect, login, rig, { header, job, prefix, ...share });
    const answer = await line.ask({ id: ++id, ...request });
    return !answer.includes('"error":{') && !answer.includes('"error":[') && !answer.includes('"result":false');
  };
  return { dialect, submit, close: () => line.close() };
}

interface Entered {
  /** What nonces begin with, hex. */
  readonly prefix: string;
  /** The job's id, where the dialect has one. */
  readonly job: string;
}

async function enter(line: LineSocket, { dialect, login, rig, prefix, header }: RigOptions): Promise<Entered> {
  const user = `${login}.${rig}`;
  const job = header.slice(2);
  switch (dialect) {
    case "es1": {
      const answer = await line.ask({
        id: 1,
        method: "mining.subscribe",
        params: ["bench/1", "EthereumStratum/1.0.0"],
      });
      const given = /"([0-9a-f]{6})"\]/.exec(answer)?.[1] ?? "";
      await line.ask({ id: 2, method: "mining.authorize", params: [user, "x"] });
      const [, id = job] =
        /"method":"mining\.notify","params":\["([^"]+)"/.exec(await line.told("mining.notify")) ?? [];
      return { prefix: given, job: id };
    }
    case "es2": {
      await line.ask({ id: 0, method: "mining.hello", params: { proto: "EthereumStratum/2.0.0" } });
      await line.ask({ id: 1, method: "mining.subscribe", params: [] });
      await line.ask({ id: 2, method: "mining.authorize", params: [user, "x"] });
      const set = await line.told("mining.set");
      const [, given = ""] = /"extranonce":"([0-9a-f]+)"/.exec(set) ?? [];
      const [, id = job] =
        /"method":"mining\.notify","params":\["([^"]+)"/.exec(await line.told("mining.notify")) ?? [];
      return { prefix: given, job: id };
    }
    case "stratum":
      await line.ask({ id: 1, method: "mining.subscribe", params: [] });
      await line.ask({ id: 2, method: "mining.authorize", params: [user, "x"] });
      return { prefix, job };
    default:
      await line.ask({ id: 1, method: "eth_submitLogin", params: [user, "x"] });
      return { prefix, job };
  }
}

function submitRequest(
  dialect: Dialect,
  login: string,
  rig: string,
  share: Entered & { readonly header: string; readonly nonce: string; readonly mixDigest: string },
): { method: string; params: string[] } {
  const { header, job, prefix, nonce, mixDigest } = share;
  switch (dialect) {
    case "es1":
      return { method: "mining.submit", params: [`${login}.${rig}`, job, nonce.slice(prefix.length)] };
    case "es2":
      return { method: "mining.submit", params: [job, nonce.slice(prefix.length), rig] };
    case "stratum":
      return { method: "mining.submit", params: [`${login}.${rig}`, job, `0x${nonce}`, header, `0x${mixDigest}`] };
    default:
      return { method: "eth_submitWork", params: [`0x${nonce}`, header, `0x${mixDigest}`] };
  }
}

/** Requests and answers over a WebSocket. */
class LineSocket {
  readonly opened: Promise<void>;
  readonly #socket: WebSocket;
  readonly #answers = new Map<number, (line: string) => void>();
  readonly #told = new Map<string, string>();
  #waiting: { method: string; resolve: (line: string) => void } | null = null;

  constructor(url: string, headers: Readonly<Record<string, string>>) {
    this.#socket = new WebSocket(url, { headers, perMessageDeflate: false });
    this.opened = new Promise((resolve, reject) => {
      this.#socket.once("open", resolve);
      this.#socket.once("error", reject);
    });
    this.#socket.on("message", (data: Buffer) => {
      for (const line of data.toString().split("\n")) if (line !== "") this.#heard(line);
    });
  }

  async ask(request: { readonly id: number } & Record<string, unknown>): Promise<string> {
    const answer = new Promise<string>((resolve) => this.#answers.set(request.id, resolve));
    this.#socket.send(`${JSON.stringify(request)}\n`);
    return await answer;
  }

  /** The newest notification of that method. */
  async told(method: string): Promise<string> {
    const known = this.#told.get(method);
    if (known !== undefined) return known;
    return await new Promise((resolve) => (this.#waiting = { method, resolve }));
  }

  close(): void {
    this.#socket.terminate();
  }

  #heard(line: string): void {
    const method = /"method":"([^"]+)"/.exec(line)?.[1];
    if (method !== undefined) {
      this.#told.set(method, line);
      if (this.#waiting?.method === method) this.#waiting.resolve(line);
      return;
    }
    const id = Number(/^{"id":(\d+)/.exec(line)?.[1]);
    this.#answers.get(id)?.(line);
    this.#answers.delete(id);
  }
}
