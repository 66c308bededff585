import { array, assert, asyncProperty, boolean, constantFrom, type Arbitrary, nat, oneof, record } from "fast-check";
import { meetsTarget, targetOf, toHex, type Ethash } from "@edgepool/ethash-wasm";
import { beforeAll, expect, it, vi } from "vitest";
import { OutboxStore } from "../../../core/ledger/write-path/outbox-store.ts";
import { createLogger } from "../../../core/log.ts";
import { CacheKeeper } from "../../../core/shares/cache-keeper.ts";
import { shareWorth } from "../../../core/shares/difficulty-classes.ts";
import { ShareProcessor } from "../../../core/shares/share-processor.ts";
import type { Job } from "../../../core/work/job.ts";
import { nodeSql } from "../../../scripts/ledger/node-sql.ts";
import { campaignRuns } from "../../support/campaign-runs.ts";
import { FaultyLedger, type Fault } from "../../support/faulty-ledger.ts";
import { kernelAt } from "../../support/pow.ts";
import { LONG_CHAIN, makeJob, solutions } from "../../support/proofs.ts";
import { virtualAlarm } from "../../support/virtual-alarm.ts";
import { CONFIG, type FakePeer, IP, LOGIN, SessionRig } from "./session-rig.ts";

// The light cache of the proofs is really built, on a machine that may be busy.
vi.setConfig({ testTimeout: 600_000, hookTimeout: 300_000 });

const POOL = 16n;
const NETWORK = 200n;
/** Headers of two heights, the second one of a pool that has changed its difficulty. */
const JOBS: readonly Job[] = [
  { ...makeJob(3, NETWORK, 1), poolDifficulty: POOL, classTable: 1 },
  { ...makeJob(4, NETWORK, 2), poolDifficulty: POOL * 4n, classTable: 1 },
];
/** Where proofs are: at random, in every class, and where the first extranonces of the pool's own class are. */
const PREFIXES = [0x00_0000, 0x60_0000, 0x61_0000, 0x61_4000, 0x61_6000, 0x61_8000, 0x61_9000, 0x80_0000, 0x80_0001];
const DIFFICULTIES = ["x", "d=1", "d=4", "d=16", "d=64", "d=256", "d=100000"];

interface Proof {
  readonly job: Job;
  readonly nonce: string;
  readonly mixDigest: string;
  readonly result: Uint8Array;
}

let kernel: Ethash;
let proofs: Proof[];

beforeAll(() => {
  kernel = kernelAt(LONG_CHAIN, 3);
  // Good and bad ones: what each is worth is for the pool to find out.
  proofs = JOBS.flatMap((job) =>
    PREFIXES.flatMap((prefix) => {
      const worth = shareWorth(prefix.toString(16).padStart(6, "0"), job);
      const first = BigInt(prefix) << 40n;
      return [2n, worth].flatMap((least) => {
        const found = solutions(kernel, job, first, (result) => meetsTarget(result, targetOf(least)));
        return Array.from({ length: 3 }, () => ({ job, ...(found.next().value as Omit<Proof, "job">) }));
      });
    }),
  );
});

type Step =
  | {
      readonly do: "connect";
      readonly dialect: "ethProxy" | "es1" | "es2";
      readonly password: string;
      readonly moves: boolean;
    }
  /** Comes back under another's session. */
  | { readonly do: "resume"; readonly pick: number }
  | { readonly do: "submit"; readonly pick: number; readonly proof: number; readonly whole: boolean }
  | { readonly do: "post"; readonly proof: number }
  | { readonly do: "leave"; readonly pick: number }
  | { readonly do: "work"; readonly job: number }
  | { readonly do: "pass"; readonly ms: number }
  | { readonly do: "hibernate" }
  | { readonly do: "crash" };

const step: Arbitrary<Step> = oneof(
  {
    weight: 4,
    arbitrary: record({
      do: constantFrom("connect" as const),
      dialect: constantFrom("ethProxy" as const, "es1" as const, "es2" as const),
      password: constantFrom(...DIFFICULTIES),
      moves: boolean(),
    }),
  },
  { weight: 1, arbitrary: record({ do: constantFrom("resume" as const), pick: nat(9) }) },
  {
    weight: 14,
    arbitrary: record({ do: constantFrom("submit" as const), pick: nat(9), proof: nat(107), whole: boolean() }),
  },
  { weight: 2, arbitrary: record({ do: constantFrom("post" as const), proof: nat(107) }) },
  { weight: 1, arbitrary: record({ do: constantFrom("leave" as const), pick: nat(9) }) },
  { weight: 2, arbitrary: record({ do: constantFrom("work" as const), job: nat(1) }) },
  { weight: 3, arbitrary: record({ do: constantFrom("pass" as const), ms: constantFrom(1, 30, 700, 61_000) }) },
  { weight: 1, arbitrary: record({ do: constantFrom("hibernate" as const) }) },
  { weight: 1, arbitrary: record({ do: constantFrom("crash" as const) }) },
);

