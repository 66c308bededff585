import { env } from "cloudflare:workers";
import { describe, expect, it, vi } from "vitest";
import { BlockTemplate } from "../../durable-objects/block-template.ts";
import { IpGuard } from "../../durable-objects/ip-guard.ts";
import { StratumClient } from "./stratum-client.ts";
import {
  clientsAtGuard,
  headerOf,
  LOGIN,
  nodeHas,
  pushNodeWork,
  useStratumPool,
  workOf,
  world,
} from "./stratum-pool.ts";
import { eventually } from "../support/eventually.ts";

useStratumPool();

const LOGIN_LINE = `{"id":1,"jsonrpc":"2.0","method":"eth_submitLogin","params":["${LOGIN}"]}`;
const GRANTED = ['{"id":1,"jsonrpc":"2.0","result":true}', `{"id":0,"jsonrpc":"2.0","result":${workOf(1)}}`];
const NONCE = "0x0123456789abcdef";
const MIX = `0x${"e".repeat(64)}`;
const submit = (id: number, header = headerOf(1), nonce = NONCE) =>
  `{"id":${id},"jsonrpc":"2.0","method":"eth_submitWork","params":["${nonce}","${header}","${MIX}"],"worker":"rig-1"}`;
const error = (id: number | string, code: number, message: string) =>
  `{"id":${id},"jsonrpc":"2.0","result":null,"error":{"code":${code},"message":"${message}"}}`;

