import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { readShares, verdictsText } from "../../core/shares/carried-text.ts";
import type { JudgedShare, ShareSubmission } from "../../core/shares/share.ts";
import { workText } from "../../core/work/work-text.ts";
import { loadConfig } from "../../durable-objects/platform/config.ts";
import { ledgerClient } from "../../durable-objects/platform/ledger-client.ts";
import { lightCaches } from "../../durable-objects/platform/light-caches.ts";
import { ofLogin } from "../../durable-objects/platform/at-home.ts";
import { MinerSession } from "../../durable-objects/miner-session.ts";
import { dialSession } from "../../durable-objects/platform/work-line.ts";
import { ShareVerifier } from "../../durable-objects/share-verifier.ts";
import { eventually } from "../support/eventually.ts";
import { blockIs, dial, lines, relay, relaysAre, session } from "./behind-relay.ts";
import { replaceMethod } from "./replace-method.ts";
import { StratumClient } from "./stratum-client.ts";
import { headerOf, LOGIN, useStratumPool } from "./stratum-pool.ts";

const LOGINS = [LOGIN, ...[1, 2, 3].map((at) => `0x${at.toString(16).padStart(40, "c")}`)];
useStratumPool(LOGINS);

/** The verifier as it is; its kernel finds every proof good for a share and for no block. */
const methodOf = (name: "submit" | "submitAll"): unknown =>
  Object.getOwnPropertyDescriptor(ShareVerifier.prototype, name)?.value;
// Descriptors are untyped.
const submit = methodOf("submit") as ShareVerifier["submit"];
const submitAll = methodOf("submitAll") as ShareVerifier["submitAll"];
const RESULT = Uint8Array.from({ length: 32 }, (_, at) => (at === 6 ? 0x80 : 0));
const MIX = "e".repeat(64);

interface Call {
  readonly by: "session" | "relay";
  readonly shares: readonly ShareSubmission[];
}
let calls: Call[] = [];
/** What happens around a relay's call. */
let before = async (): Promise<void> => undefined;
let after = async (): Promise<void> => undefined;

beforeEach(async () => {
  calls = [];
  [before, after] = [async () => undefined, async () => undefined];
  replaceMethod(ShareVerifier.prototype, "submit", async function one(this: ShareVerifier, share: ShareSubmission) {
    calls.push({ by: "session", shares: [share] });
    return await submit.call(this, share);
  });
  async function all(this: ShareVerifier, shares: readonly ShareSubmission[], straggleMs?: number) {
    const by = straggleMs === undefined ? "session" : "relay";
    calls.push({ by, shares });
    if (by === "relay") await before();
    const verdicts = await submitAll.call(this, shares, straggleMs);
    if (by === "relay") await after();
    return verdicts;
  }
  replaceMethod(ShareVerifier.prototype, "submitAll", all);
  vi.spyOn(lightCaches, "has").mockReturnValue(true);
  vi.spyOn(lightCaches, "resultOf").mockReturnValue(RESULT);
  vi.spyOn(lightCaches, "hash").mockImplementation((_epoch, inputs) =>
    inputs.map(() => ({ mixDigest: new Uint8Array(32).fill(0xee), result: RESULT })),
  );
  await relaysAre(1);
});

const verifier = () => env.SHARE_VERIFIER.getByName("shard-0");
let serial = 0;
/** @returns its nonce, as the ledger has it */
function send(miner: StratumClient, id: number): string {
  const nonce = `0x${(++serial).toString(16).padStart(16, "0")}`;
  miner.send(`{"id":${id},"method":"eth_submitWork","params":["${nonce}","${headerOf(2)}","0x${MIX}"]}\n`);
  return nonce;
}
const granted = (id: number) => `{"id":${id},"jsonrpc":"2.0","result":true}`;

/** A miner of each login that has had a valid share. */
async function proven(logins: readonly string[]): Promise<StratumClient[]> {
  const miners: StratumClient[] = [];
  for (const [at, login] of logins.entries()) {
    const miner = await StratumClient.connect(`/stratum/${login}`);
    await miner.ask(`{"id":1,"method":"eth_submitLogin","params":["${login}"]}`, 2);
    miners[at] = miner;
  }
  await blockIs(2);
  for (const [at, miner] of miners.entries()) {
    await miner.read(1);
    send(miner, 2);
    expect(await miner.read(1), `login ${at}`).toEqual([granted(2)]);
  }
  calls = [];
  return miners;
}

async function behindRelay(logins: readonly string[]): Promise<StratumClient[]> {
  const miners = await proven(logins);
  await dial(logins);
  return miners;
}

