import { setTimeout as sleep } from "node:timers/promises";
import type { HttpBindings } from "@hono/node-server";
import { customChain, type ChainSpec } from "@edgepool/ethash-wasm/chain-spec";
import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { CLASSIC_REWARDS, type RewardRules } from "../../core/payouts/reward-schedule.ts";
import { ChainFile } from "./chain-file.ts";
import { DevChain, type Work } from "./chain.ts";
import { noFaults, type NodeFaults } from "./faults.ts";
import { cutConnection, NO_ANSWER, RestartableServer } from "../restartable-server.ts";
import { answerRpc, type RpcMethod } from "./geth-rpc.ts";
import { EMPTY_BLOCK, type BlockContents } from "./transactions.ts";
import { Mempool } from "./mempool.ts";
import { LostReply, nodeMethods, simulatedChainId, workItems } from "./node-methods.ts";

/** Settings of a simulated node; all optional. */
export interface NodeOptions {
  readonly host?: string;
  /** 0: a free one. */
  readonly port?: number;
  readonly spec?: ChainSpec;
  readonly startHeight?: number;
  /** Network difficulty in hashes. */
  readonly difficulty?: bigint;
  /** The difficulty follows the block times from `difficulty` on, so that a block comes about this often; null: it stays. */
  readonly targetBlockTimeMs?: number | null;
  /** Somebody else finds a block when nobody here did for this long; null: the chain waits for our blocks. */
  readonly blockTimeMs?: number | null;
  /** A new header for the same height at this interval; null: never. */
  readonly recommitMs?: number | null;
  /** Every new work is pushed there by POST, as `--miner.notify` does. */
  readonly notify?: readonly string[];
  /** Two nodes with one seed give the same headers; default: other ones at each start. */
  readonly seed?: string;
  /** Where the chain is kept, to go on from at the next start; null, or left out: nowhere. */
  readonly chainFile?: string | null;
  /** What blocks hold; nothing, when left out. */
  readonly contents?: (height: number) => BlockContents;
  /** What miners are paid, for balances; as on Ethereum Classic, when left out. */
  readonly rewards?: RewardRules;
  /**
   * What becomes of our block that the node takes as its n-th, counted from 1: it stays, or the chain goes another way at once and it
   * becomes an uncle or is lost. All stay, when left out.
   */
  readonly fate?: (nth: number) => "stays" | "uncle" | "lost";
  readonly now?: () => number;
  readonly onEvent?: (event: NodeEvent) => void;
  /** Told of each call before it is answered. */
  readonly onCall?: (method: string) => void;
}

/** What a node tells whoever runs it. */
export type NodeEvent =
  | { readonly kind: "work"; readonly work: Work; readonly why: "start" | "block" | "timer" | "recommit" | "request" }
  | { readonly kind: "block"; readonly height: number; readonly nonce: string; readonly canonical: boolean }
  | { readonly kind: "notifyFailed"; readonly url: string; readonly reason: string };

/** A running simulated node. */
export interface DevNode {
  readonly url: string;
  readonly port: number;
  readonly chain: DevChain;
  /** What is wrong with it now: set members while it runs. */
  readonly faults: NodeFaults;
  /** Calls by method since the start, and HTTP requests under `http`. */
  readonly calls: ReadonlyMap<string, number>;
  /** Somebody else's block: a new height at once. */
  advance(): void;
  /** A new header for the current height at once. */
  recommit(): void;
  /** The newest blocks give way to somebody else's, see {@link DevChain.reorganise}. */
  reorganise(depth: number, ours: "uncles" | "lost"): void;
  jumpTo(height: number): void;
  /** Refuses connections from now on and cuts those that are open; the chain goes on. */
  stopListening(): Promise<void>;
  /** Listens again on the same port. */
  startListening(): Promise<void>;
  close(): Promise<void>;
}

/** A block every 10 to 20 seconds where the built-in miner does 300 to 600 hashes a second, as beside a pool on two processors. */
export const DEFAULT_DIFFICULTY = 6_000n;
const DEFAULT_RECOMMIT_MS = 3_000;
/** geth's limit of a request body. */
const BODY_LIMIT = 5 * 1024 * 1024;
const NOTIFY_TIMEOUT_MS = 1_000;

/** Starts a node that listens when the promise is fulfilled. @throws Error when the port is taken. */
export async function startNode(options: NodeOptions = {}): Promise<DevNode> {
  const node = new SimulatedNode(options);
  await node.start();
  return node;
}

class SimulatedNode implements DevNode {
  readonly chain: DevChain;
  readonly faults = noFaults();
  readonly calls = new Map<string, number>();
  readonly #options: NodeOptions;
  readonly #methods: ReadonlyMap<string, RpcMethod>;
  readonly #server: RestartableServer;
  readonly #mempool: Mempool;
  /** Null until it has begun. */
  #begun: DevChain | null = null;
  /** Our blocks that the chain took. */
  #sealed = 0;
  #blockTimer: NodeJS.Timeout | undefined;
  #recommitTimer: NodeJS.Timeout | undefined;

