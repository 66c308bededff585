import { FanOut } from "../../core/work/fan-out.ts";
import type { WorkSnapshot } from "../../core/work/job.ts";
import { relayName, templateNameFor, ROOT_NAME } from "../../core/work/template-tree.ts";
import type { CallCosts } from "./measured-costs.ts";
import { Thread, VirtualTime } from "./virtual-time.ts";

/** One tree to be simulated. */
export interface TreeOptions {
  readonly logins: number;
  readonly socketsPerLogin: number;
  /** `jobRelays`; 0: the root calls every session itself. */
  readonly relays: number;
  readonly costs: CallCosts;
  /** Deliveries under way at once, and when one counts as slow: those of durable-objects/block-template.ts. */
  readonly concurrency: number;
  readonly slowAfterMs: number;
  /** One way between two objects, in ms. */
  readonly networkMs: () => number;
}

/** What became of one job. */
export interface TreeResult {
  /** When the last socket had been written to, and when nine of ten had, in ms after the node's push. */
  readonly lastMs: number;
  readonly p90Ms: number;
  readonly rpcCalls: number;
  /** Computing of the busiest object that passes the job on. */
  readonly busiestMs: number;
}

const WORK: WorkSnapshot = {
  sequence: 1,
  current: { header: "0x", seed: "0x", height: 1, networkDifficulty: 1n, poolDifficulty: 1n, classTable: 1 },
  jobs: [],
  confirmedAtMs: 0,
};

/**
 * Sends one job down the tree with the pool's own `FanOut` at every branch, in virtual time. Every object has a thread of its own,
 * as on Cloudflare; a call's whole measured cost is charged to the caller's.
 */
export async function simulateTree(options: TreeOptions): Promise<TreeResult> {
  const time = new VirtualTime();
  const delivered: number[] = [];
  const senders: Thread[] = [];
  const { costs, networkMs, socketsPerLogin } = options;
  let rpcCalls = 0;

  /** A branch of the tree: calls its targets through the pool's fan-out. */
  const branch = (
    targets: readonly string[],
    receive: (target: string, atMs: number) => number,
  ): { pass: () => void } => {
    const thread = new Thread(time);
    senders.push(thread);
    const send = (target: string): Promise<number> => {
      rpcCalls++;
      const arrivesAt = thread.compute(costs.callMs) + networkMs();
      const answeredAt = receive(target, arrivesAt);
      return new Promise((resolve) => time.at(answeredAt + networkMs(), () => resolve(1)));
    };
    const { concurrency, slowAfterMs } = options;
    const fanOut = new FanOut({ send, onGone: () => undefined, wait: (ms) => time.wait(ms), concurrency, slowAfterMs });
    for (const target of targets) fanOut.add(target);
    return { pass: () => fanOut.publish(WORK) };
  };
  const session = (_login: string, atMs: number): number => {
    const doneAt = atMs + costs.sessionMs + costs.socketMs * socketsPerLogin;
    delivered.push(doneAt);
    return doneAt;
  };

  const byBranch = new Map<string, string[]>();
  for (let index = 0; index < options.logins; index++) {
    const login = `0x${index.toString(16).padStart(40, "0")}`;
    const name = templateNameFor(login, options.relays);
    const logins = byBranch.get(name) ?? [];
    logins.push(login);
    byBranch.set(name, logins);
  }
  const relays = new Map([...byBranch].map(([name, logins]) => [name, branch(logins, session)]));
  const root =
    options.relays === 0
      ? relays.get(ROOT_NAME)
      : branch(
          Array.from({ length: options.relays }, (_, index) => relayName(index)),
          (name, atMs) => {
            // A relay answers before its sessions have the job: see core/work/template-relay.ts.
            time.at(atMs, () => relays.get(name)?.pass());
            return atMs;
          },
        );
  time.at(costs.beforeMs, () => root?.pass());
  await time.run();
  const sorted = delivered.toSorted((one, other) => one - other);
  return {
    lastMs: sorted.at(-1) ?? Number.NaN,
    p90Ms: sorted[Math.floor(0.9 * sorted.length)] ?? Number.NaN,
    rpcCalls,
    busiestMs: Math.max(...senders.map(({ busyMs }) => busyMs)),
  };
}
