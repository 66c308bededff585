// The miners' process: their sockets' memory is not the pool's. It is forked, told whom to join, and says each minute how they are.
import { randomInt } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import * as v from "valibot";
import { WebSocket } from "ws";

/** Whom to join, and how often a share comes from all of them together. */
const orderSchema = v.object({
  /** http://…; sockets take turns. */
  urls: v.pipe(v.array(v.string()), v.minLength(1)),
  sockets: v.number(),
  logins: v.number(),
  sharesPerSecond: v.number(),
});
export type MinersOrder = v.InferOutput<typeof orderSchema>;

/** How they are. Counts are since the start, times in ms. */
export const stateSchema = v.object({
  /** Sockets that have had a job and are open. */
  mining: v.number(),
  /** Sockets that were closed on them; each comes back. */
  closed: v.number(),
  accepted: v.number(),
  refused: v.number(),
  /** Jobs received. */
  jobs: v.number(),
  /** Of the last job that all had: from the first socket to the last but 1 %, and to the last. */
  spread: v.nullable(v.object({ p99Ms: v.number(), lastMs: v.number() })),
  /** Resident memory of this process, MB. */
  rssMb: v.number(),
});
export type MinersState = v.InferOutput<typeof stateSchema>;

/** Joining at a time: a pool that is asked for all sockets at once is measured by `bench/reconnect.ts`. */
const JOINING = 60;
const RETURN_MS = { least: 1_000, most: 5_000 } as const;
/** The nonce behind an extranonce of six digits. */
const NONCE_DIGITS = 10;

/** @param index from 0 @returns its login, lower-case `0x` address */
export function loginOf(index: number): string {
  return `0x${index.toString(16).padStart(40, "a")}`;
}

/** Each login is at an address of its own; 198.18.0.0/15 is for benchmarks. */
function addressOf(login: number): string {
  return `198.18.${Math.floor(login / 250)}.${(login % 250) + 1}`;
}

/** When which socket had the newest job. */
class Spread {
  last: MinersState["spread"] = null;
  #job = "";
  #firstMs = 0;
  #arrivalsMs: number[] = [];

  arrived(job: string, sockets: number): void {
    if (job !== this.#job) [this.#job, this.#firstMs, this.#arrivalsMs] = [job, performance.now(), []];
    this.#arrivalsMs.push(performance.now() - this.#firstMs);
    if (this.#arrivalsMs.length !== sockets) return;
    const at = (part: number) => Math.round(this.#arrivalsMs[Math.ceil(sockets * part) - 1] ?? 0);
    this.last = { p99Ms: at(0.99), lastMs: at(1) };
  }
}

/** A rig of EthereumStratum/1, whose shares carry no mix digest: nobody has to hash but the pool. */
class Rig {
  job = "";
  #socket: WebSocket | null = null;
  #joined: (() => void) | null = null;
  readonly #swarm: Swarm;
  readonly #number: number;

  constructor(swarm: Swarm, number: number) {
    this.#swarm = swarm;
    this.#number = number;
  }

  /** Fulfilled when it has a job. */
  join(): Promise<void> {
    return new Promise((resolve) => {
      this.#joined = resolve;
      this.#connect();
    });
  }

  submit(id: number): void {
    const nonce = randomInt(2 ** 40)
      .toString(16)
      .padStart(NONCE_DIGITS, "0");
    const login = loginOf(this.#number % this.#swarm.order.logins);
    this.#send({ id, method: "mining.submit", params: [`${login}.rig-${this.#number}`, this.job, nonce] });
  }

  #connect(): void {
    const { urls, logins } = this.#swarm.order;
    const url = urls[this.#number % urls.length] ?? "";
    const login = this.#number % logins;
    const socket = new WebSocket(`${url.replace(/^http/, "ws")}/stratum/${loginOf(login)}/rig-${this.#number}`, {
      headers: { "CF-Connecting-IP": addressOf(login) },
      perMessageDeflate: false,
    });
    this.#socket = socket;
    socket.on("error", () => undefined);
    socket.once("close", () => {
      this.job = "";
      this.#swarm.state.closed += 1;
      setTimeout(() => this.#connect(), randomInt(RETURN_MS.least, RETURN_MS.most));
    });
    socket.once("open", () => {
      this.#send({ id: 1, method: "mining.subscribe", params: ["bench/1", "EthereumStratum/1.0.0"] });
      this.#send({ id: 2, method: "mining.authorize", params: [loginOf(login), "x"] });
    });
    socket.on("message", (data: Buffer) => this.#heard(data.toString("latin1")));
  }

  #send(request: Readonly<Record<string, unknown>>): void {
    this.#socket?.send(`${JSON.stringify(request)}\n`);
  }

  #heard(text: string): void {
    const told = text.indexOf('"mining.notify","params":["');
    if (told < 0) return this.#swarm.answered(text);
    this.job = /"([^"]+)"/.exec(text.slice(told + '"mining.notify","params":['.length))?.[1] ?? "";
    this.#swarm.told(this.job);
    this.#joined?.();
    this.#joined = null;
  }
}

class Swarm {
  readonly order: MinersOrder;
  readonly state = { closed: 0, accepted: 0, refused: 0, jobs: 0 };
  readonly #spread = new Spread();
  readonly #rigs: Rig[] = [];
  #next = 0;

  constructor(order: MinersOrder) {
    this.order = order;
  }

  async open(): Promise<void> {
    for (let first = 0; first < this.order.sockets; first += JOINING) {
      const count = Math.min(JOINING, this.order.sockets - first);
      const some = Array.from({ length: count }, (_, at) => new Rig(this, first + at));
      this.#rigs.push(...some);
      await Promise.all(some.map((rig) => rig.join()));
    }
  }

  /** For ever. */
  async mine(): Promise<void> {
    for (let id = 1_000; ; id += 1) {
      await sleep(1_000 / this.order.sharesPerSecond);
      const rig = this.#rigs[this.#next++ % this.#rigs.length];
      if (rig !== undefined && rig.job !== "") rig.submit(id);
    }
  }

  told(job: string): void {
    this.state.jobs += 1;
    this.#spread.arrived(job, this.order.sockets);
  }

  answered(text: string): void {
    const id = Number(/^{"id":(\d+)/.exec(text)?.[1]);
    if (!(id >= 1_000)) return;
    if (text.includes('"result":true')) this.state.accepted += 1;
    else this.state.refused += 1;
  }

  now(): MinersState {
    const mining = this.#rigs.filter(({ job }) => job !== "").length;
    return { ...this.state, mining, spread: this.#spread.last, rssMb: Math.round(process.memoryUsage.rss() / 2 ** 20) };
  }
}

async function begin(swarm: Swarm): Promise<void> {
  await swarm.open();
  process.send?.(swarm.now());
  await swarm.mine();
}

if (process.send !== undefined) {
  let swarm: Swarm | null = null;
  process.on("message", (message) => {
    // Anything after the order asks how they are.
    if (swarm !== null) return void process.send?.(swarm.now());
    swarm = new Swarm(v.parse(orderSchema, message));
    void begin(swarm);
  });
  process.on("disconnect", () => process.exit());
}