const fault: Arbitrary<Fault> = constantFrom(
  { kind: "none", delayMs: 5 },
  { kind: "none", delayMs: 1_500 },
  { kind: "refused" },
  { kind: "lostBefore", delayMs: 20 },
  { kind: "lostAfter", delayMs: 20 },
  { kind: "late", delayMs: 20, executedAfterMs: 3_000 },
);

const vardiff = {
  targetTimeMs: 30_000,
  retargetTimeMs: 60_000,
  variancePercent: 30,
  minDifficulty: 1n,
  maxDifficulty: 10n ** 9n,
};
const CONFIGURED = {
  ...CONFIG,
  chain: LONG_CHAIN,
  stratum: { ...CONFIG.stratum, vardiff },
  work: { ...CONFIG.work, terms: { poolDifficulty: POOL, classTable: 1 as const } },
};

/** One login's miners, a verifier that is killed now and then, and a ledger behind a bad line. */
class World extends SessionRig {
  readonly ledger: FaultyLedger;
  readonly #sql = nodeSql();
  readonly #sessions: { readonly peer: FakePeer; readonly dialect: string; id: string; extranonce: string }[] = [];
  #alive = { yes: true };
  processor: ShareProcessor;

  constructor(faults: readonly Fault[]) {
    super(CONFIGURED);
    const left = [...faults];
    this.ledger = new FaultyLedger(this.clock, () => left.shift() ?? { kind: "none", delayMs: 5 });
    this.work = this.snapshot(1, JOBS.slice(0, 1));
    this.processor = this.#start();
    this.verdict = (share) => this.processor.submit(share);
  }

  async run(action: Step): Promise<void> {
    switch (action.do) {
      case "connect":
        return await this.#enter(action.dialect, action.password, action.moves, null);
      case "resume":
        return await this.#enter("es1", "x", true, this.#sessions[action.pick % this.#sessions.length]?.id ?? null);
      case "submit":
        return await this.#submit(action.pick, action.proof, action.whole);
      case "post": {
        const { job, nonce, mixDigest } = proofs[action.proof] ?? fail();
        const body = `{"id":1,"method":"eth_submitWork","params":["${nonce}","${job.header}","${mixDigest}"]}`;
        void this.sessions.getwork({ login: LOGIN, worker: "post", ip: IP, body });
        return;
      }
      case "leave": {
        const session = this.#sessions[action.pick % this.#sessions.length];
        if (session && this.peers.includes(session.peer)) await this.leave(session.peer);
        return;
      }
      case "work": {
        const sequence = (this.work?.sequence ?? 0) + 1;
        this.work = this.snapshot(sequence, action.job === 0 ? JOBS : JOBS.toReversed());
        await this.sessions.push(this.work);
        return;
      }
      case "pass":
        return await this.clock.pass(action.ms);
      case "hibernate":
        return this.hibernate(CONFIGURED);
      case "crash":
        this.#alive.yes = false;
        this.processor = this.#start();
    }
  }

