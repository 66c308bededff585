/** Solo work beside common work, in real workerd with two simulated nodes: the scheme is the header's, whoever hands a proof in. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, it, vi } from "vitest";
import { auditBooks } from "../../core/ledger/books/audit.ts";
import { bookMap } from "../../core/ledger/books/scan.ts";
import type { HealthReport } from "../../core/health/judge.ts";
import { startNode, type DevNode } from "../../devnet/node/node.ts";
import { COINBASE } from "../../devnet/node/transactions.ts";
import { startPool } from "../../devnet/pool-host/pool-process.ts";
import { upstashPort } from "../../durable-objects/platform/ledger-ports.ts";
import { kernelAt } from "../support/pow.ts";
import { LONG_CHAIN, meets, solutions } from "../support/proofs.ts";
import { StratumClient } from "../support/stratum-client.ts";

const TOKEN = "books-of-this-test-only";
const NOTIFY = "notify-token-of-this-test";
const HEIGHT = 1_000;
const POOL = 64n;
const NETWORK = 1_024n;
const WAIT = { timeout: 120_000, interval: 100 };

const cleanups: (() => Promise<unknown> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

async function newNode(seed: string): Promise<DevNode> {
  const quiet = { blockTimeMs: null, recommitMs: null };
  const node = await startNode({ spec: LONG_CHAIN, startHeight: HEIGHT, difficulty: NETWORK, seed, ...quiet });
  cleanups.push(() => node.close());
  return node;
}

async function newPool(vars: Record<string, unknown>) {
  const stateDir = await mkdtemp(join(tmpdir(), "edgepool-solo-"));
  cleanups.push(() => rm(stateDir, { recursive: true, force: true }));
  const pool = await startPool({
    stateDir,
    cron: false,
    vars: {
      chain: { name: "long", epochLength: 30_000 },
      difficulty: Number(POOL),
      blockRefreshInterval: "200ms",
      recommitInterval: "0s",
      policy: { refreshInterval: "1s" },
      stratum: { vardiff: false },
      unlocker: { enabled: true, accounts: [COINBASE], rewards: { eraLength: 5_000_000 } },
      ...vars,
    },
    secrets: { REDIS_TOKEN: TOKEN, NOTIFY_TOKEN: NOTIFY },
  });
  cleanups.push(() => pool.close());
  const url = `${pool.url}/redis`;
  const redis = upstashPort({ url, token: TOKEN, timeoutMs: 120_000 });
  const hash = async (key: string) => Object.fromEntries(await bookMap(redis, key, "hash"));
  return {
    url: pool.url,
    redis,
    hash,
    health: async (): Promise<HealthReport> => JSON.parse(await (await fetch(`${pool.url}/health`)).text()),
    round: () => hash("eth:shares:roundCurrent"),
    /** How many candidates there are. */
    candidates: async () => await redis.command(["ZCARD", "eth:blocks:candidates"]),
    terms: async () => Object.values(await hash("eth:blocks:terms")).map((text): unknown => JSON.parse(text)),
    wrong: async () => (await auditBooks(redis, "eth")).filter(({ ok }) => !ok),
    async miner(login: string): Promise<Miner> {
      const client = await StratumClient.open(`${pool.url.replace("http", "ws")}/stratum/${login}/rig`);
      cleanups.push(() => client.close());
      return new Miner(client, login);
    },
  };
}

/** Logged in over eth-proxy; it remembers what it was given last. */
class Miner {
  header = "";
  readonly #client: StratumClient;
  readonly #answers = new Map<number, (result: unknown) => void>();
  #id = 1;

  constructor(client: StratumClient, login: string) {
    this.#client = client;
    void this.#read();
    client.send(JSON.stringify({ id: 1, method: "eth_submitLogin", params: [login] }));
  }