// The same transcripts on both ways in: straight to the object of the login, and with the login in band.
describe.each([`/stratum/${LOGIN}`, "/stratum"])("eth-proxy over a WebSocket to %s, byte for byte", (path) => {
  const connect = (ip?: string) => StratumClient.connect(path, ip);
  const loggedIn = async (ip?: string) => {
    const miner = await connect(ip);
    expect(await miner.ask(LOGIN_LINE, 2)).toEqual(GRANTED);
    return miner;
  };

  it("grants a login, pushes the job, answers getWork, submit and hashrate", async () => {
    const miner = await loggedIn();
    expect(await miner.ask('{"id":1,"jsonrpc":"2.0","method":"eth_getWork"}')).toEqual([
      `{"id":1,"jsonrpc":"2.0","result":${workOf(1)}}`,
    ]);
    expect(await miner.ask(submit(1))).toEqual(['{"id":1,"jsonrpc":"2.0","result":true}']);
    expect(await miner.ask('{"id":9,"method":"eth_submitHashrate","params":["0x1","0x2"]}')).toEqual([
      '{"id":9,"jsonrpc":"2.0","result":true}',
    ]);
    expect(miner.unended).toBe("");
    expect(world.shares).toMatchObject([
      {
        login: LOGIN,
        worker: "rig-1",
        nonce: NONCE,
        mixDigest: MIX,
        job: { header: headerOf(1), height: 100 },
        shareDifficulty: 2n ** 33n,
        retry: false,
      },
    ]);
  });

  it("pushes a new job to a logged-in miner", async () => {
    const miner = await loggedIn();
    nodeHas(2, 101);
    await pushNodeWork();
    expect(await miner.read(1)).toEqual([`{"id":0,"jsonrpc":"2.0","result":${workOf(2)}}`]);
    expect(await miner.ask(submit(3, headerOf(1)))).toEqual(['{"id":3,"jsonrpc":"2.0","result":true}']);
  });

  it("tells the verifier that the round of a job was closed, once the template has said so, and the miner hears nothing of that", async () => {
    const miner = await loggedIn();
    await miner.ask(submit(1));
    await env.BLOCK_TEMPLATE.getByName("main").closeRound(100);
    expect(await miner.ask(submit(2))).toEqual(['{"id":2,"jsonrpc":"2.0","result":true}']);
    expect(world.shares.map(({ job }) => job.roundClosed)).toEqual([undefined, true]);
    nodeHas(2, 100);
    await pushNodeWork();
    await miner.read(1);
    await miner.ask(submit(3, headerOf(2)));
    expect(world.shares.at(-1)?.job.roundClosed).toBeUndefined();
  });

  it("passes on what comes with a verdict: a found block to the template, a refuted share to the login and the guard", async () => {
    const refresh = vi.spyOn(BlockTemplate.prototype, "refresh");
    const close = vi.spyOn(BlockTemplate.prototype, "closeRound");
    const report = vi.spyOn(IpGuard.prototype, "report");
    world.verdict = async () => ({
      kind: "accepted",
      block: false,
      found: { height: 100, solo: false },
      refuted: [{ worker: "rig", client: "192.0.2.77" }],
    });
    const miner = await loggedIn();
    expect(await miner.ask(submit(1))).toEqual(['{"id":1,"jsonrpc":"2.0","result":true}']);
    await eventually(() => expect([refresh.mock.calls, close.mock.calls]).toEqual([[[]], [[100]]]));
    await eventually(() => expect(report).toHaveBeenCalledWith("192.0.2.77", LOGIN, { invalid: 1 }));
  });

  it("answers false to a stale share and to an invalid one, and 22 to a duplicate, and stays", async () => {
    const miner = await loggedIn();
    expect(await miner.ask(submit(2, headerOf(77)))).toEqual(['{"id":2,"jsonrpc":"2.0","result":false}']);
    expect(world.shares).toEqual([]);
    world.verdict = async () => ({ kind: "invalid" });
    expect(await miner.ask(submit(3))).toEqual(['{"id":3,"jsonrpc":"2.0","result":false}']);
    world.verdict = async () => ({ kind: "duplicate" });
    expect(await miner.ask(submit(40))).toEqual([error(40, 22, "Duplicate share")]);
    world.verdict = async () => ({ kind: "unavailable", reason: "outbox full" });
    expect(await miner.ask(submit(41))).toEqual([error(41, 0, "Work not ready")]);
    expect(await miner.ask('{"id":5,"method":"eth_getWork","params":[]}')).toEqual([
      `{"id":5,"jsonrpc":"2.0","result":${workOf(1)}}`,
    ]);
  });

  it("says Work not ready to getWork and submit while the node has none, and pushes the first job", async () => {
    world.work = null;
    const miner = await connect();
    expect(await miner.ask(LOGIN_LINE)).toEqual(['{"id":1,"jsonrpc":"2.0","result":true}']);
    expect(await miner.ask('{"id":2,"method":"eth_getWork"}')).toEqual([error(2, 0, "Work not ready")]);
    expect(await miner.ask(submit(3))).toEqual([error(3, 0, "Work not ready")]);
    nodeHas(1);
    await pushNodeWork();
    expect(await miner.read(1)).toEqual([`{"id":0,"jsonrpc":"2.0","result":${workOf(1)}}`]);
  });

  const closing: [what: string, login: boolean, line: string, reply: string, reason: string][] = [
    [
      "a wrong login",
      false,
      '{"id":1,"method":"eth_submitLogin","params":["x"]}',
      error(1, -1, "Invalid login"),
      "Invalid login",
    ],
    [
      "a login without params",
      false,
      '{"id":1,"method":"eth_submitLogin"}',
      error(1, -1, "Invalid params"),
      "Invalid params",
    ],
    ["a submit before login", false, submit(4), error(4, 25, "Not subscribed"), "Not subscribed"],
    [
      "an unknown first method",
      false,
      '{"id":1,"method":"mining.configure"}',
      error(1, -3, "Method not found"),
      "Method not found",
    ],
    [
      "an unknown method",
      true,
      '{"id":2,"method":"eth_chainId"}',
      error(2, -3, "Method not found"),
      "Method not found",
    ],
    [
      "a submit with two params",
      true,
      `{"id":4,"method":"eth_submitWork","params":["${NONCE}","${MIX}"]}`,
      error(4, -1, "Invalid params"),
      "Invalid params",
    ],
    [
      "a submit with a short nonce",
      true,
      submit(4, headerOf(1), "0x01"),
      error(4, -1, "Malformed PoW result"),
      "Malformed PoW result",
    ],
    ["a line that is not JSON", true, "{", error("null", -1, "Malformed request"), "Malformed request"],
  ];
  for (const [what, login, line, reply, reason] of closing) {
    it(`answers ${what} and closes`, async () => {
      const miner = login ? await loggedIn() : await connect();
      expect(await miner.ask(line)).toEqual([reply]);
      expect(await miner.closed()).toEqual({ code: 1008, reason });
    });
  }

  it("closes on a line over 1,024 bytes", async () => {
    const miner = await loggedIn();
    miner.send("x".repeat(1000), "x".repeat(25));
    expect(await miner.closed()).toEqual({ code: 1008, reason: "Line too long" });
  });

  it("refuses with 23 when the limit of invalid shares is reached, closes, and again with -1 on a valid share", async () => {
    // Defaults of policy.banning: judged at 30 shares, refused from 30 % on.
    const [first, second] = clientsAtGuard(path === "/stratum" ? 2 : 4);
    const miner = await loggedIn(first);
    world.verdict = async ({ nonce }) => (nonce === NONCE ? { kind: "invalid" } : { kind: "accepted", block: false });
    let id = 0;
    let answer = "";
    do {
      id += 1;
      [answer = ""] = await miner.ask(submit(id));
    } while (answer === `{"id":${id},"jsonrpc":"2.0","result":false}` && id < 60);
    expect(answer).toBe(error(id, 23, "Invalid share"));
    // More only where the guard has begun anew: see clientsAtGuard.
    expect(id).toBeGreaterThanOrEqual(30);
    expect(await miner.closed()).toEqual({ code: 1008, reason: "Invalid share" });
    const again = await loggedIn(second);
    for (let invalid = 1; invalid < 30; invalid++) await again.ask(submit(invalid));
    expect(await again.ask(submit(30, headerOf(1), "0x0000000000000001"))).toEqual([
      error(30, -1, "High rate of invalid shares"),
    ]);
    expect(await again.closed()).toEqual({ code: 1008, reason: "High rate of invalid shares" });
  });

  it("never counts stale shares towards a ban", async () => {
    const miner = await loggedIn();
    for (let id = 1; id <= 60; id++) {
      expect(await miner.ask(submit(id, headerOf(77)))).toEqual([`{"id":${id},"jsonrpc":"2.0","result":false}`]);
    }
    expect(await miner.ask(submit(61))).toEqual(['{"id":61,"jsonrpc":"2.0","result":true}']);
  });

  it("reads lines from text and binary frames, cut anywhere", async () => {
    const miner = await connect();
    const bytes = new TextEncoder().encode(`${LOGIN_LINE}\r\n{"id":"ä","method":"eth_getWork"}\n`);
    miner.send(
      new TextDecoder().decode(bytes.slice(0, 30)),
      bytes.slice(30, 31),
      bytes.slice(31, 99),
      bytes.slice(99, 101),
    );
    const umlaut = bytes.lastIndexOf(0xc3);
    miner.send(bytes.slice(101, umlaut + 1), bytes.slice(umlaut + 1));
    expect(await miner.read(3)).toEqual([...GRANTED, `{"id":"ä","jsonrpc":"2.0","result":${workOf(1)}}`]);
  });

  it("answers several lines in one frame", async () => {
    const miner = await connect();
    miner.send(`${LOGIN_LINE}\n{"id":5,"method":"eth_getWork","params":[]}\n${submit(40)}\n`);
    expect(await miner.read(4)).toEqual([
      ...GRANTED,
      `{"id":5,"jsonrpc":"2.0","result":${workOf(1)}}`,
      '{"id":40,"jsonrpc":"2.0","result":true}',
    ]);
  });

  it("answers other requests while a share is being verified", async () => {
    const miner = await loggedIn();
    const { promise, resolve } = Promise.withResolvers<void>();
    world.verdict = async () => {
      await promise;
      return { kind: "accepted", block: false };
    };
    miner.send(`${submit(40)}\n`);
    expect(await miner.ask('{"id":5,"method":"eth_getWork"}')).toEqual([
      `{"id":5,"jsonrpc":"2.0","result":${workOf(1)}}`,
    ]);
    resolve();
    expect(await miner.read(1)).toEqual(['{"id":40,"jsonrpc":"2.0","result":true}']);
  });

  it("answers the miner's close", async () => {
    const miner = await loggedIn();
    miner.close(1000, "done");
    expect(await miner.closed()).toEqual({ code: 1000, reason: "done" });
  });
});
