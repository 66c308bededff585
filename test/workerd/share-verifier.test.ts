import {
  abortAllDurableObjects,
  evictDurableObject,
  reset,
  runDurableObjectAlarm,
  runInDurableObject,
} from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { chainByName, epochOf } from "../../core/chain-spec.ts";
import type { RedisValue } from "../../core/ledger/contract/redis-port.ts";
import type { ShareSubmission, ShareVerdict } from "../../core/shares/share.ts";
import { EmbeddedRedis } from "../../durable-objects/embedded-redis.ts";
import { embeddedPort } from "../../durable-objects/platform/ledger-ports.ts";
import { systemClock } from "../../durable-objects/platform/system-clock.ts";
import { lightCaches } from "../../durable-objects/platform/light-caches.ts";
import { ShareSubmitter } from "../../core/session/share-submitter.ts";
import { SubmissionTimes } from "../../core/session/submission-times.ts";
import { makeJob, meets, solutions, submission } from "../support/proofs.ts";
import { replaceMethod } from "./replace-method.ts";

const HEIGHT = 3;
const NETWORK = 64n;
const accepted: ShareVerdict = { kind: "accepted", block: false };
const block: ShareVerdict = { kind: "accepted", block: true };

/** What the node answers to `eth_submitWork`; `true` when nothing else is said. */
let nodeAnswers: (boolean | "breaks" | "hangs")[] = [];
let offers = 0;
/** Seals in the chain that the node knows, up to eight heights after them; null: it cannot be reached with a question of this kind. */
let chainSeals: { nonce: string; mixDigest: string | null }[] | null = null;
/** What happens to the next requests to the ledger. */
let ledgerFaults: ("lostBefore" | "lostAfter")[] = [];
const realRest = Object.getOwnPropertyDescriptor(EmbeddedRedis.prototype, "rest")?.value as EmbeddedRedis["rest"];

const bytes = (value: number, length: number): string => `0x${value.toString(16).padStart(2 * length, "0")}`;

/** A node's answer to `eth_getBlockByNumber`. */
function blockAt(quantity: string) {
  const height = Number(quantity);
  const seal = height === HEIGHT ? chainSeals?.[0] : undefined;
  return {
    number: quantity,
    hash: bytes(height, 32),
    parentHash: bytes(height - 1, 32),
    nonce: seal?.nonce ?? bytes(height, 8),
    mixHash: seal?.mixDigest ?? bytes(height, 32),
    uncles: [],
  };
}

const verifier = () => env.SHARE_VERIFIER.getByName("shard-0");
const books = () => embeddedPort(env.EMBEDDED_REDIS.getByName("main"), 120_000);
const chain = chainByName("classic");
if (!chain) throw new Error("no such chain");
const epoch = epochOf(chain, HEIGHT);

beforeEach(async () => {
  nodeAnswers = [];
  ledgerFaults = [];
  offers = 0;
  chainSeals = null;
  vi.spyOn(globalThis, "fetch").mockImplementation(async (url, init) => {
    const body: unknown = await new Request(url, init).json();
    if (Array.isArray(body)) {
      if (chainSeals === null) throw new TypeError("network connection lost");
      return Response.json(body.map(({ id, params }) => ({ jsonrpc: "2.0", id, result: blockAt(params[0]) })));
    }
    offers += 1;
    const answer = nodeAnswers.shift() ?? true;
    if (answer === "breaks") throw new TypeError("network connection lost");
    if (answer === "hangs") await new Promise(() => undefined);
    return Response.json({ jsonrpc: "2.0", id: 1, result: answer });
  });
  replaceMethod(
    EmbeddedRedis.prototype,
    "rest",
    async function (this: EmbeddedRedis, ...call: Parameters<EmbeddedRedis["rest"]>) {
      const fault = ledgerFaults.shift();
      if (fault === "lostBefore") throw new Error("the connection broke");
      const answer = await realRest.call(this, ...call);
      if (fault === "lostAfter") throw new Error("the connection broke");
      return answer;
    },
  );
  await verifier().prepare(HEIGHT);
  while (!lightCaches.has(epoch)) await scheduler.wait(20);
});