  async #enter(dialect: "ethProxy" | "es1" | "es2", password: string, moves: boolean, resume: string | null) {
    const peer = this.connect({ worker: "rig" });
    const hello = '{"id":0,"method":"mining.hello","params":{"proto":"EthereumStratum/2.0.0"}}';
    const named = resume === null ? "" : `,"${resume}"`;
    const lines = {
      ethProxy: [`{"id":1,"method":"eth_submitLogin","params":["${LOGIN}","${password}"]}`],
      es1: [
        `{"id":1,"method":"mining.subscribe","params":["m/1","EthereumStratum/1.0.0"${named}]}`,
        ...(moves ? ['{"id":2,"method":"mining.extranonce.subscribe","params":[]}'] : []),
        `{"id":3,"method":"mining.authorize","params":["${LOGIN}.rig","${password}"]}`,
      ],
      es2: [
        hello,
        '{"id":1,"method":"mining.subscribe"}',
        `{"id":3,"method":"mining.authorize","params":["${LOGIN}","${password}"]}`,
      ],
    }[dialect];
    await this.say(peer, ...lines);
    const state = this.sessions.connection(peer)?.state;
    this.#sessions.push({ peer, dialect, id: state?.id ?? "", extranonce: state?.extranonce ?? "" });
  }

  async #submit(pick: number, which: number, whole: boolean): Promise<void> {
    const session = this.#sessions[pick % this.#sessions.length];
    if (!session || !this.peers.includes(session.peer)) return;
    const { job, nonce, mixDigest } = proofs[which] ?? fail();
    const [id, rest] = [job.header.slice(2, 18), nonce.slice(whole ? 2 : 8)];
    const line = {
      ethProxy: `{"id":4,"method":"eth_submitWork","params":["${nonce}","${job.header}","${mixDigest}"]}`,
      es1: `{"id":4,"method":"mining.submit","params":["${LOGIN}.rig","${id}","${rest}"]}`,
      es2: `{"id":4,"method":"mining.submit","params":["${id}","${rest}","rig"]}`,
    }[session.dialect];
    void this.frame(session.peer, `${line ?? ""}\n`);
    await Promise.resolve();
  }

  #start(): ShareProcessor {
    const alive = { yes: true };
    this.#alive = alive;
    const clock = {
      nowMs: () => this.clock.nowMs(),
      after: (delayMs: number, work: () => void) => this.clock.after(delayMs, () => alive.yes && work()),
    };
    const bell = virtualAlarm(clock, () => processor.wake());
    const processor: ShareProcessor = new ShareProcessor({
      chain: LONG_CHAIN,
      keeper: new CacheKeeper(() => kernel, 40 << 20),
      store: new OutboxStore({
        ...this.#sql,
        exec: (statement, ...parameters) => {
          if (!alive.yes) throw new Error("this life is over");
          return this.#sql.exec(statement, ...parameters);
        },
      }),
      writer: this.ledger.connect(() => alive.yes),
      nodes: [
        {
          name: "main",
          submitWork: async () => ({ kind: "accepted" }),
          findBlock: async () => ({ kind: "absent" }),
        },
      ],
      clock,
      random: () => 0.5,
      commitIntervalMs: 0,
      outboxBound: 1_000,
      queueBound: 100,
      queueTimeoutMs: 30_000,
      wakeAt: (atMs) => bell.ringAt(atMs),
      onBlock: () => undefined,
      onClosing: async () => undefined,
      onRefuted: () => undefined,
      log: createLogger({ level: "error", sink: () => undefined, now: () => 0 }),
    });
    return processor;
  }
}

function fail(): never {
  throw new Error("no such proof");
}

const RUNS = campaignRuns(20, 6);

it("credits no proof of work with more than V, whoever submits it how often, where, in which dialect and when, whatever fails", async () => {
  let credited = 0;
  await assert(
    asyncProperty(
      array(step, { minLength: 20, maxLength: 60 }),
      array(fault, { maxLength: 12 }),
      async (steps, faults) => {
        const world = new World(faults);
        await world.run({ do: "connect", dialect: "ethProxy", password: "x", moves: false });
        for (const action of steps) await world.run(action);
        await world.clock.pass(300_000);
        const worths = [...world.ledger.credited.keys()].map((key) => {
          const [nonce = "", header = "", mixDigest] = key.split(":");
          const job = JOBS.find((one) => one.header === header) ?? fail();
          // Not only the proofs above: a tail of one may be a proof behind another extranonce.
          const [hash] = kernel.hashBatch([{ header, nonce: BigInt(nonce) }]);
          const worth = shareWorth(nonce.slice(2), job);
          expect(`0x${toHex(hash?.mixDigest ?? new Uint8Array())}`).toBe(mixDigest);
          expect(meetsTarget(hash?.result ?? new Uint8Array(32), targetOf(worth))).toBe(true);
          return worth;
        });
        // Once each, and of the whole books no more than these together.
        expect(world.ledger.credits).toHaveLength(worths.length);
        const total = [...world.ledger.totals.values()].reduce((sum, one) => sum + one, 0n);
        expect(total).toBe(worths.reduce((sum, one) => sum + one, 0n));
        credited += worths.length;
      },
    ),
    { seed: 20261126, numRuns: RUNS },
  );
  // It is no property of a pool that credits nothing.
  expect(credited).toBeGreaterThan(2.5 * RUNS);
});