  async #read(): Promise<void> {
    for (;;) {
      const line = await this.#client.next(600_000).catch(() => null);
      if (line === null) return;
      const { id, result }: { id?: unknown; result?: unknown } = JSON.parse(line);
      if (id === 0 && Array.isArray(result)) this.header = String(result[0]);
      this.#answers.get(Number(id))?.(result);
    }
  }

  async hand(header: string, { nonce, mixDigest }: { nonce: string; mixDigest: string }): Promise<unknown> {
    this.#id += 1;
    const answer = new Promise((resolve) => void this.#answers.set(this.#id, resolve));
    this.#client.send(JSON.stringify({ id: this.#id, method: "eth_submitWork", params: [nonce, header, mixDigest] }));
    return await answer;
  }
}

function* proofs(header: string, difficulty: bigint, misses?: bigint) {
  for (const proof of solutions(kernelAt(LONG_CHAIN, HEIGHT), { header }, 1n << 20n, meets(difficulty, misses)))
    yield proof;
}
const shareOf = (header: string) => proofs(header, POOL, NETWORK).next().value ?? { nonce: "", mixDigest: "" };
const blockOf = (header: string) => proofs(header, NETWORK).next().value ?? { nonce: "", mixDigest: "" };

const [HONEST, ALONE] = [`0x${"a".repeat(40)}`, `0x${"5".repeat(40)}`];

it("a login that has chosen solo gets other work than the others; credit and block of a header go by its scheme, and no cheat moves either", async () => {
  const [common, solo] = [await newNode("common"), await newNode("solo")];
  const upstream = [
    { name: "common", url: common.url, timeout: "5s" },
    { name: "alone", url: solo.url, timeout: "5s", scheme: "solo" },
  ];
  const pool = await newPool({ upstream, payouts: { soloFee: "0.5" } });
  const [miner, loner] = [await pool.miner(HONEST), await pool.miner(ALONE)];
  await vi.waitFor(
    () => expect([miner.header, loner.header]).toEqual(Array(2).fill(common.chain.current.header)),
    WAIT,
  );

  // It changes over while it is connected.
  await pool.redis.command(["SADD", "eth:solo", ALONE]);
  await vi.waitFor(() => {
    common.recommit();
    expect(loner.header).toBe(solo.chain.current.header);
  }, WAIT);
  const ours = common.chain.current.header;
  const theirs = solo.chain.current.header;
  await vi.waitFor(() => expect(miner.header).toBe(ours), WAIT);

  expect(await miner.hand(ours, shareOf(ours))).toBe(true);
  expect(await loner.hand(theirs, shareOf(theirs))).toBe(true);
  expect(await pool.round()).toEqual({ [HONEST]: String(POOL) });
  // Counted for its figures all the same.
  expect(await pool.redis.command(["ZCARD", `eth:hashrate:${ALONE}`])).toBe(1);

  // The cheat: the round's credit for shares of a header, and its block handed in under a solo login; and the reverse.
  const [found, foundAlone] = [blockOf(ours), blockOf(theirs)];
  expect(await loner.hand(ours, found)).toBe(false);
  expect(await miner.hand(theirs, foundAlone)).toBe(false);
  expect(await pool.candidates()).toBe(0);

  expect(await loner.hand(theirs, foundAlone)).toBe(true);
  await vi.waitFor(async () => expect(await pool.candidates()).toBe(1), WAIT);
  expect(await pool.round()).toEqual({ [HONEST]: String(POOL) });
  expect(await pool.terms()).toMatchObject([{ scheme: "solo", finder: ALONE, poolFee: "0.5" }]);
  expect(await pool.hash(`eth:shares:round${HEIGHT}:${foundAlone.nonce}`)).toEqual({
    [ALONE]: String(POOL),
  });
  expect(await miner.hand(ours, found)).toBe(true);
  await vi.waitFor(async () => expect(await pool.candidates()).toBe(2), WAIT);
  expect(await pool.hash(`eth:shares:round${HEIGHT}:${found.nonce}`)).toEqual({
    [HONEST]: String(2n * POOL),
  });
  const schemes = new Set((await pool.terms()).map((terms): unknown => Reflect.get(Object(terms), "scheme")));
  expect(schemes).toEqual(new Set(["prop", "solo"]));

  // Back to common work.
  await pool.redis.command(["SREM", "eth:solo", ALONE]);
  await vi.waitFor(() => {
    solo.recommit();
    expect(loner.header).toBe(common.chain.current.header);
  }, WAIT);
  expect(await pool.wrong()).toEqual([]);

  // Whose a pushed header is must be known where there are two kinds.
  const push = await fetch(`${pool.url}/notify/${NOTIFY}`, { method: "POST", body: "[]" });
  expect([push.status, await push.text()]).toEqual([400, expect.stringContaining("must name its node")]);
});

