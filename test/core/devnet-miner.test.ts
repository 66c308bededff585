import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { createInterface } from "node:readline";
import { Ethash, meetsTarget, targetOf, toHex } from "@edgepool/ethash-wasm";
import { customChain, epochOf } from "@edgepool/ethash-wasm/chain-spec";
import { loadKernel } from "@edgepool/ethash-wasm/node";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { startMiner, type Miner, type MinerEvent, type MinerOptions } from "../../devnet/miner/miner.ts";

const LOGIN = "0xb85150eb365e7df0941f0cf08235f987ba91506a";
const HEADER = `0x${"a1".repeat(32)}`;
const NEXT_HEADER = `0x${"b2".repeat(32)}`;
const SEED = `0x${"0".repeat(64)}`;
const TARGET = `0x${targetOf(16n).toString(16).padStart(64, "0")}`;
const ethash = Ethash.instantiate(loadKernel());

type Message = Record<string, unknown> & { id: number; method: string; params: string[] };

/** A pool that a test writes line by line: every request of the miner goes to `answer`. */
class ScriptedPool {
  readonly seen: Message[] = [];
  readonly sockets: Socket[] = [];
  readonly server: Server;
  answer: (request: Message, socket: Socket) => void = () => undefined;

  constructor() {
    this.server = createServer((socket) => {
      this.sockets.push(socket);
      // The miner cuts connections on purpose; readline passes its stream's errors on.
      socket.on("error", () => undefined);
      const lines = createInterface(socket).on("error", () => undefined);
      lines.on("line", (line) => {
        const message = JSON.parse(line) as Message;
        this.seen.push(message);
        this.answer(message, socket);
      });
    });
  }

  async listen(): Promise<number> {
    this.server.listen(0, "127.0.0.1");
    await once(this.server, "listening");
    const address = this.server.address();
    return typeof address === "object" ? (address?.port ?? 0) : 0;
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
    await once(this.server, "close");
  }
}

const say = (socket: Socket, ...messages: unknown[]): void => {
  socket.write(messages.map((message) => `${JSON.stringify(message)}\n`).join(""));
};

const ending: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ending.splice(0).toReversed()) await end();
});
beforeAll(() => ethash.buildCache(epochOf(customChain({ name: "devnet" }), 0)));

/** Starts pool and miner. `until` is fulfilled with the first event for which it returns true. */
async function scene(answer: ScriptedPool["answer"], options: Partial<MinerOptions> = {}) {
  const pool = new ScriptedPool();
  pool.answer = answer;
  const port = await pool.listen();
  ending.push(() => pool.close());
  const events: MinerEvent[] = [];
  const waiting = new Set<() => void>();
  const miner: Miner = startMiner({
    host: "127.0.0.1",
    port,
    login: LOGIN,
    worker: "rig-1",
    threads: 1,
    reconnectMs: 10,
    ...options,
    onEvent: (event) => {
      events.push(event);
      for (const check of waiting) check();
    },
  });
  ending.push(() => miner.close());
  const until = (wanted: (event: MinerEvent) => boolean): Promise<MinerEvent> =>
    new Promise((resolve) => {
      const check = (): void => {
        const found = events.find(wanted);
        if (found === undefined) return;
        waiting.delete(check);
        resolve(found);
      };
      waiting.add(check);
      check();
    });
  return { pool, miner, events, until };
}

/** eth-proxy as a pool answers it; submits get what `verdict` gives. */
function ethProxy(verdict: (request: Message, socket: Socket) => Record<string, unknown> | null) {
  return (request: Message, socket: Socket): void => {
    const reply = (rest: Record<string, unknown>): void => say(socket, { id: request.id, jsonrpc: "2.0", ...rest });
    if (request.method === "eth_submitLogin") reply({ result: true });
    else if (request.method === "eth_getWork") reply({ result: [HEADER, SEED, TARGET] });
    else if (request.method === "eth_submitWork") {
      const rest = verdict(request, socket);
      if (rest !== null) reply(rest);
    } else reply({ result: true });
  };
}

const shareIs = (outcome: string) => (event: MinerEvent) => event.kind === "share" && event.outcome === outcome;