/** Of all submits so far, those of {@link proven} included: each is in the ledger once, and there is nothing else. */
async function expectBooks(nonces: readonly string[]): Promise<void> {
  const members = await ledgerClient(env, loadConfig(env)).command(["ZRANGE", "eth:pow", "0", "-1"]);
  const there = [members].flat().map((member) => String(member).split(":")[0]);
  for (const nonce of nonces) expect(there.filter((one) => one === nonce)).toHaveLength(1);
  const rates = await ledgerClient(env, loadConfig(env)).command(["ZCARD", "eth:hashrate"]);
  expect(rates).toBe(there.length);
}

const of = (by: Call["by"]) => calls.filter((call) => call.by === by).flatMap(({ shares }) => shares);

/** A share whose relay's call is held up before the verifier has it, or when it is to be answered; meanwhile something happens. */
async function meanwhile(when: "before" | "after", happens: () => Promise<void>): Promise<StratumClient> {
  const [miner] = await behindRelay([LOGIN]);
  if (miner === undefined) throw new Error("no miner");
  const arrived = Promise.withResolvers<void>();
  const hold = async () => {
    arrived.resolve();
    await new Promise(() => undefined);
  };
  if (when === "before") before = hold;
  else after = hold;
  // The clock stands still: nothing is overdue, so that only what happens can have the session ask.
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
  const nonce = send(miner, 40);
  await arrived.promise;
  await happens();
  expect(await miner.read(1)).toEqual([granted(40)]);
  expect(of("session").map((share) => [share.nonce, share.retry])).toEqual([[nonce, true]]);
  await expectBooks([nonce]);
  vi.useRealTimers();
  return miner;
}
/** Nobody waits for it: of an object that is stopped in the middle of a call the answer may never come here. */
const stop = async (object: ReturnType<typeof relay> | ReturnType<typeof verifier>) =>
  void runInDurableObject(object, (_object, state) => state.abort("stopped")).catch(() => undefined);

describe("shares behind a relay's socket in workerd", () => {
  it("go by the socket and come back by it: the verifier is called by the relay alone, for logins together, and the ledger has each once", async () => {
    const miners = await behindRelay(LOGINS);
    const nonces = Array.from({ length: 10 }, (_, id) => miners.map((miner) => send(miner, id + 10))).flat();
    for (const miner of miners)
      expect((await miner.read(10)).toSorted()).toEqual(Array.from({ length: 10 }, (_, id) => granted(id + 10)));
    expect(of("session")).toEqual([]);
    expect(
      of("relay")
        .map(({ nonce }) => nonce)
        .toSorted(),
    ).toEqual(nonces.toSorted());
    expect(calls.length).toBeLessThan(nonces.length);
    await expectBooks(nonces);
  });

  it("are asked for by calls when the relay is stopped under its call", async () => {
    await meanwhile("before", async () => await stop(relay()));
  });

  it("are asked for by calls when the relay is stopped as it is answered", async () => {
    await meanwhile("after", async () => await stop(relay()));
  });

  it("are asked for by calls when the verifier is stopped under the call, and has judged nothing", async () => {
    await meanwhile("before", async () => await stop(verifier()));
  });

  it("are asked for by calls when the verifier is stopped under the call, and the ledger has them", async () => {
    await meanwhile("after", async () => await stop(verifier()));
  });

  it("are asked for by calls when the session's end is closed, and go by the next socket", async () => {
    const miner = await meanwhile("after", async () => {
      await runInDurableObject(session(), (_object, state) => {
        for (const socket of state.getWebSockets("work")) socket.close(1011, "broken");
      });
    });
    after = async () => undefined;
    await blockIs(3);
    await miner.read(1);
    await dial();
    calls = [];
    const next = send(miner, 41);
    expect(await miner.read(1)).toEqual([granted(41)]);
    expect([of("session").length, of("relay").length]).toEqual([0, 1]);
    await expectBooks([next]);
  });
});

/** The test has the relay's end of a session's socket: an object that a relay of this test has one to cannot be evicted here. */
async function held() {
  const said: string[] = [];
  const events = { alive: () => undefined, lost: () => undefined, said: (text: string) => void said.push(text) };
  const socket = await dialSession(env, LOGIN, "relay-0", events);
  if (socket === null) throw new Error("no socket");
  await eventually(async () => expect(await lines()).toBe(1));
  const answer = (at: number, verdict: JudgedShare) => {
    const asked = readShares(said[at] ?? "");
    socket.send(verdictsText({ number: asked?.number ?? 0, verdicts: [verdict] }));
  };
  return { said, answer, socket };
}

