import { afterEach, describe, expect, it } from "vitest";
import type { BlockSearch } from "../../../core/work/block-search.ts";
import { createNodeClient } from "../../../core/work/node-client.ts";
import { httpPost } from "../../../durable-objects/platform/http-post.ts";
import { scriptedServer, type Answer, type Scripted } from "./support/json-rpc-server.ts";

const HEIGHT = 1000;
const NONCE = "0x0123456789abcdef";
const MIX = `0x${"c4".repeat(32)}`;

const bytes32 = (value: number): string => `0x${value.toString(16).padStart(64, "0")}`;
type Fields = Record<string, unknown>;
type Call = { id: number; method: string; params: [string, string | boolean] };

/** A block as geth gives it, of somebody else; its parent is the one before it. */
const blockAt = (height: number, more: Fields = {}): Fields => ({
  number: `0x${height.toString(16)}`,
  hash: bytes32(height),
  parentHash: bytes32(height - 1),
  nonce: `0x${height.toString(16).padStart(16, "0")}`,
  mixHash: bytes32(height * 2),
  uncles: [],
  ...more,
});
const ours = { nonce: NONCE, mixHash: MIX };

/** A chain of 20 blocks around the height, some of them replaced, and what the node has of the uncles, by block and index. */
interface Chain {
  readonly blocks?: Record<number, unknown>;
  readonly uncles?: Record<string, unknown>;
}

function answerOf({ blocks = {}, uncles = {} }: Chain, { id, method, params }: Call) {
  const height = Number(params[0]);
  const result =
    method === "eth_getBlockByNumber"
      ? height in blocks
        ? blocks[height]
        : blockAt(height)
      : (uncles[`${height}/${Number(params[1])}`] ?? null);
  return { jsonrpc: "2.0", id, result };
}

let server: Scripted | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
});

async function search(answer: (calls: Call[], count: number) => Answer, timeoutMs = 5_000): Promise<BlockSearch> {
  server = await scriptedServer((body, count) => answer(body as Call[], count));
  const client = createNodeClient({ name: "main", url: server.url, timeoutMs, secretHeaders: {} }, httpPost);
  return client.findBlock(HEIGHT, NONCE, MIX);
}

const inChain = (chain: Chain) =>
  search((calls) => ({ json: calls.map((call) => answerOf(chain, call)).toReversed() }));
const error = (reason: string | RegExp) => ({
  kind: "error",
  reason: typeof reason === "string" ? reason : expect.stringMatching(reason),
});
/** Block 1003 lists one uncle with this hash. */
const withUncle = (uncle: unknown): Chain => ({
  blocks: { 1003: blockAt(1003, { uncles: [bytes32(77)] }) },
  uncles: { "1003/0": uncle },
});