it("where both upstreams are one node, its header has the scheme that came first, and nobody is paid by the other", async () => {
  const node = await newNode("one");
  const upstream = [
    { name: "common", url: node.url, timeout: "5s" },
    { name: "alone", url: node.url, timeout: "5s", scheme: "solo" },
  ];
  const pool = await newPool({ upstream });
  await pool.redis.command(["SADD", "eth:solo", ALONE]);
  const [miner, loner] = [await pool.miner(HONEST), await pool.miner(ALONE)];
  // Lists of before may have been in force at its login: then it changes over with its next job.
  await vi.waitFor(
    async () => {
      node.recommit();
      expect((await pool.health()).soloWork?.subscribers).toBe(1);
    },
    { ...WAIT, interval: 500 },
  );
  // The first may still come to it as common work, while the answer to its subscription is on its way.
  for (let job = 0; job < 2; job++) {
    node.recommit();
    const { header } = node.chain.current;
    await vi.waitFor(() => expect([miner.header, loner.header]).toEqual([header, header]), WAIT);
  }
  const { header } = node.chain.current;
  // Both before either is handed in: a verifier that nothing comes to for ten seconds is ended, and forgets what it saw first.
  const [share, block] = [shareOf(header), blockOf(header)];
  expect(await miner.hand(header, share)).toBe(true);
  // Work not ready: nobody did wrong but the operator.
  expect(await loner.hand(header, block)).toBeNull();
  expect(await pool.candidates()).toBe(0);
  expect(await pool.round()).toEqual({ [HONEST]: String(POOL) });
  await vi.waitFor(
    async () =>
      expect((await pool.health()).problems).toContainEqual(
        expect.stringContaining("its node gives the header that common work has"),
      ),
    WAIT,
  );
});

it("a dead node of solo work is named on /health, beside common work that is well", async () => {
  const node = await newNode("common");
  const upstream = [
    { name: "common", url: node.url, timeout: "5s" },
    { name: "alone", url: "http://127.0.0.1:9", timeout: "1s", scheme: "solo" },
  ];
  const pool = await newPool({ upstream });
  await pool.redis.command(["SADD", "eth:solo", ALONE]);
  await pool.miner(HONEST);
  await pool.miner(ALONE);
  await vi.waitFor(async () => {
    const { healthy, problems, work } = await pool.health();
    expect(work?.upstreams).toMatchObject([{ name: "common", healthy: true }]);
    expect(healthy).toBe(false);
    expect(problems).toContainEqual(expect.stringMatching(/^solo work: no node has given work yet.*alone/));
  }, WAIT);
});

it("with payouts.scheme solo shares earn nothing and each block is its finder's", async () => {
  const node = await newNode("common");
  const pool = await newPool({
    upstream: [{ name: "node", url: node.url, timeout: "5s" }],
    payouts: { scheme: "solo" },
  });
  const [first, second] = [await pool.miner(HONEST), await pool.miner(ALONE)];
  const { header } = node.chain.current;
  await vi.waitFor(() => expect([first.header, second.header]).toEqual([header, header]), WAIT);
  expect(await first.hand(header, shareOf(header))).toBe(true);
  expect(await second.hand(header, blockOf(header))).toBe(true);
  await vi.waitFor(async () => expect(await pool.candidates()).toBe(1), WAIT);
  expect(await pool.round()).toEqual({});
  expect(await pool.terms()).toMatchObject([{ scheme: "solo", finder: ALONE }]);
  expect(await pool.wrong()).toEqual([]);
});
