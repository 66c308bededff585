import { afterEach, describe, expect, it } from "vitest";
import { createNodeClient, type NodeClient } from "../../../core/work/node-client.ts";
import { httpPost } from "../../../durable-objects/platform/http-post.ts";
import { scriptedServer, type Answer, type Scripted } from "./support/json-rpc-server.ts";

const HEADER = `0x${"a1".repeat(32)}`;
const SEED = `0x${"00".repeat(32)}`;
// From a real geth (docs/protocol.md, section 6): difficulty 550853386.
const TARGET = "0x00000007cc03d7d0cb49aa514f6aed05705a9baef46aea9a02514c253e288daa";
const DIFFICULTY = 550853386n;
const PENDING_DIFFICULTY = `0x${DIFFICULTY.toString(16)}`;

let server: Scripted | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
});

async function clientOf(
  answer: (body: unknown, count: number) => Answer,
  { timeoutMs = 5000, secretHeaders = {} }: { timeoutMs?: number; secretHeaders?: Record<string, string> } = {},
): Promise<NodeClient> {
  server = await scriptedServer(answer);
  return createNodeClient({ name: "main", url: server.url, timeoutMs, secretHeaders }, httpPost);
}

const batch = (work: unknown, block: unknown = { number: "0x10", difficulty: PENDING_DIFFICULTY }): Answer => ({
  json: [
    { jsonrpc: "2.0", id: 1, result: work },
    { jsonrpc: "2.0", id: 2, result: block },
  ],
});
const failure = (kind: string, reason: RegExp) => ({
  kind: "failed",
  failure: kind,
  reason: expect.stringMatching(reason),
});