describe("looking for a block in a node's chain", () => {
  it("finds it at its height", async () => {
    expect(await inChain({ blocks: { 1000: blockAt(1000, ours) } })).toEqual({ kind: "found", as: "block" });
    const calls = Array.from({ length: 8 }, (_, later) => ({
      jsonrpc: "2.0",
      id: later + 1,
      method: "eth_getBlockByNumber",
      params: [`0x${(HEIGHT + later).toString(16)}`, false],
    }));
    expect(server?.requests.map(({ body }) => body)).toEqual([calls]);
  });

  it("does not mind how the node writes its hex", async () => {
    const upper = { nonce: "0X0123456789ABCDEF", mixHash: MIX.toUpperCase() };
    expect(await inChain({ blocks: { 1000: blockAt(1000, upper) } })).toEqual({ kind: "found", as: "block" });
  });

  it("finds it before the node knows all of the later heights", async () => {
    const blocks = { 1000: blockAt(1000, ours), 1001: null, 1002: null };
    expect(await inChain({ blocks })).toEqual({ kind: "found", as: "block" });
  });

  it.each([1001, 1007])("finds it as an uncle of block %i", async (height) => {
    const nephew = blockAt(height, { uncles: [bytes32(76), bytes32(77)] });
    const chain = {
      blocks: { 1002: blockAt(1002, { uncles: [bytes32(75)] }), [height]: nephew },
      uncles: {
        "1002/0": blockAt(999, { hash: bytes32(75) }),
        [`${height}/0`]: blockAt(999, { hash: bytes32(76) }),
        [`${height}/1`]: blockAt(1000, { hash: bytes32(77), ...ours }),
      },
    };
    expect(await inChain(chain)).toEqual({ kind: "found", as: "uncle" });
    expect(server?.requests[1]?.body).toContainEqual({
      jsonrpc: "2.0",
      id: expect.any(Number),
      method: "eth_getUncleByBlockNumberAndIndex",
      params: [`0x${height.toString(16)}`, "0x1"],
    });
  });

  it("does not ask for uncles of the block at its own height, which are older", async () => {
    expect(await inChain({ blocks: { 1000: blockAt(1000, { uncles: [bytes32(77)] }) } })).toEqual({ kind: "absent" });
    expect(server?.requests).toHaveLength(1);
  });

  it.each<[string, Chain]>([
    ["others found all the blocks", {}],
    ["the uncles are others'", withUncle(blockAt(1000, { hash: bytes32(77) }))],
    ["a block has its nonce and another mix hash", { blocks: { 1000: blockAt(1000, { nonce: NONCE }) } }],
    ["a block has its mix hash and another nonce", { blocks: { 1000: blockAt(1000, { mixHash: MIX }) } }],
    ["only a later block has its seal", { blocks: { 1001: blockAt(1001, ours) } }],
  ])("says that it is absent when %s", async (_when, chain) => {
    expect(await inChain(chain)).toEqual({ kind: "absent" });
  });

  it.each([1000, 1004, 1007])("does not call it absent while the node lacks block %i", async (height) => {
    expect(await inChain({ blocks: { [height]: null } })).toEqual(error(`block ${height}: the node does not have it`));
  });

  it.each<[string, Fields, RegExp]>([
    ["of another height", { number: "0x7" }, /block 1002: the node gave block 7 instead$/],
    ["without a number", { number: 1002 }, /block 1002: the number is not 0x hex/],
    ["without a hash", { hash: null }, /block 1002: the hash is not 32 bytes/],
    ["with a short parent hash", { parentHash: "0x12" }, /block 1002: the parent hash is not 32 bytes/],
    ["that is still pending", { nonce: null }, /block 1002: the nonce is not 8 bytes/],
    ["with a nonce of 16 bytes", { nonce: bytes32(1).slice(0, 34) }, /block 1002: the nonce is not 8 bytes/],
    ["of a chain without mix hashes", { mixHash: undefined }, /block 1002: the mix hash is not 32 bytes/],
    ["with a mix hash that is no hex", { mixHash: `0x${"zz".repeat(32)}` }, /block 1002: the mix hash/],
    ["without a list of uncles", { uncles: null }, /block 1002: the uncles are not an array/],
    ["with an uncle that is no hash", { uncles: [bytes32(1), 7] }, /block 1002: an uncle's hash is not 32 bytes/],
    ["whose parent is another block", { parentHash: bytes32(5) }, /block 1002: its parent .*changed meanwhile/],
  ])("gives no verdict on a block %s, and says why", async (_name, fields, reason) => {
    expect(await inChain({ blocks: { 1002: blockAt(1002, fields) } })).toEqual(error(reason));
  });

  it.each<[string, unknown, RegExp]>([
    ["that the node lacks", null, /uncle 0 of block 1003: the node does not have it/],
    ["that is no object", "0x12", /uncle 0 of block 1003: the result is not an object/],
    ["of another chain", blockAt(1000), /uncle 0 of block 1003: it is not the one.*changed meanwhile/],
    ["without a nonce", blockAt(1000, { hash: bytes32(77), nonce: 5 }), /uncle 0 of block 1003: the nonce/],
    ["without a mix hash", blockAt(1000, { hash: bytes32(77), mixHash: "" }), /uncle 0 of block 1003: the mix hash/],
  ])("gives no verdict on an uncle %s, and says why", async (_name, uncle, reason) => {
    expect(await inChain(withUncle(uncle))).toEqual(error(reason));
  });

  it.each<[string, Answer, RegExp]>([
    ["a cut connection", { cut: true }, /cannot be reached/],
    ["status 502", { status: 502, text: "" }, /^status 502$/],
    ["HTML", { text: "<html>" }, /HTML or XML instead of JSON/],
    ["one object for a batch", { json: { id: 1, result: null } }, /batch with an array/],
    ["a refused batch", { json: { id: null, error: { message: "no batches" } } }, /the batch: no batches/],
    ["no answer to any of it", { json: [] }, /block 1000: gave no answer to eth_getBlockByNumber/],
    ["errors", { json: [{ id: 1, error: { message: "boom" } }] }, /block 1000: eth_getBlockByNumber: boom/],
  ])("gives no verdict after %s", async (_name, answer, reason) => {
    expect(await search(() => answer)).toEqual(error(reason));
  });

  it("gives no verdict when the connection is cut between the blocks and their uncles", async () => {
    const chain = withUncle(blockAt(1000, { hash: bytes32(77), ...ours }));
    const found = await search((calls, count) =>
      count === 1 ? { json: calls.map((call) => answerOf(chain, call)) } : { cut: true },
    );
    expect(found).toEqual(error(/cannot be reached/));
  });

  it("gives no verdict when the node does not know the method for uncles", async () => {
    const found = await search((calls) => ({
      json: calls.map((call) =>
        call.method === "eth_getBlockByNumber"
          ? answerOf(withUncle(null), call)
          : { id: call.id, error: { code: -32601, message: "no such method" } },
      ),
    }));
    expect(found).toEqual(error("uncle 0 of block 1003: eth_getUncleByBlockNumberAndIndex: no such method"));
  });

  it("gives up on a node that hangs", async () => {
    expect(await search(() => ({ hang: "inBody" }), 50)).toEqual(error("no answer within 50 ms"));
  });
});