afterEach(async () => {
  await reset();
  vi.restoreAllMocks();
});

let serial = 0;

/** Fresh submissions of real proofs of work: those that only meet the share target, or those of blocks. */
function submissions(kind: "share" | "block", count: number): ShareSubmission[] {
  serial += 1;
  const job = makeJob(HEIGHT, NETWORK, serial);
  const kernel = { hashBatch: (inputs: Parameters<typeof lightCaches.hash>[1]) => lightCaches.hash(epoch, inputs) };
  const found = solutions(kernel, job, 0n, kind === "share" ? meets(2n, NETWORK) : meets(NETWORK));
  return Array.from({ length: count }, (_, at) => {
    const solution = found.next().value;
    if (!solution) throw new Error("solutions never end");
    return submission(job, solution, { timestampMs: Date.now() + at });
  });
}

const one = (kind: "share" | "block"): ShareSubmission => {
  const [first] = submissions(kind, 1);
  if (!first) throw new Error("one is needed");
  return first;
};

const member = (share: ShareSubmission): string => `${share.nonce}:${share.job.header}:${share.mixDigest}`;

async function command(...words: [string, ...string[]]): Promise<RedisValue> {
  return await books().command(words);
}

/** Every sum of the books that a set of credited shares makes. */
async function expectBooks(shares: readonly ShareSubmission[]): Promise<void> {
  const total = shares.reduce((sum, share) => sum + share.shareDifficulty, 0n);
  expect(await command("ZCARD", "eth:pow")).toBe(shares.length);
  for (const share of shares) expect(await command("ZSCORE", "eth:pow", member(share))).toBe(String(HEIGHT));
  expect(await command("ZCARD", "eth:hashrate")).toBe(shares.length);
  expect(await command("HGET", "eth:stats", "roundShares")).toBe(String(total));
}

const candidates = async () => await command("ZRANGE", "eth:blocks:candidates", "0", "-1");
const rows = async (table: string) =>
  await runInDurableObject(verifier(), (_object, state) => state.storage.sql.exec(`SELECT * FROM ${table}`).toArray());

/** The row of a held submission goes a moment after the ledger has its record: the answer has to come back first. */
const nothingHeld = async () =>
  await vi.waitFor(async () => expect(await rows("held")).toEqual([]), { timeout: 120_000, interval: 50 });

/** Lets the alarm ring until nothing waits any more. */
async function drain(): Promise<void> {
  for (let round = 0; round < 100; round += 1) {
    const { outboxDepth } = await verifier().health();
    if (outboxDepth === 0) return;
    await runDurableObjectAlarm(verifier());
    await scheduler.wait(50);
  }
  throw new Error("the outbox does not drain");
}