describe("the CPU miner on eth-proxy", () => {
  it("logs in as ethminer does, asks for work once and submits nonces whose proof of work is right", async () => {
    const { pool, miner, until } = await scene(ethProxy(() => ({ result: true })));
    await until(shareIs("accepted"));
    const [login, getWork, submit] = pool.seen;
    expect(login).toEqual({ id: 1, method: "eth_submitLogin", params: [LOGIN, "x"], worker: "rig-1" });
    expect(getWork).toEqual({ id: 5, method: "eth_getWork", params: [] });
    expect(submit).toMatchObject({ id: 40, jsonrpc: "2.0", method: "eth_submitWork", worker: "rig-1" });
    const [nonce = "", header = "", mix = ""] = submit?.params ?? [];
    expect(nonce).toMatch(/^0x[0-9a-f]{16}$/);
    expect(header).toBe(HEADER);
    const { mixDigest, result } = ethash.hash(header, BigInt(nonce));
    expect(mix).toBe(`0x${toHex(mixDigest)}`);
    expect(meetsTarget(result, BigInt(TARGET))).toBe(true);
    expect(miner.stats).toMatchObject({ connected: true, connections: 1, jobs: 1, invalid: 0, stale: 0 });
  });

  it("turns to a pushed job at once", async () => {
    let pushed = false;
    const { pool, until } = await scene(
      ethProxy((_, socket) => {
        if (!pushed) say(socket, { id: 0, jsonrpc: "2.0", result: [NEXT_HEADER, SEED, TARGET] });
        pushed = true;
        return { result: true };
      }),
    );
    await until((event) => event.kind === "share" && event.header === NEXT_HEADER);
    expect(pool.seen.filter(({ method }) => method === "eth_getWork")).toHaveLength(1);
  });

  it("counts a bare false as stale when the job has changed and as invalid when it has not", async () => {
    let submits = 0;
    const { until, miner } = await scene(
      ethProxy((_, socket) => {
        submits++;
        if (submits === 2) say(socket, { id: 0, jsonrpc: "2.0", result: [NEXT_HEADER, SEED, TARGET] });
        return { result: false };
      }),
    );
    await until(shareIs("invalid"));
    await until(shareIs("stale"));
    expect(miner.stats.invalid).toBeGreaterThan(0);
  });

  it("tells duplicate, invalid and other refusals apart by their code", async () => {
    const refusals = [
      { code: 22, message: "Duplicate share" },
      { code: 23, message: "Invalid share" },
      { code: 0, message: "Work not ready" },
    ];
    let next = 0;
    const { until } = await scene(ethProxy(() => ({ result: null, error: refusals[next++ % 3] })));
    expect(await until(shareIs("duplicate"))).toMatchObject({ reason: "Duplicate share" });
    expect(await until(shareIs("invalid"))).toMatchObject({ reason: "Invalid share" });
    expect(await until(shareIs("rejected"))).toMatchObject({ reason: "Work not ready" });
  });

  it("connects again after the pool cut the connection, and counts what was not answered as wasted", async () => {
    let cut = false;
    const { until, pool, miner } = await scene(
      ethProxy((_, socket) => {
        if (cut) return { result: true };
        cut = true;
        socket.destroy();
        return null;
      }),
    );
    await until(shareIs("wasted"));
    await until(shareIs("accepted"));
    expect(pool.sockets.length).toBe(2);
    expect(miner.stats).toMatchObject({ connections: 2, connected: true });
  });

  it("gives the connection up when a login or a submit is not answered", async () => {
    const silent = await scene(() => undefined, { responseTimeoutMs: 30 });
    expect(await silent.until((event) => event.kind === "disconnected")).toMatchObject({
      reason: "no answer to login within 30 ms",
    });
    const mute = await scene(
      ethProxy(() => null),
      { responseTimeoutMs: 200 },
    );
    expect(await mute.until((event) => event.kind === "disconnected")).toMatchObject({
      reason: "no answer to a submit within 200 ms",
    });
  });

  it("keeps trying while nobody listens, waits longer each time, and says why a login was refused", async () => {
    const { pool, until } = await scene(
      ({ id }, socket) =>
        say(socket, { id, jsonrpc: "2.0", result: null, error: { code: -1, message: "Invalid login" } }),
      { reconnectMs: 1 },
    );
    expect(await until((event) => event.kind === "disconnected")).toMatchObject({
      reason: "login refused: Invalid login",
      retryInMs: 1,
    });
    expect(await until((event) => event.kind === "disconnected" && event.retryInMs >= 8)).toBeDefined();
    await pool.close();
    ending.shift();
    await until((event) => event.kind === "disconnected" && event.reason.includes("ECONNREFUSED"));
  });

  it("sends its hashrate as a 32-digit number under id 9", async () => {
    const { pool, until } = await scene(
      ethProxy(() => ({ result: true })),
      { hashrateEveryMs: 20 },
    );
    await until(shareIs("accepted"));
    const rate = await new Promise<Message>((resolve) => {
      const { answer } = pool;
      pool.answer = (request, socket) => {
        answer(request, socket);
        if (request.id === 9) resolve(request);
      };
    });
    expect(rate).toMatchObject({ id: 9, method: "eth_submitHashrate", worker: "rig-1" });
    expect(rate.params).toEqual([expect.stringMatching(/^0x[0-9a-f]{32}$/), expect.stringMatching(/^0x[0-9a-f]{64}$/)]);
  });

  it("says so, and mines nothing, when no epoch of its chain has the seed", async () => {
    const { until, miner } = await scene(({ id, method }, socket) => {
      const result = method === "eth_submitLogin" ? true : [HEADER, `0x${"cd".repeat(32)}`, TARGET];
      say(socket, { id, jsonrpc: "2.0", result });
    });
    expect(await until((event) => event.kind === "failure")).toMatchObject({ reason: /^no epoch has the seed cdcd/ });
    expect(miner.stats.hashes).toBe(0);
  });

  it("ends its connection and its threads when it is closed", async () => {
    const { pool, miner, until } = await scene(ethProxy(() => ({ result: true })));
    await until(shareIs("accepted"));
    const [socket] = pool.sockets;
    const closed = socket && once(socket, "close");
    await miner.close();
    await closed;
    expect(miner.stats.connected).toBe(false);
  });
});