describe("a session whose share is at the relay", () => {
  it("can sleep: it is evicted; what the relay answers to its former life is told to nobody, and its next share is its own", async () => {
    const [miner] = await proven([LOGIN]);
    if (miner === undefined) throw new Error("no miner");
    const { said, answer } = await held();
    send(miner, 40);
    await eventually(() => expect(said).toHaveLength(1));
    await evictDurableObject(session());
    answer(0, { kind: "invalid" });
    send(miner, 41);
    await eventually(() => expect(said).toHaveLength(2));
    answer(0, { kind: "invalid" });
    answer(1, { kind: "accepted", block: false });
    expect(await miner.read(1)).toEqual([granted(41)]);
    expect(calls).toEqual([]);
  });

  it("is woken by the answer, and its miner has it at once", async () => {
    const [miner] = await proven([LOGIN]);
    if (miner === undefined) throw new Error("no miner");
    const { said, answer } = await held();
    send(miner, 40);
    await eventually(() => expect(said).toHaveLength(1));
    answer(0, { kind: "accepted", block: false });
    expect(await miner.read(1)).toEqual([granted(40)]);
    expect(calls).toEqual([]);
  });

  it("ends a line that says what nobody can read, and asks by a call", async () => {
    const [miner] = await proven([LOGIN]);
    if (miner === undefined) throw new Error("no miner");
    const { said, socket } = await held();
    const nonce = send(miner, 40);
    await eventually(() => expect(said).toHaveLength(1));
    // That it ends the line has it ask: neither time nor what becomes of the other end.
    const closed = Object.getOwnPropertyDescriptor(MinerSession.prototype, "webSocketClose")
      ?.value as MinerSession["webSocketClose"];
    async function ofMiners(this: MinerSession, ws: WebSocket, code: number, reason: string) {
      const kept: unknown = ws.deserializeAttachment();
      const isLine = typeof kept === "object" && kept !== null && "relay" in kept;
      if (!isLine) await closed.call(this, ws, code, reason);
    }
    replaceMethod(MinerSession.prototype, "webSocketClose", ofMiners);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
    socket.send('{"verdicts":1');
    expect(await miner.read(1)).toEqual([granted(40)]);
    vi.useRealTimers();
    expect(of("session").map((share) => [share.nonce, share.retry])).toEqual([[nonce, true]]);
    await eventually(async () => expect(await lines()).toBe(0));
  });

  it.each([
    ["anybody at all calls the session", async () => void (await ofLogin(env, env.MINER_SESSION, LOGIN).figures())],
    ["a miner says anything", async (miner: StratumClient) => miner.send("\n")],
  ])("asks for it by a call when it waits for too long and %s", async (_, wake) => {
    const [miner] = await proven([LOGIN]);
    if (miner === undefined) throw new Error("no miner");
    const { said } = await held();
    // Nothing else wakes it: its relay neither dials nor pushes, and no alarm rings.
    replaceMethod(MinerSession.prototype, "alarm", async () => undefined);
    replaceMethod(MinerSession.prototype, "fetch", async () => new Response(null, { status: 204 }));
    replaceMethod(MinerSession.prototype, "pushWork", async () => 1);
    const nonce = send(miner, 40);
    await eventually(() => expect(said).toHaveLength(1));
    await new Promise((resolve) => setTimeout(resolve, 2_050));
    await wake(miner);
    expect(await miner.read(1)).toEqual([granted(40)]);
    expect(of("session").map((share) => [share.nonce, share.retry])).toEqual([[nonce, true]]);
    await expectBooks([nonce]);
  });

  it("asks for it by a call when the login moves to another relay meanwhile", async () => {
    const [miner] = await proven([LOGIN]);
    if (miner === undefined) throw new Error("no miner");
    const { said, socket } = await held();
    const nonce = send(miner, 40);
    await eventually(() => expect(said).toHaveLength(1));
    const work = await env.BLOCK_TEMPLATE.getByName("main").snapshot();
    if (work === null) throw new Error("no work");
    socket.send(workText({ ...work, relays: 0, sequence: work.sequence + 1 }));
    expect(await miner.read(1)).toEqual([granted(40)]);
    expect(of("session").map((share) => [share.nonce, share.retry])).toEqual([[nonce, true]]);
    await eventually(async () => expect(await lines()).toBe(0));
    await expectBooks([nonce]);
  });

  it("makes calls where the relay is of before and has not said that it takes shares, or takes others than are written", async () => {
    const [miner] = await proven([LOGIN]);
    if (miner === undefined) throw new Error("no miner");
    const said: unknown[] = [];
    for (const [id, more] of [{}, { "edgepool-shares": "0" }].entries()) {
      const headers = { Upgrade: "websocket", "edgepool-work-from": "relay-0", ...more };
      const response = await session().fetch("https://miner-session/", { headers });
      response.webSocket?.addEventListener("message", ({ data }) => void said.push(data));
      response.webSocket?.accept();
      await eventually(async () => expect(await lines()).toBe(1));
      send(miner, 40 + id);
      expect(await miner.read(1)).toEqual([granted(40 + id)]);
      expect([of("session").length, said]).toEqual([id + 1, []]);
    }
  });
});
