import { FanOut } from "../../core/work/fan-out.ts";
import type { WorkSnapshot } from "../../core/work/job.ts";
import { relayName, ROOT_NAME, templateNameFor } from "../../core/work/template-tree.ts";
import type { JobCosts } from "./measured-costs.ts";
import { Thread, VirtualTime } from "./virtual-time.ts";

/** One tree to be simulated. */
export interface TreeOptions {
  readonly logins: number;
  readonly socketsPerLogin: number;
  /** 0: the root calls every session itself; else it calls relays, which have a WebSocket into each session. */
  readonly relays: number;
  readonly costs: JobCosts;
  /** Deliveries under way at once, and when one counts as slow: those of durable-objects/block-template.ts. */
  readonly concurrency: number;
  readonly slowAfterMs: number;
  /** One way between two objects, in ms. */
  readonly networkMs: () => number;
}

/** What became of one job. */
export interface TreeResult {
  /** When the last socket had been written to, and when half and 99 of 100 had, in ms after the node's push. */
  readonly lastMs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly calls: number;
  readonly messages: number;
  /** Computing of the busiest object that passes the job on. */
  readonly busiestMs: number;
}

const WORK: WorkSnapshot = {
  sequence: 1,
  current: { header: "0x", seed: "0x", height: 1, networkDifficulty: 1n, poolDifficulty: 1n, classTable: 1 },
  jobs: [],
  confirmedAtMs: 0,
};

/** A branch of the tree: brings what it is given to its targets. */
interface Branch {
  readonly pass: () => void;
}

/**
 * Sends one job down the tree with the pool's own `FanOut` at every branch, in virtual time. Every object has a thread of its own,
 * as on Cloudflare; what a delivery costs both sides is charged to the sender's.
 */
export async function simulateTree(options: TreeOptions): Promise<TreeResult> {
  const tree = new Tree(options);
  const byBranch = new Map<string, string[]>();
  for (let index = 0; index < options.logins; index++) {
    const login = `0x${index.toString(16).padStart(40, "0")}`;
    const name = templateNameFor(login, options.relays);
    const logins = byBranch.get(name) ?? [];
    logins.push(login);
    byBranch.set(name, logins);
  }
  if (options.relays === 0) return await tree.run(tree.calling(byBranch.get(ROOT_NAME) ?? [], tree.session));
  const relays = new Map([...byBranch].map(([name, logins]) => [name, tree.sending(logins)]));
  const names = Array.from({ length: options.relays }, (_, index) => relayName(index));
  // A relay answers before its sessions have the job: see core/work/template-relay.ts.
  const root = tree.calling(names, (name, atMs) => {
    tree.time.at(atMs, () => relays.get(name)?.pass());
    return atMs;
  });
  return await tree.run(root);
}

class Tree {
  readonly time = new VirtualTime();
  readonly #options: TreeOptions;
  readonly #delivered: number[] = [];
  readonly #threads: Thread[] = [];
  #calls = 0;
  #messages = 0;

  constructor(options: TreeOptions) {
    this.#options = options;
  }

  /** A session that has got the job. @returns when it has passed it on */
  readonly session = (_login: string, atMs: number): number => {
    const { costs, socketsPerLogin } = this.#options;
    const doneAt = atMs + costs.sessionMs + costs.socketMs * socketsPerLogin;
    this.#delivered.push(doneAt);
    return doneAt;
  };

  /** Calls its targets, a bounded number at a time. @param receive says when a target has answered */
  calling(targets: readonly string[], receive: (target: string, atMs: number) => number): Branch {
    const { costs, networkMs } = this.#options;
    const thread = this.#thread();
    return this.#branch(targets, (target) => {
      this.#calls += 1;
      const answeredAt = receive(target, thread.compute(costs.callMs) + networkMs());
      return new Promise((resolve) => this.time.at(answeredAt + networkMs(), () => resolve(1)));
    });
  }

  /** Has a socket into each session; nothing comes back. */
  sending(logins: readonly string[]): Branch {
    const { costs, networkMs } = this.#options;
    const thread = this.#thread();
    return this.#branch(logins, async (login) => {
      this.#messages += 1;
      this.session(login, thread.compute(costs.sendMs) + networkMs());
      return 1;
    });
  }

  async run(root: Branch): Promise<TreeResult> {
    this.time.at(this.#options.costs.beforeMs, () => root.pass());
    await this.time.run();
    const sorted = this.#delivered.toSorted((one, other) => one - other);
    const quantile = (part: number) => sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? NaN;
    return {
      lastMs: quantile(1),
      p50Ms: quantile(0.5),
      p99Ms: quantile(0.99),
      calls: this.#calls,
      messages: this.#messages,
      busiestMs: Math.max(...this.#threads.map(({ busyMs }) => busyMs)),
    };
  }

  #branch(targets: readonly string[], send: (target: string) => Promise<number>): Branch {
    const { concurrency, slowAfterMs } = this.#options;
    const wait = (ms: number) => this.time.wait(ms);
    const fanOut = new FanOut({ send, onGone: () => undefined, wait, concurrency, slowAfterMs });
    for (const target of targets) fanOut.add(target);
    return { pass: () => fanOut.publish(WORK) };
  }

  #thread(): Thread {
    const thread = new Thread(this.time);
    this.#threads.push(thread);
    return thread;
  }
}