describe("the CPU miner on EthereumStratum/1.0.0", () => {
  it("subscribes, authorises, keeps to its extranonce and to the difficulty that was set before the job", async () => {
    // 16 hashes on this dialect's scale.
    const difficulty = 16 / 4_295_032_833;
    const { pool, until } = await scene(
      ({ id, method }, socket) => {
        if (method === "mining.subscribe") {
          say(socket, { id, result: [["mining.notify", "s1", "EthereumStratum/1.0.0"], "080c"], error: null });
        } else if (method === "mining.authorize") {
          say(
            socket,
            { id, result: true, error: null },
            { id: null, method: "mining.set_difficulty", params: [difficulty] },
            { id: null, method: "mining.notify", params: ["job-1", SEED.slice(2), HEADER.slice(2), true] },
          );
        } else if (method === "mining.submit") say(socket, { id, result: true, error: null });
        else say(socket, { id, result: true, error: null });
      },
      { dialect: "ethereum-stratum" },
    );
    await until(shareIs("accepted"));
    expect(pool.seen.map(({ method }) => method).slice(0, 4)).toEqual([
      "mining.subscribe",
      "mining.extranonce.subscribe",
      "mining.authorize",
      "mining.submit",
    ]);
    const [user, job, tail] = pool.seen[3]?.params ?? [];
    expect([user, job]).toEqual([`${LOGIN}.rig-1`, "job-1"]);
    expect(tail).toMatch(/^[0-9a-f]{12}$/);
    const { result } = ethash.hash(HEADER, BigInt(`0x080c${tail}`));
    expect(meetsTarget(result, targetOf(16n))).toBe(true);
  });

  it("reads the array errors of that dialect", async () => {
    const codes = [21, 22, 23, 20];
    let next = 0;
    const { until } = await scene(
      ({ id, method }, socket) => {
        if (method === "mining.subscribe") say(socket, { id, result: [["mining.notify", "s", "E"], ""], error: null });
        else if (method === "mining.authorize") {
          say(
            socket,
            { id, result: true, error: null },
            { id: null, method: "mining.set_difficulty", params: [4 / 4_295_032_833] },
            { id: null, method: "mining.notify", params: ["j", SEED.slice(2), HEADER.slice(2), true] },
          );
        } else if (method === "mining.submit")
          say(socket, { id, result: null, error: [codes[next++ % 4], "no", null] });
      },
      { dialect: "ethereum-stratum" },
    );
    await Promise.all(["stale", "duplicate", "invalid", "rejected"].map((outcome) => until(shareIs(outcome))));
    expect(next).toBeGreaterThanOrEqual(4);
  });
});