  constructor(options: NodeOptions) {
    this.#options = options;
    this.#server = new RestartableServer(options.host ?? "127.0.0.1", options.port ?? 0, this.#application().fetch);
    const now = options.now ?? Date.now;
    const file = options.chainFile ? new ChainFile(options.chainFile) : null;
    const spec = options.spec ?? customChain({ name: "devnet" });
    this.#mempool = new Mempool(simulatedChainId(spec.name));
    this.chain = new DevChain({
      resume: file?.read() ?? [],
      onClosed: (block) => file?.append(block),
      spec,
      startHeight: options.startHeight ?? 1_000,
      difficulty: options.difficulty ?? DEFAULT_DIFFICULTY,
      targetBlockTimeMs: options.targetBlockTimeMs ?? null,
      seed: options.seed ?? `${now()}-${process.pid}`,
      contents: (height) => this.#contentsAt(height),
      onGone: ({ contents }) => this.#mempool.giveBack(contents.transactions),
      rewards: options.rewards ?? CLASSIC_REWARDS,
      now,
      onAccepted: ({ height, nonce, canonical }) => {
        options.onEvent?.({ kind: "block", height, nonce, canonical });
        if (!canonical) return;
        const fate = options.fate?.((this.#sealed += 1)) ?? "stays";
        if (fate !== "stays") this.chain.reorganise(1, fate === "uncle" ? "uncles" : "lost");
        this.#published("block");
      },
    });
    this.#begun = this.chain;
    this.#methods = this.#countedMethods();
  }

  async start(): Promise<void> {
    await this.startListening();
    this.#published("start");
  }

  get port(): number {
    return this.#server.port;
  }

  get url(): string {
    return this.#server.url;
  }

  advance(): void {
    this.chain.advance();
    this.#published("request");
  }

  recommit(): void {
    this.chain.recommit();
    this.#published("request");
  }

  reorganise(depth: number, ours: "uncles" | "lost"): void {
    this.chain.reorganise(depth, ours);
    this.#published("request");
  }

  jumpTo(height: number): void {
    this.chain.jumpTo(height);
    this.#published("request");
  }

  startListening(): Promise<void> {
    return this.#server.start();
  }

  stopListening(): Promise<void> {
    return this.#server.stop();
  }

  async close(): Promise<void> {
    clearTimeout(this.#blockTimer);
    clearInterval(this.#recommitTimer);
    await this.stopListening();
  }

  /** What the options say, and the transfers that were sent to the node. */
  #contentsAt(height: number): BlockContents {
    const { transactions, baseFeePerGas } = this.#options.contents?.(height) ?? EMPTY_BLOCK;
    const sent = this.#begun === null ? [] : this.#mempool.take(this.#begun);
    return { transactions: [...transactions, ...sent], baseFeePerGas };
  }

  #application(): Hono<{ Bindings: HttpBindings }> {
    const tooLong = bodyLimit({ maxSize: BODY_LIMIT, onError: (c) => c.text("content length too large\n", 413) });
    return new Hono<{ Bindings: HttpBindings }>()
      .use(async ({ env }, next) => (await this.#fault(env)) ?? next())
      .get("*", (c) => c.text(""))
      .post("*", tooLong, async (c) => {
        if (!/^application\/json\s*(;|$)/i.test(c.req.header("content-type") ?? "")) {
          return c.text("invalid content type, only application/json is supported\n", 415);
        }
        const answer = await answerRpc(await c.req.text(), this.#methods);
        return c.body(answer, 200, { "content-type": "application/json" });
      })
      .all("*", (c) => c.text("method not allowed\n", 405))
      .onError((error, { env }) => {
        // A lost answer is the fault that was asked for, a reset is the caller's; the rest is a defect of the node.
        if (!(error instanceof LostReply) && !env.incoming.destroyed) throw error;
        return cutConnection(env);
      });
  }

  /** What is wrong with the node at this moment in place of its answer; undefined while it is well. */
  async #fault(env: HttpBindings): Promise<Response | undefined> {
    const count = this.#count("http");
    const { faults } = this;
    const { flap } = faults;
    if (flap !== null && (count - 1) % (flap.up + flap.down) >= flap.up) return cutConnection(env);
    if (faults.delayMs > 0) await sleep(faults.delayMs);
    if (faults.hang) return NO_ANSWER;
    if (faults.status !== 0) return new Response("the node is unwell\n", { status: faults.status });
    if (!faults.html) return undefined;
    const headers = { "content-type": "text/html" };
    return new Response("<html><body>Please log in</body></html>\n", { headers });
  }

  #countedMethods(): ReadonlyMap<string, RpcMethod> {
    const methods = new Map<string, RpcMethod>();
    for (const [name, run] of nodeMethods(this.chain, this.faults, this.#mempool)) {
      methods.set(name, (params) => {
        this.#count(name);
        this.#options.onCall?.(name);
        return run(params);
      });
    }
    return methods;
  }

  #count(name: string): number {
    const count = (this.calls.get(name) ?? 0) + 1;
    this.calls.set(name, count);
    return count;
  }

  /** There is new work: tell it, push it, and start its timers anew. */
  #published(why: "start" | "block" | "timer" | "recommit" | "request"): void {
    const work = this.chain.current;
    this.#options.onEvent?.({ kind: "work", work, why });
    for (const url of this.#options.notify ?? []) void this.#push(url, work);
    if (why !== "recommit") this.#restartTimers();
  }

  #restartTimers(): void {
    const { blockTimeMs = null, recommitMs = DEFAULT_RECOMMIT_MS } = this.#options;
    clearTimeout(this.#blockTimer);
    clearInterval(this.#recommitTimer);
    if (blockTimeMs !== null) {
      this.#blockTimer = setTimeout(() => {
        this.chain.advance();
        this.#published("timer");
      }, blockTimeMs);
    }
    if (recommitMs !== null) {
      this.#recommitTimer = setInterval(() => {
        this.chain.recommit();
        this.#published("recommit");
      }, recommitMs);
    }
  }

  // As geth: one try of a second, and what fails is left to the pool's poll.
  async #push(url: string, work: Work): Promise<void> {
    try {
      const response = await fetch(url, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(workItems(work, this.chain, this.faults)),
        signal: AbortSignal.timeout(NOTIFY_TIMEOUT_MS),
      });
      await response.body?.cancel();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#options.onEvent?.({ kind: "notifyFailed", url, reason });
    }
  }
}
