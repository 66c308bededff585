import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { WebSocket } from "ws";

/** What an attack took. */
export interface Effort {
  connections: number;
  /** Sent by the attacker, without the framing of TCP and TLS. */
  bytes: number;
  /** Connections that the pool ended, or refused. */
  closed: number;
}

/** What an attack works with. */
interface Front {
  readonly url: string;
  readonly header: string;
  readonly effort: Effort;
  readonly sinceMs: number;
  readonly untilMs: number;
}

/** What all attackers together can send: a good line at home. */
const UPLINK_BYTES_PER_SECOND = 50e6 / 8;
/** There and back over such a line. */
const ROUND_TRIP_MS = 40;
/** TCP, TLS and the upgrade, before the pool hears of a socket; and until the attacker hears that it was closed. */
const OPENING_MS = 2.5 * ROUND_TRIP_MS;
const CLOSING_MS = ROUND_TRIP_MS / 2;
/** What the kernel takes at once. */
const BURST_BYTES = 1024 * 1024;

function isLineFree({ effort, sinceMs }: Front): boolean {
  return effort.bytes <= BURST_BYTES + ((performance.now() - sinceMs) / 1_000) * UPLINK_BYTES_PER_SECOND;
}

export interface Attack {
  readonly name: string;
  run(front: Front): Promise<void>;
}

/** A name for each of many clients; TEST-NET-3 and what follows it. */
const clientIp = () => `203.${randomBytes(3).join(".")}`;
const login = () => `0x${randomBytes(20).toString("hex")}`;
const VICTIM = `0x${"1".padStart(40, "c")}`;
const line = (id: number, method: string, params: readonly string[], more = {}) =>
  `${JSON.stringify({ id, method, params, ...more })}\n`;
const worker = () => randomBytes(8).toString("hex");

/** One socket of an attacker's. It never waits for anything and minds nothing. */
class Puppet {
  readonly #socket: WebSocket;
  readonly #front: Front;
  isOpen = true;