describe("the way of a share in workerd", () => {
  it("gives every verdict, and the books have what was accepted and nothing else", async () => {
    const [first, second, third] = submissions("share", 3);
    if (!first || !second || !third) throw new Error("three are needed");
    expect(await verifier().submit(first)).toEqual(accepted);
    expect(await verifier().submit({ ...first, timestampMs: first.timestampMs + 10 })).toEqual({ kind: "duplicate" });
    expect(await verifier().submit({ ...second, mixDigest: third.mixDigest })).toEqual({ kind: "invalid" });
    const hard = { ...second, job: { ...second.job, poolDifficulty: NETWORK } };
    expect(await verifier().submit({ ...hard, shareDifficulty: NETWORK })).toEqual({ kind: "invalid" });
    expect(await verifier().submit(hard)).toEqual({ kind: "lowDifficulty" });
    expect(await verifier().submit({ ...second, mixDigest: null })).toEqual(accepted);
    // What a session says of a share's difficulty changes nothing: its worth is the header's and the nonce's.
    const noRoomBefore = { shares: 2, connections: 1 };
    expect(await verifier().submit({ ...third, shareDifficulty: 1n << 50n, noRoomBefore })).toEqual(accepted);
    await expectBooks([first, second, third]);
    expect(await command("HGET", "eth:shares:roundCurrent", first.login)).toBe("6");
    expect(await verifier().health()).toMatchObject({ recordedShares: 3, outboxDepth: 0, ledger: "ok", cacheEpoch: 0 });
    expect(await verifier().health()).toMatchObject({ recentlyNoRoom: noRoomBefore });
  });

  it("judges several in one call, each for itself and in their order", async () => {
    const [first, second, third] = submissions("share", 3);
    if (!first || !second || !third) throw new Error("three are needed");
    const wrong = { ...third, mixDigest: second.mixDigest };
    expect(
      await verifier().submitAll([first, wrong, second, { ...first, timestampMs: first.timestampMs + 9 }]),
    ).toEqual([accepted, { kind: "invalid" }, accepted, { kind: "duplicate" }]);
  });

  // Defect 7 of the reference: two shares of a worker in one millisecond collapse into one hashrate entry.
  it("gives two shares of a worker in one millisecond two entries", async () => {
    const [first, second] = submissions("share", 2);
    if (!first || !second) throw new Error("two are needed");
    const submitter = new ShareSubmitter({
      clock: systemClock,
      log: { warn: () => undefined },
      shards: 1,
      times: new SubmissionTimes(),
      resultOf: () => new Uint8Array(32).fill(0xff),
      submit: (name, share) => env.SHARE_VERIFIER.getByName(name).submit(share),
      submitAll: (name, shares) => env.SHARE_VERIFIER.getByName(name).submitAll(shares),
    });
    const nowMs = Date.now();
    const verdicts = [first, second].map((share) => submitter.submit(share, nowMs));
    expect(await Promise.all(verdicts)).toEqual([accepted, accepted]);
    const entries = [`2:rig:${nowMs}`, `2:rig:${nowMs + 1}`];
    expect(await command("ZRANGE", `eth:hashrate:${first.login}`, "0", "-1")).toEqual(entries);
    expect(await command("ZCARD", "eth:hashrate")).toBe(2);
  });

  it("writes shares of many miners together, in at most 2L + 8 billed commands, and not a row of its own", async () => {
    const shares = submissions("share", 40).map((share, at) =>
      Object.assign(share, { login: `0x${String(at % 4).padStart(40, "0")}` }),
    );
    await verifier().submit(one("share"));
    const before = await verifier().health();
    const written = await runInDurableObject(verifier(), async (object, state) => {
      const spies = [vi.spyOn(state.storage.sql, "exec"), vi.spyOn(state.storage, "setAlarm")];
      const verdicts = await Promise.all(shares.map((share) => object.submit(share)));
      expect(verdicts).toEqual(shares.map(() => accepted));
      const calls = spies.map((spy) => spy.mock.calls.filter(([text]) => !String(text).startsWith("SELECT")).length);
      for (const spy of spies) spy.mockRestore();
      return calls;
    });
    expect(written).toEqual([0, 0]);
    const after = await verifier().health();
    expect(after.recordedShares - before.recordedShares).toBe(40);
    // Two writes at most: the first shares to be verified, and all that had gathered meanwhile.
    expect(after.billedCommands - before.billedCommands).toBeLessThanOrEqual(3 * (2 * 4 + 8));
  });

  it("has a sixteenth of its queue for what one client sends without a mix digest, whatever logins it names; another's is judged", async () => {
    serial += 1;
    const job = makeJob(HEIGHT, 1n << 40n, serial);
    const unclaimed = (at: number, client: string) =>
      submission(job, { nonce: bytes(at, 8), mixDigest: null }, { login: bytes(at, 20), client, timestampMs: at });
    const flood = Array.from({ length: 300 }, (_, at) => unclaimed(at + 1, "198.51.100.1"));
    const [other, ...verdicts] = await runInDurableObject(verifier(), async (object) => {
      const judged = flood.map((share) => object.submit(share));
      return await Promise.all([object.submit(unclaimed(1_000, "198.51.100.2")), ...judged]);
    });
    const refused = verdicts.filter(({ kind }) => kind === "unavailable");
    expect(refused.length).toBeGreaterThan(0);
    expect(verdicts.length - refused.length).toBeGreaterThanOrEqual(125);
    expect(other.kind).not.toBe("unavailable");
  });

  it("comes back from an eviction with everything it needs", async () => {
    const [first, second] = submissions("share", 2);
    if (!first || !second) throw new Error("two are needed");
    expect(await verifier().submit(first)).toEqual(accepted);
    await evictDurableObject(verifier());
    expect(await verifier().submit(second)).toEqual(accepted);
    expect(await verifier().submit({ ...first, timestampMs: 1 })).toEqual({ kind: "duplicate" });
    await expectBooks([first, second]);
  });

  it("accepts a retry after the object ended behind the first attempt", async () => {
    const share = one("share");
    expect(await verifier().submit(share)).toEqual(accepted);
    await abortAllDurableObjects();
    expect(await verifier().submit({ ...share, retry: true })).toEqual(accepted);
    expect(await verifier().submit({ ...share, timestampMs: share.timestampMs + 1 })).toEqual({ kind: "duplicate" });
    await expectBooks([share]);
  });
});