describe("polling a node", () => {
  it("reads four-item work, asked for together with the pending block in one batch", async () => {
    const client = await clientOf(() => batch([HEADER.toUpperCase().replace("0X", "0x"), SEED, TARGET, "0xb2d05e"]));
    expect(await client.poll()).toEqual({
      kind: "work",
      marks: { chainId: null, blocks: [] },
      due: 0xb2d05e,
      job: { header: HEADER, seed: SEED, height: 0xb2d05e, networkDifficulty: DIFFICULTY },
    });
    expect(server?.requests.map((request) => request.body)).toEqual([
      [
        { jsonrpc: "2.0", id: 1, method: "eth_getWork", params: [] },
        { jsonrpc: "2.0", id: 2, method: "eth_getBlockByNumber", params: ["pending", false] },
        { jsonrpc: "2.0", id: 3, method: "eth_chainId", params: [] },
        { jsonrpc: "2.0", id: 4, method: "eth_blockNumber", params: [] },
      ],
    ]);
    expect(server?.requests[0]?.headers["content-type"]).toBe("application/json");
  });

  it("prefers the height in the work over the pending block's (defect 8)", async () => {
    const client = await clientOf(() => batch([HEADER, SEED, TARGET, "0x0f"]));
    expect(await client.poll()).toMatchObject({ job: { height: 15 } });
  });

  it("takes four-item work when the node cannot give its pending block", async () => {
    const client = await clientOf(() => batch([HEADER, SEED, TARGET, "0x0f"], null));
    expect(await client.poll()).toMatchObject({ job: { height: 15, networkDifficulty: DIFFICULTY } });
  });

  it("takes the height of an old node's three-item work from the pending block of the same batch", async () => {
    const client = await clientOf(() => batch([HEADER, SEED, TARGET]));
    expect(await client.poll()).toMatchObject({ job: { height: 16, networkDifficulty: DIFFICULTY } });
  });

  it("asks again when an old node's work and pending block are of different blocks (defect 8)", async () => {
    const client = await clientOf((_body, count) =>
      batch([HEADER, SEED, TARGET], { number: "0x10", difficulty: count === 1 ? "0x20000" : PENDING_DIFFICULTY }),
    );
    expect(await client.poll()).toMatchObject({ kind: "work", job: { height: 16 } });
    expect(server?.requests.length).toBe(2);
  });

  it("refuses an old node's work whose pending block stays another block's", async () => {
    const client = await clientOf(() => batch([HEADER, SEED, TARGET], { number: "0x10", difficulty: "0x20000" }));
    expect(await client.poll()).toEqual(failure("inconsistent", /difficulty 550853386 and the pending block 131072/));
  });

  it("takes the answers of a batch in any order", async () => {
    const client = await clientOf(() => ({
      json: [
        { jsonrpc: "2.0", id: 2, result: { number: "0x10", difficulty: PENDING_DIFFICULTY } },
        { jsonrpc: "2.0", id: 1, result: [HEADER, SEED, TARGET] },
      ],
    }));
    expect(await client.poll()).toMatchObject({ kind: "work", job: { height: 16 } });
  });

  it.each<[string, Answer, string, RegExp]>([
    ["HTML instead of JSON", { text: "<!doctype html><p>Sign in</p>" }, "malformed", /HTML or XML instead of JSON/],
    ["an empty body", { text: "" }, "malformed", /an empty body instead of JSON/],
    ["other text", { text: "hello" }, "malformed", /other text instead of JSON/],
    ["a null result", batch(null), "noWork", /result is null/],
    ["no answer to one request", { json: [] }, "malformed", /gave no answer to eth_getWork/],
    ["one object for a batch", { json: { jsonrpc: "2.0", id: 1, result: 1 } }, "malformed", /batch with an array/],
    ["a refused batch", { json: { id: null, error: { code: -32600, message: "no batches" } } }, "rpc", /no batches/],
    [
      "a node that is not mining",
      { json: [{ id: 1, error: { code: -32000, message: "no mining work available yet" } }] },
      "noWork",
      /no mining work available yet/,
    ],
    ["an error without a message", { json: [{ id: 1, error: "broken" }] }, "rpc", /eth_getWork: "broken"/],
    ["work that is no array", batch({ header: HEADER }), "malformed", /not an array/],
    ["two-item work", batch([HEADER, SEED]), "malformed", /has 2 items/],
    ["a short header", batch(["0x12", SEED, TARGET, "0x1"]), "malformed", /header hash is not 32 bytes/],
    ["a seed that is no string", batch([HEADER, 7, TARGET, "0x1"]), "malformed", /seed hash is not 32 bytes/],
    ["a target of zero", batch([HEADER, SEED, "0x0", "0x1"]), "malformed", /target is not a number above 0/],
    ["a height that is no number", batch([HEADER, SEED, TARGET, "latest"]), "malformed", /4th item/],
    ["a height beyond 2^53", batch([HEADER, SEED, TARGET, "0xffffffffffffffff"]), "malformed", /too large/],
    ["three items and no pending block", batch([HEADER, SEED, TARGET], null), "malformed", /no block number/],
    ["a redirect", { text: "", status: 302, headers: { location: "/login" } }, "http", /302, a redirect.*Access/],
    ["status 401", { text: "", status: 401 }, "http", /401: the node wants credentials/],
    ["status 403", { text: "invalid host specified", status: 403 }, "http", /403: refused.*vhosts/],
    ["status 500", { text: "oops", status: 500 }, "http", /^status 500$/],
    ["a cut connection", { cut: true }, "unreachable", /cannot be reached/],
  ])("says what is wrong with %s", async (_name, answer, kind, reason) => {
    const client = await clientOf(() => answer);
    expect(await client.poll()).toEqual(failure(kind, reason));
  });

  it.each(["before", "inBody"] as const)("gives up on a node that hangs %s its answer", async (hang) => {
    const client = await clientOf(() => ({ hang }), { timeoutMs: 50 });
    expect(await client.poll()).toEqual(failure("timeout", /no answer within 50 ms/));
  });
});

const answers = (chainId: unknown, newest: unknown = "0xe"): Answer => ({
  json: [
    { id: 1, result: [HEADER, SEED, TARGET, "0xf"] },
    { id: 2, result: { number: "0xf", difficulty: PENDING_DIFFICULTY } },
    { id: 3, ...Object(chainId) },
    { id: 4, result: newest },
  ],
});