  constructor(front: Front, path: string, ip = clientIp()) {
    const { url, effort } = front;
    this.#front = front;
    effort.connections += 1;
    effort.bytes += 300;
    this.#socket = new WebSocket(`${url.replace("http", "ws")}${path}`, {
      headers: { "CF-Connecting-IP": ip },
      perMessageDeflate: false,
    });
    this.#socket.on("error", () => this.#end());
    this.#socket.on("close", () => this.#end());
    this.#socket.on("message", () => undefined);
  }

  async opened(): Promise<void> {
    while (this.isOpen && this.#socket.readyState === WebSocket.CONNECTING) await sleep(5);
  }

  /** Sends unless the line is busy: what is not sent costs the attacker nothing. */
  send(text: string | Buffer): void {
    if (this.#socket.readyState !== WebSocket.OPEN || this.#socket.bufferedAmount > 4_000_000) return;
    if (!isLineFree(this.#front)) return;
    this.#front.effort.bytes += text.length;
    this.#socket.send(text);
  }

  close(): void {
    this.#socket.removeAllListeners("close");
    this.#socket.terminate();
  }

  #end(): void {
    if (this.isOpen) this.#front.effort.closed += 1;
    this.isOpen = false;
  }
}

/** Keeps `count` puppets going, each replaced when the pool ends it, and has each act at an interval. */
async function keepGoing(
  front: Front,
  count: number,
  everyMs: number,
  open: () => Puppet,
  act: (puppet: Puppet, turn: number) => void,
  greet: (puppet: Puppet) => void = () => undefined,
): Promise<void> {
  await Promise.all(
    Array.from({ length: count }, async (_, at) => {
      await sleep((at * everyMs) / count);
      let puppet = open();
      let isNew = true;
      for (let turn = 0; performance.now() < front.untilMs; turn++) {
        if (!puppet.isOpen) {
          await sleep(CLOSING_MS + OPENING_MS);
          [puppet, isNew] = [open(), true];
        }
        await puppet.opened();
        if (isNew) greet(puppet);
        isNew = false;
        act(puppet, turn);
        await sleep(everyMs);
      }
      puppet.close();
    }),
  );
}

async function request(front: Front, ip: string, path: string, body: string | null): Promise<void> {
  front.effort.connections += 1;
  front.effort.bytes += 300 + (body?.length ?? 0);
  const init = body === null ? {} : { method: "POST", body };
  const headers = { "CF-Connecting-IP": ip };
  const response = await fetch(`${front.url}${path}`, { headers, ...init }).catch(() => null);
  if (response === null || response.status === 403 || response.status === 429) front.effort.closed += 1;
  await response?.arrayBuffer().catch(() => undefined);
}

/** So many requests a second, from twenty clients. */
async function flood(front: Front, perSecond: number, one: (ip: string) => Promise<void>): Promise<void> {
  const ips = Array.from({ length: 20 }, clientIp);
  const under = new Set<Promise<void>>();
  for (let n = 0; performance.now() < front.untilMs; n++) {
    const asked = one(ips[n % ips.length] ?? "").finally(() => under.delete(asked));
    under.add(asked);
    await sleep(under.size > 64 ? 100 : 1000 / perSecond);
  }
  await Promise.all(under);
}

const bursts = (count: number, one: () => string) => Array.from({ length: count }, one).join("");
const subscribe = line(1, "mining.subscribe", ["evil/1", "EthereumStratum/1.0.0"]);

const logIn = (user: string) => (puppet: Puppet) => puppet.send(line(1, "eth_submitLogin", [user, "x"]));
const authorize = (puppet: Puppet) => puppet.send(subscribe + line(2, "mining.authorize", [login(), "x"]));

/** Not an attack: what one does to latencies by running on the same machine. */
export const CONTROL = "nobody: a process beside it that only computes";

/** From the outside in: what anybody can do to a pool whose address they know. */
export const ATTACKS: readonly Attack[] = [
  {
    name: CONTROL,
    run: async ({ untilMs }) => {
      while (performance.now() < untilMs) {
        for (let n = 0; n < 1_000; n++) randomBytes(1_024);
        await sleep(0);
      }
    },
  },
  {
    name: "junk with a mix digest, to a miner's login",
    run: (front) => {
      const junk = () => {
        const params = [`0x${randomBytes(8).toString("hex")}`, front.header, `0x${randomBytes(32).toString("hex")}`];
        return line(4, "eth_submitWork", params, { worker: worker() });
      };
      const open = () => new Puppet(front, `/stratum/${VICTIM}`);
      return keepGoing(front, 13, 100, open, (puppet) => puppet.send(bursts(5, junk)), logIn(VICTIM));
    },
  },
  {
    name: "junk without a mix digest",
    run: (front) => {
      const job = front.header.slice(2);
      const junk = () => line(4, "mining.submit", ["x", job, randomBytes(5).toString("hex")]);
      const open = () => new Puppet(front, "/stratum");
      return keepGoing(front, 13, 100, open, (puppet) => puppet.send(bursts(5, junk)), authorize);
    },
  },
  {
    name: "malformed lines",
    run: (front) =>
      keepGoing(
        front,
        20,
        20,
        () => new Puppet(front, "/stratum"),
        (puppet) => puppet.send(`{"id":${randomBytes(4).toString("hex")}\n`),
      ),
  },
  {
    name: "empty lines",
    run: (front) => {
      const open = () => new Puppet(front, "/stratum");
      return keepGoing(front, 13, 20, open, (puppet) => puppet.send("\n".repeat(2_000)), logIn(login()));
    },
  },
  {
    name: "frames of 8 MB of newlines",
    run: (front) => {
      const frame = Buffer.alloc(8 * 1024 * 1024, "\n");
      return keepGoing(
        front,
        5,
        250,
        () => new Puppet(front, "/stratum"),
        (puppet) => puppet.send(frame),
      );
    },
  },
  {
    name: "connections without a login, to ever new addresses",
    run: async (front) => {
      const puppets: Puppet[] = [];
      while (performance.now() < front.untilMs) {
        puppets.push(new Puppet(front, `/stratum/${login()}`));
        await sleep(10);
      }
      for (const puppet of puppets) puppet.close();
    },
  },
  {
    name: "logins of ever new addresses",
    run: async (front) => {
      const puppets: Puppet[] = [];
      while (performance.now() < front.untilMs) {
        const puppet = new Puppet(front, "/stratum");
        puppets.push(puppet);
        void puppet.opened().then(() => puppet.send(line(1, "eth_submitLogin", [login(), "x"])));
        await sleep(20);
      }
      for (const puppet of puppets) puppet.close();
    },
  },
  {
    name: "slow lorises: 300 sockets, a byte a second",
    run: (front) =>
      keepGoing(
        front,
        300,
        1_000,
        () => new Puppet(front, `/stratum/${VICTIM}`),
        (puppet) => puppet.send(" "),
      ),
  },
  {
    name: "API: unknown accounts and their history",
    run: (front) =>
      flood(front, 200, async (ip) => {
        const path = `/api/accounts/${login()}${Math.random() < 0.5 ? "" : "/history"}`;
        await request(front, ip, path, null);
      }),
  },
  {
    name: "HTTP getwork for unknown logins",
    run: (front) => flood(front, 200, (ip) => request(front, ip, `/${login()}`, line(1, "eth_getWork", []).trimEnd())),
  },
];