describe("a ledger that fails", () => {
  // Defect 4 of the reference: the share is lost, its retry is a duplicate, and the miner was told true.
  for (const fault of ["lostBefore", "lostAfter"] as const) {
    it(`loses no share and credits none twice when a request is ${fault}, the object ending in between`, async () => {
      const shares = submissions("share", 5);
      ledgerFaults = [fault, fault, fault];
      for (const share of shares) expect(await verifier().submit(share)).toEqual(accepted);
      expect(await verifier().health()).toMatchObject({ ledger: "sick" });
      await abortAllDurableObjects();
      const [first] = shares;
      if (!first) throw new Error("one is needed");
      expect(await verifier().submit({ ...first, retry: true })).toEqual(accepted);
      expect(await verifier().submit({ ...first, timestampMs: 1 })).toEqual({ kind: "duplicate" });
      await drain();
      await expectBooks(shares);
      expect(await rows("outbox")).toEqual([]);
      expect(await rows("unresolved")).toEqual([]);
    });
  }

  it("is replayed by an alarm that outlives the object", async () => {
    ledgerFaults = Array.from({ length: 4 }, () => "lostBefore" as const);
    const share = one("share");
    expect(await verifier().submit(share)).toEqual(accepted);
    expect(
      await runInDurableObject(verifier(), async (_object, state) => await state.storage.getAlarm()),
    ).not.toBeNull();
    await abortAllDurableObjects();
    // Nobody calls the object: its alarm alone brings the share into the books.
    await vi.waitFor(async () => expect(await command("ZCARD", "eth:pow")).toBe(1), {
      timeout: 120_000,
      interval: 100,
    });
    await expectBooks([share]);
  });
});

