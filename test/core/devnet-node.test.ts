import { once } from "node:events";
import { createServer } from "node:http";
import { Ethash, meetsTarget, toHex } from "@edgepool/ethash-wasm";
import { chainByName, customChain, epochOf } from "@edgepool/ethash-wasm/chain-spec";
import { loadKernel } from "@edgepool/ethash-wasm/node";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { createNodeClient } from "../../core/work/node-client.ts";
import { startNode, type DevNode, type NodeEvent, type NodeOptions } from "../../devnet/node/node.ts";
import { httpPost } from "../../durable-objects/platform/http-post.ts";

// Tiny difficulty: a handful of hashes is a block. Timers off: the chain moves only when a test says so.
const QUIET = { difficulty: 4n, recommitMs: null, seed: "node-test" } as const;
const ethash = Ethash.instantiate(loadKernel());
const nodes: DevNode[] = [];

async function start(options: NodeOptions = {}): Promise<DevNode> {
  const node = await startNode({ ...QUIET, ...options });
  nodes.push(node);
  return node;
}

beforeAll(() => ethash.buildCache(epochOf(customChain({ name: "devnet" }), 1_000)));
afterEach(async () => {
  await Promise.all(nodes.splice(0).map((node) => node.close()));
});

function post(node: DevNode, body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(node.url, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
}

async function call(node: DevNode, method: string, ...params: unknown[]): Promise<Record<string, unknown>> {
  const response = await post(node, { id: 1, jsonrpc: "2.0", method, params });
  return (await response.json()) as Record<string, unknown>;
}

async function getWork(node: DevNode): Promise<string[]> {
  return (await call(node, "eth_getWork"))["result"] as string[];
}

interface Mined {
  readonly nonce: string;
  readonly header: string;
  readonly mix: string;
}

/** Nonces that meet the work's target, and the first one that does not. */
function mine(work: readonly string[], count = 1): { valid: Mined[]; miss: Mined } {
  const [header = "", , target = ""] = work;
  const valid: Mined[] = [];
  let miss: Mined | undefined;
  for (let nonce = 0n; valid.length < count || miss === undefined; nonce++) {
    const { mixDigest, result } = ethash.hash(header, nonce);
    const mined = { nonce: `0x${nonce.toString(16).padStart(16, "0")}`, header, mix: `0x${toHex(mixDigest)}` };
    if (meetsTarget(result, BigInt(target))) valid.push(mined);
    else miss ??= mined;
  }
  return { valid, miss };
}

async function submit(node: DevNode, { nonce, header, mix }: Mined): Promise<unknown> {
  return (await call(node, "eth_submitWork", nonce, header, mix))["result"];
}

describe("work of the simulated node", () => {
  it("gives header, seed, target and height, and a pending block of the same height without hash, nonce and miner", async () => {
    const node = await start({ startHeight: 31_000, difficulty: 550_853_386n });
    const response = await post(node, [
      { id: 7, jsonrpc: "2.0", method: "eth_getWork" },
      { id: 8, jsonrpc: "2.0", method: "eth_getBlockByNumber", params: ["pending", false] },
    ]);
    const [work, pending] = (await response.json()) as { id: number; result: never }[];
    expect(work).toEqual({
      jsonrpc: "2.0",
      id: 7,
      result: [
        expect.stringMatching(/^0x[0-9a-f]{64}$/),
        `0x${toHex(ethash.seedHash(1))}`,
        // The pair of difficulty and target that docs/protocol.md quotes from a real node.
        "0x00000007cc03d7d0cb49aa514f6aed05705a9baef46aea9a02514c253e288daa",
        "0x7918",
      ],
    });
    expect(pending).toMatchObject({
      id: 8,
      result: { number: "0x7918", difficulty: "0x20d55b0a", hash: null, nonce: null, miner: null },
    });
  });

  it("follows the epoch rules of the chain that it was given", async () => {
    const spec = chainByName("classic");
    expect(spec).toBeDefined();
    const node = await start({ startHeight: 11_700_000, ...(spec && { spec }) });
    expect((await getWork(node))[1]).toBe(`0x${toHex(ethash.seedHash(390))}`);
  });

  it("gives the same headers for the same seed and others for another", async () => {
    const [one, two, other] = [await start(), await start(), await start({ seed: "another" })];
    expect(await getWork(two)).toEqual(await getWork(one));
    expect(await getWork(other)).not.toEqual(await getWork(one));
  });

  it("changes the header within a height on a recommit, and the height when somebody else finds the block", async () => {
    const node = await start();
    const first = await getWork(node);
    node.recommit();
    const second = await getWork(node);
    node.advance();
    const third = await getWork(node);
    expect(second[0]).not.toBe(first[0]);
    expect([first[3], second[3], third[3]]).toEqual(["0x3e8", "0x3e8", "0x3e9"]);
    expect((await call(node, "eth_blockNumber"))["result"]).toBe("0x3e8");
  });

  it("lets the difficulty follow the block times when it is asked to, by no more than a factor of two", async () => {
    let now = 0;
    const node = await start({ difficulty: 8_000n, targetBlockTimeMs: 10_000, now: () => now });
    const after = (elapsedMs: number): bigint => {
      now += elapsedMs;
      node.advance();
      return node.chain.current.difficulty;
    };
    expect([after(10_000), after(8_000), after(100), after(20_000), after(900_000)]).toEqual([
      8_000n,
      10_000n,
      20_000n,
      10_000n,
      5_000n,
    ]);
    now += 50_000;
    node.recommit();
    expect(node.chain.current.difficulty).toBe(2_000n);
    now += 50_000_000;
    node.recommit();
    expect(node.chain.current.difficulty).toBe(1_000n);
  });

  it("moves by itself when its timers run", async () => {
    const seen: string[] = [];
    let node: DevNode | undefined;
    await new Promise<void>((resolve) => {
      const onEvent = (event: NodeEvent): void => {
        if (event.kind === "work") seen.push(event.why);
        if (seen.includes("timer") && seen.includes("recommit")) resolve();
      };
      void start({ recommitMs: 5, blockTimeMs: 25, onEvent }).then((started) => (node = started));
    });
    expect(seen[0]).toBe("start");
    expect(node?.chain.head.mined).toBeNull();
  });

  it("pushes the array of eth_getWork to every notify address", async () => {
    const bodies: unknown[] = [];
    const sink = createServer((request, response) => {
      void request.toArray().then((chunks: Buffer[]) => {
        bodies.push([request.method, request.headers["content-type"], JSON.parse(Buffer.concat(chunks).toString())]);
        response.end();
        sink.emit("pushed");
      });
    });
    sink.listen(0, "127.0.0.1");
    await once(sink, "listening");
    const address = sink.address();
    const pushed = once(sink, "pushed");
    const node = await start({
      notify: [`http://127.0.0.1:${typeof address === "object" ? address?.port : 0}/notify/token`],
    });
    await pushed;
    expect(bodies).toEqual([["POST", "application/json", await getWork(node)]]);
    sink.closeAllConnections();
    sink.close();
  });

  it("says that a push failed, and does not try again", async () => {
    const failures: NodeEvent[] = [];
    const failed = new Promise<void>((resolve) => {
      void start({
        notify: ["http://127.0.0.1:1/notify/token"],
        onEvent: (event) => {
          if (event.kind === "notifyFailed") resolve(void failures.push(event));
        },
      });
    });
    await failed;
    expect(failures).toHaveLength(1);
  });
});

describe("eth_submitWork of the simulated node", () => {
  it("takes a valid proof of work, closes the height and keeps nonce, header, mix and time", async () => {
    const node = await start({ now: () => 1_700_000_000_123 });
    const work = await getWork(node);
    const [good] = mine(work).valid;
    expect(good && (await submit(node, good))).toBe(true);
    expect(node.chain.accepted).toEqual([
      expect.objectContaining({
        nonce: good?.nonce,
        header: good?.header,
        mixDigest: good?.mix,
        height: 1_000,
        acceptedAtMs: 1_700_000_000_123,
        canonical: true,
      }),
    ]);
    expect((await getWork(node))[3]).toBe("0x3e9");
    const latest = (await call(node, "eth_getBlockByNumber", "latest", false))["result"];
    expect(latest).toMatchObject({ number: "0x3e8", nonce: good?.nonce, mixHash: good?.mix });
  });

  it("refuses a nonce over the target, a mix that is not the nonce's, and a header that it never gave out", async () => {
    const node = await start();
    const { valid, miss } = mine(await getWork(node));
    const [good] = valid;
    if (good === undefined) throw new Error("no nonce found");
    expect(await submit(node, miss)).toBe(false);
    expect(await submit(node, { ...good, header: `0x${"ab".repeat(32)}` })).toBe(false);
    // A made-up mix whose claimed result meets the target passes the cheap test only.
    const forged = Array.from({ length: 64 }, (_, n) => `0x${n.toString(16).padStart(64, "0")}`).find((mix) =>
      meetsTarget(ethash.resultOf(good.header, good.nonce.slice(2), mix), node.chain.current.target),
    );
    expect(forged).toBeDefined();
    expect(await submit(node, { ...good, mix: forged ?? "" })).toBe(false);
    expect(node.chain.accepted).toEqual([]);
  });

  it("says true to a duplicate and to a second nonce for a sealed header, and counts neither", async () => {
    const node = await start();
    const { valid } = mine(await getWork(node), 2);
    const answers = [];
    for (const mined of [valid[0], valid[0], valid[1]]) answers.push(mined && (await submit(node, mined)));
    expect(answers).toEqual([true, true, true]);
    expect(node.chain.accepted).toHaveLength(1);
  });

  it("takes a header that is 7 heights old, off the chain, and not one that is 8 old", async () => {
    const node = await start();
    const [old] = mine(await getWork(node)).valid;
    node.advance();
    const [younger] = mine(await getWork(node)).valid;
    for (let height = 0; height < 7; height++) node.advance();
    expect(old && (await submit(node, old))).toBe(false);
    expect(younger && (await submit(node, younger))).toBe(true);
    expect(node.chain.accepted.map(({ height, canonical }) => [height, canonical])).toEqual([[1_001, false]]);
  });

  it("takes an earlier header of the height that is being worked on as the block", async () => {
    const node = await start();
    const [first] = mine(await getWork(node)).valid;
    node.recommit();
    expect(first && (await submit(node, first))).toBe(true);
    expect(node.chain.accepted[0]?.canonical).toBe(true);
  });

  it("accepts one block where two nonces of a height arrive together", async () => {
    const node = await start();
    const { valid } = mine(await getWork(node), 4);
    expect(await Promise.all(valid.map((mined) => submit(node, mined)))).toEqual([true, true, true, true]);
    expect(node.chain.accepted).toHaveLength(1);
    expect((await getWork(node))[3]).toBe("0x3e9");
  });
});

const blockAt = async (node: DevNode, height: number): Promise<Record<string, unknown>> =>
  (await call(node, "eth_getBlockByNumber", `0x${height.toString(16)}`, false))["result"] as Record<string, unknown>;
const uncleOf = async (node: DevNode, height: number, index = "0x0"): Promise<unknown> =>
  (await call(node, "eth_getUncleByBlockNumberAndIndex", `0x${height.toString(16)}`, index))["result"];

describe("the chain of the simulated node", () => {
  it("takes our late blocks in as uncles, two a block, with the seal that was submitted", async () => {
    const node = await start();
    const late: Mined[] = [];
    for (let count = 0; count < 3; count++) {
      late.push(...mine(await getWork(node)).valid);
      node.recommit();
    }
    node.advance();
    for (const mined of late) expect(await submit(node, mined)).toBe(true);
    node.advance();
    node.advance();
    const [own, first, second] = [await blockAt(node, 1_000), await blockAt(node, 1_001), await blockAt(node, 1_002)];
    expect([own["uncles"], first["uncles"], second["uncles"]]).toEqual([
      [],
      [expect.any(String), expect.any(String)],
      [expect.any(String)],
    ]);
    expect(own["sha3Uncles"]).not.toBe(first["sha3Uncles"]);
    const places: [number, string][] = [
      [1_001, "0x0"],
      [1_001, "0x1"],
      [1_002, "0x0"],
    ];
    const uncles = await Promise.all(places.map(([height, index]) => uncleOf(node, height, index)));
    expect(uncles).toMatchObject(
      late.map(({ nonce, mix }) => ({ number: "0x3e8", nonce, mixHash: mix, parentHash: own["parentHash"] })),
    );
    expect(uncles.map((uncle) => (uncle as Record<string, unknown>)["hash"])).toEqual(
      [first, second].flatMap((block) => block["uncles"]),
    );
    expect(uncles[0]).not.toHaveProperty("transactions");
  });

  it("takes in a block that is six heights old, and none that is seven old", async () => {
    const node = await start();
    const late: Mined[] = [];
    for (let height = 1_000; height < 1_002; height++) {
      late.push(...mine(await getWork(node)).valid);
      node.advance();
    }
    for (let height = 1_002; height < 1_007; height++) node.advance();
    for (const mined of late) expect(await submit(node, mined)).toBe(true);
    node.advance();
    expect((await blockAt(node, 1_007))["uncles"]).toHaveLength(1);
    expect(await uncleOf(node, 1_007)).toMatchObject({ number: "0x3e9", nonce: late[1]?.nonce });
  });

  it("is one that the pool's node client finds blocks and uncles in", async () => {
    const node = await start();
    const upstream = { name: "main", url: node.url, timeoutMs: 5_000, secretHeaders: {} };
    const client = createNodeClient(upstream, httpPost);
    const find = ({ nonce, mix }: Mined) => client.findBlock(1_000, nonce, mix);
    const [block] = mine(await getWork(node)).valid;
    node.recommit();
    const [late] = mine(await getWork(node)).valid;
    node.recommit();
    const { miss } = mine(await getWork(node));
    if (!block || !late) throw new Error("no nonce found");
    await submit(node, block);
    await submit(node, late);
    expect(await find(block)).toEqual({ kind: "found", as: "block" });
    expect(await find(late)).toEqual({ kind: "error", reason: "block 1001: the node does not have it" });
    for (let height = 1_001; height <= 1_007; height++) node.advance();
    expect(await find(late)).toEqual({ kind: "found", as: "uncle" });
    expect(await find(miss)).toEqual({ kind: "absent" });
  });

  it("gives null for an uncle that there is not, and refuses an index that is none", async () => {
    const node = await start();
    node.advance();
    expect(await uncleOf(node, 1_000)).toBeNull();
    expect(await uncleOf(node, 5_000)).toBeNull();
    expect((await call(node, "eth_getUncleByBlockNumberAndIndex", "pending", "0x0"))["result"]).toBeNull();
    expect(await call(node, "eth_getUncleByBlockNumberAndIndex", "latest", "1")).toMatchObject({
      error: { code: -32602 },
    });
  });
});

function error(code: number, message: string) {
  return { jsonrpc: "2.0", id: 1, error: { code, message } };
}

describe("JSON-RPC of the simulated node", () => {
  it.each([
    ["eth_unknown", [], -32601, "the method eth_unknown does not exist/is not available"],
    ["eth_submitWork", ["0x01"], -32602, "missing value for required argument 1"],
    ["eth_getBlockByNumber", ["latest", false, 1], -32602, "too many arguments, want at most 2"],
    [
      "eth_submitWork",
      ["0x01", `0x${"0".repeat(64)}`, `0x${"0".repeat(64)}`],
      -32602,
      "invalid argument 0: hex string has length 2, want 16 for types.BlockNonce",
    ],
    ["eth_getBlockByNumber", ["12", false], -32602, "invalid argument 0: hex string without 0x prefix"],
  ])("refuses %s with %j as geth does", async (method, params, code, message) => {
    expect(await call(await start(), method, ...params)).toEqual(error(code, message));
  });

  it("words malformed bodies as geth does", async () => {
    const node = await start();
    const answer = async (body: string) => JSON.parse(await (await post(node, body)).text()) as unknown;
    expect(await answer("{")).toEqual({ jsonrpc: "2.0", id: null, error: { code: -32700, message: "parse error" } });
    expect(await answer("[]")).toEqual({ jsonrpc: "2.0", id: null, error: { code: -32600, message: "empty batch" } });
    expect(await answer('{"id":1}')).toEqual(error(-32600, "invalid request"));
    expect(await answer('[1,{"jsonrpc":"2.0","id":2,"method":"eth_syncing"}]')).toEqual([
      { jsonrpc: "2.0", id: null, error: { code: -32600, message: "invalid request" } },
      { jsonrpc: "2.0", id: 2, result: false },
    ]);
  });

  it("answers 415 to another content type, 405 to another method and 413 to a body that is too long", async () => {
    const node = await start();
    expect((await post(node, "{}", { "content-type": "text/plain" })).status).toBe(415);
    expect((await fetch(node.url, { method: "PUT" })).status).toBe(405);
    expect((await post(node, " ".repeat(6_000_000))).status).toBe(413);
  });

  it("tells its peers, and gives no block where there is none", async () => {
    const node = await start();
    expect((await call(node, "net_peerCount"))["result"]).toBe("0x8");
    expect((await call(node, "eth_getBlockByNumber", "0xffffff", false))["result"]).toBeNull();
  });
});

describe("faults of the simulated node", () => {
  it("leaves out the height, gives the seed of another epoch, lower heights, null or no work", async () => {
    const node = await start();
    const healthy = await getWork(node);
    node.faults.threeItems = true;
    expect(await getWork(node)).toEqual(healthy.slice(0, 3));
    node.faults.threeItems = false;
    node.faults.wrongSeed = true;
    expect((await getWork(node))[1]).toBe(`0x${toHex(ethash.seedHash(7))}`);
    node.faults.wrongSeed = false;
    node.faults.lowerHeights = 10;
    expect((await getWork(node))[3]).toBe("0x3de");
    expect((await call(node, "eth_blockNumber"))["result"]).toBe("0x3dd");
    expect((await call(node, "eth_getBlockByNumber", "latest", false))["result"]).toMatchObject({ number: "0x3dd" });
    node.faults.noWork = true;
    expect(await call(node, "eth_getWork")).toMatchObject({
      error: { code: -32000, message: "no mining work available yet" },
    });
    node.faults.noWork = false;
    node.faults.nullResults = true;
    expect((await call(node, "eth_getWork"))["result"]).toBeNull();
  });

  it("answers HTML, a status, late, or cuts connections in turns", async () => {
    const node = await start();
    node.faults.html = true;
    expect(await (await post(node, "{}")).text()).toContain("<html>");
    node.faults.html = false;
    node.faults.status = 502;
    expect((await post(node, "{}")).status).toBe(502);
    node.faults.status = 0;
    node.faults.delayMs = 5;
    expect(await getWork(node)).toHaveLength(4);
    node.faults.delayMs = 0;
    const before = node.calls.get("http") ?? 0;
    node.faults.flap = { up: 1, down: 1 };
    const outcomes = [];
    for (let request = 0; request < 4; request++) {
      outcomes.push(
        await getWork(node).then(
          (work) => work.length,
          () => "cut",
        ),
      );
    }
    expect(outcomes).toEqual(before % 2 === 0 ? [4, "cut", 4, "cut"] : ["cut", 4, "cut", 4]);
  });

  it("never answers while it hangs, and refuses connections while it does not listen", async () => {
    const node = await start();
    node.faults.hang = true;
    await expect(fetch(node.url, { method: "POST", body: "{}", signal: AbortSignal.timeout(50) })).rejects.toThrow(
      /timeout/i,
    );
    node.faults.hang = false;
    const { port } = node;
    await node.stopListening();
    await expect(post(node, "{}")).rejects.toThrow();
    await node.startListening();
    expect(node.port).toBe(port);
    expect(await getWork(node)).toHaveLength(4);
  });

  it("refuses submits, fails some with an RPC error, and loses the answer to some that it carried out", async () => {
    const node = await start();
    const [good] = mine(await getWork(node)).valid;
    if (good === undefined) throw new Error("no nonce found");
    node.faults.rejectSubmits = true;
    expect(await submit(node, good)).toBe(false);
    node.faults.rejectSubmits = false;
    node.faults.failSubmits = 1;
    expect(await call(node, "eth_submitWork", good.nonce, good.header, good.mix)).toMatchObject({
      error: { code: -32000 },
    });
    expect(node.chain.accepted).toEqual([]);
    node.faults.loseSubmitReplies = 1;
    await expect(submit(node, good)).rejects.toThrow();
    expect(node.chain.accepted).toHaveLength(1);
    expect(await submit(node, good)).toBe(true);
  });
});