describe("what a node says of its chain", () => {
  const noMethod = { error: { code: -32601, message: "the method eth_chainId does not exist" } };

  it("is its chain id", async () => {
    const client = await clientOf(() => answers({ result: "0x3d" }));
    expect(await client.poll()).toMatchObject({ marks: { chainId: 61, blocks: [] } });
  });

  it("is two blocks, asked for once, where it has no chain id to give; and again after it was away", async () => {
    const hash = `0x${"d4".repeat(32)}`;
    const client = await clientOf((body) => {
      if (server?.requests.length === 4) return { cut: true };
      if (JSON.stringify(body).includes("eth_getWork")) return answers(noMethod);
      return {
        json: [
          { id: 1, result: { hash } },
          { id: 2, result: null },
        ],
      };
    });
    const marks = { chainId: null, blocks: [hash, null] };
    expect(await client.poll()).toMatchObject({ marks });
    expect(await client.poll()).toMatchObject({ marks });
    expect(server?.requests.length).toBe(3);
    expect(await client.poll()).toMatchObject({ kind: "failed" });
    expect(await client.poll()).toMatchObject({ marks });
    expect(server?.requests.length).toBe(6);
  });

  it.each([
    ["one block came between two answers", "0xf", "work"],
    ["two heights lie between work and chain", "0x10", "failed"],
    ["the node cannot tell", null, "work"],
  ])("when %s: newest block %s is %s", async (_when, newest, kind) => {
    const client = await clientOf(() => answers({ result: "0x1" }, newest));
    const result = await client.poll();
    expect(result.kind).toBe(kind);
    if (kind === "failed")
      expect(result).toEqual(failure("stuck", /is for block 15 while the node itself is at 17.*Its miner is stuck/));
  });
});

describe("credentials", () => {
  const secretHeaders = { authorization: "Basic dXNlcjpodW50ZXIy", "CF-Access-Client-Secret": "f00dface" };

  it("go with every request", async () => {
    const client = await clientOf(() => batch([HEADER, SEED, TARGET, "0x1"]), { secretHeaders });
    await client.poll();
    expect(server?.requests[0]?.headers).toMatchObject({
      authorization: "Basic dXNlcjpodW50ZXIy",
      "cf-access-client-secret": "f00dface",
    });
  });

  it("never appear in a reason, nor does the endpoint, whatever the node says", async () => {
    const client = await clientOf(
      () => ({
        json: { id: 1, error: { message: `bad f00dface,\n dXNlcjpodW50ZXIy for ${server?.url} ${"x".repeat(999)}` } },
      }),
      { secretHeaders },
    );
    const result = await client.poll();
    expect(result).toEqual(failure("rpc", /bad \[redacted\], \[redacted\] for \[redacted\] x+…$/));
  });

  it("are not sent on to where a redirect points", async () => {
    const client = await clientOf(() => ({ text: "", status: 307, headers: { location: "/elsewhere" } }), {
      secretHeaders,
    });
    await client.poll();
    expect(server?.requests.length).toBe(1);
  });
});

describe("submitting a block", () => {
  const nonce = "0x0123456789abcdef";

  it.each<[string, Answer, object]>([
    ["accepted when the node says true", { json: { id: 1, result: true } }, { kind: "accepted" }],
    ["rejected when the node says false", { json: { id: 1, result: false } }, { kind: "rejected" }],
    [
      "unknown after an RPC error",
      { json: { id: 1, error: { message: "boom" } } },
      { kind: "error", reason: "eth_submitWork: boom" },
    ],
    [
      "unknown after null",
      { json: { id: 1, result: null } },
      { kind: "error", reason: expect.stringMatching(/neither/) },
    ],
    ["unknown after HTML", { text: "<html>" }, { kind: "error", reason: expect.stringMatching(/HTML/) }],
    ["unknown after status 502", { text: "", status: 502 }, { kind: "error", reason: "status 502" }],
    ["unknown after a cut connection", { cut: true }, { kind: "error", reason: expect.stringMatching(/reached/) }],
  ])("is %s", async (_name, answer, expected) => {
    const client = await clientOf(() => answer);
    expect(await client.submitWork(nonce, HEADER, SEED)).toEqual(expected);
    expect(server?.requests[0]?.body).toEqual({
      jsonrpc: "2.0",
      id: 1,
      method: "eth_submitWork",
      params: [nonce, HEADER, SEED],
    });
  });

  it("is unknown after a time-out", async () => {
    const client = await clientOf(() => ({ hang: "before" }), { timeoutMs: 50 });
    expect(await client.submitWork(nonce, HEADER, SEED)).toEqual({ kind: "error", reason: "no answer within 50 ms" });
  });
});