describe("a block in workerd", () => {
  // Defect 5 of the reference: the candidate is written outside of the transaction.
  it("reaches the node and the candidates, and its verdict says that there is new work", async () => {
    const [share, found] = [one("share"), one("block")];
    await verifier().submit(share);
    expect(await verifier().submit(found)).toEqual({ ...block, found: { height: HEIGHT, solo: false } });
    const [candidate, ...others] = (await candidates()) as string[];
    expect(others).toEqual([]);
    expect(candidate).toMatch(new RegExp(`^${member(found)}:\\d{10}:${NETWORK}:4$`));
    expect(await command("HGET", `eth:shares:round${HEIGHT}:${found.nonce}`, found.login)).toBe("4");
    expect(await command("EXISTS", "eth:shares:roundCurrent")).toBe(0);
    expect(await rows("held")).toEqual([]);
  });

  // Defect 3 of the reference.
  it("is credited as a share when the node says false", async () => {
    nodeAnswers = [false];
    const found = one("block");
    expect(await verifier().submit(found)).toEqual(accepted);
    expect(await candidates()).toEqual([]);
    await expectBooks([found]);
  });

  // Defect 2 of the reference.
  it("is offered again when the node breaks the connection, and has its candidate once", async () => {
    nodeAnswers = ["breaks", "breaks"];
    const found = one("block");
    expect(await verifier().submit(found)).toMatchObject(block);
    await vi.waitFor(async () => expect(await candidates()).toHaveLength(1), { timeout: 120_000, interval: 50 });
    expect(offers).toBe(3);
    expect(await command("ZSCORE", "eth:finders", found.login)).toBe("1");
  });

  it("has its candidate once when the node took it, never said so, and the chain has it", async () => {
    nodeAnswers = Array.from({ length: 100 }, () => "breaks" as const);
    const found = one("block");
    chainSeals = [found];
    expect(await verifier().submit(found)).toMatchObject(block);
    expect(await candidates()).toEqual([]);
    await verifier().prepare(HEIGHT + 8);
    await vi.waitFor(async () => expect(await candidates()).toHaveLength(1), { timeout: 120_000, interval: 50 });
    await nothingHeld();
    expect(await verifier().submit({ ...found, retry: true })).toMatchObject(block);
    expect(await candidates()).toHaveLength(1);
  });

  it("is credited as a share when nobody said what became of it and the chain lacks it", async () => {
    nodeAnswers = ["breaks", false];
    chainSeals = [];
    const found = one("block");
    expect(await verifier().submit(found)).toEqual(accepted);
    expect(await candidates()).toEqual([]);
    await expectBooks([found]);
  });

  // A retry of that age could not be resolved: the ledger's evidence lives for 3 h.
  it("has its candidate when it is found in the chain hours later, by an object that was started again and whose node rejects it", async () => {
    nodeAnswers = ["breaks", "breaks", "breaks"];
    const found = { ...one("block"), timestampMs: Date.now() - 5 * 3_600_000 };
    expect(await verifier().submit(found)).toMatchObject(block);
    await abortAllDurableObjects();
    nodeAnswers = Array.from({ length: 100 }, () => false);
    await verifier().guard();
    await scheduler.wait(500);
    expect(await rows("held")).toMatchObject([{ stage: "found" }]);
    chainSeals = [found];
    await vi.waitFor(async () => expect(await candidates()).toHaveLength(1), { timeout: 120_000, interval: 50 });
    await nothingHeld();
    expect(await rows("unresolved")).toEqual([]);
  });

  it("survives the end of the object while the node thinks", async () => {
    nodeAnswers = ["hangs"];
    const found = one("block");
    // After a second the miner is told; the block is durable.
    expect(await verifier().submit(found)).toMatchObject(block);
    expect(await rows("held")).toHaveLength(1);
    await abortAllDurableObjects();
    await verifier().guard();
    await vi.waitFor(async () => expect(await candidates()).toHaveLength(1), { timeout: 120_000, interval: 50 });
    expect(offers).toBe(2);
    await nothingHeld();
  });

  for (const fault of ["lostBefore", "lostAfter"] as const) {
    it(`has one candidate when the ledger's answer is ${fault} and the object ends`, async () => {
      ledgerFaults = [fault, fault];
      const found = one("block");
      expect(await verifier().submit(found)).toMatchObject(block);
      await abortAllDurableObjects();
      await drain();
      expect(await candidates()).toHaveLength(1);
      expect(await command("HGET", `eth:miners:${found.login}`, "blocksFound")).toBe("1");
      expect(await verifier().submit({ ...found, retry: true })).toMatchObject(block);
      expect(await candidates()).toHaveLength(1);
    });
  }
});
