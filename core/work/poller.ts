import { type Clock, within } from "../clock.ts";
import { nodeFailure } from "./node-rpc.ts";
import type { NodeClient, PollResult } from "./node-client.ts";
import type { WorkOffer } from "./template.ts";
import type { HealthEvent, UpstreamHealth } from "./upstream-health.ts";
import type { WorkCheck } from "./work-check.ts";

export interface PollerDeps {
  readonly nodes: readonly NodeClient[];
  readonly health: UpstreamHealth;
  readonly check: WorkCheck;
  readonly clock: Clock;
  /** Every node is asked at least this often, sick or in reserve. */
  readonly checkIntervalMs: number;
  /** After so long without an answer the next node is asked as well. */
  readonly patienceMs: number;
  /** Height of the current work; null where there is none. */
  readonly bestHeight: () => number | null;
  readonly onWork: (offer: WorkOffer) => void;
  readonly onEvents: (events: readonly HealthEvent[]) => void;
  /** The node turns out to be on another chain. */
  readonly onWrongChain: (node: string) => void;
}

interface Flight {
  readonly askedAtMs: number;
  /** Never rejects. */
  readonly done: Promise<PollResult>;
  /** How often it has been counted as a failure because it was late. */
  late: number;
}

/**
 * Asks the nodes for work. Each tick asks the first well node; when that fails, dawdles or lies behind what is known already, the
 * next one is asked in the same tick, so that one bad node never costs freshness. A node has one poll under way at most.
 */
export class Poller {
  readonly #deps: PollerDeps;
  readonly #flights = new Map<string, Flight>();
  readonly #askedAtMs = new Map<string, number>();

  constructor(deps: PollerDeps) {
    this.#deps = deps;
  }

  /** One round. Resolves as soon as the round has the best work there is, at the latest after `patienceMs` a node. */
  async tick(): Promise<void> {
    const { nodes, health, clock, patienceMs, checkIntervalMs, bestHeight } = this.#deps;
    const nowMs = () => clock.nowMs();
    for (const node of nodes) {
      const flight = this.#flights.get(node.name);
      if (flight !== undefined) this.#countLate(node.name, flight);
      else if (nowMs() - (this.#askedAtMs.get(node.name) ?? -Infinity) >= checkIntervalMs) this.#ask(node);
    }
    for (const name of health.order()) {
      const node = nodes.find((candidate) => candidate.name === name);
      if (node === undefined) continue;
      const flight = this.#ask(node);
      const patienceLeftMs = flight.askedAtMs + patienceMs - nowMs();
      if (patienceLeftMs <= 0) continue;
      const answer = await within(clock, patienceLeftMs, flight.done, null);
      if (answer?.kind === "work" && answer.job.height >= Math.max(bestHeight() ?? 0, answer.due)) return;
    }
  }

  /** Joins the poll that is under way, or begins one. */
  #ask(node: NodeClient): Flight {
    const underWay = this.#flights.get(node.name);
    if (underWay !== undefined) return underWay;
    const askedAtMs = this.#deps.clock.nowMs();
    const flight: Flight = { askedAtMs, done: this.#poll(node, askedAtMs), late: 0 };
    this.#askedAtMs.set(node.name, askedAtMs);
    this.#flights.set(node.name, flight);
    return flight;
  }

  async #poll(node: NodeClient, askedAtMs: number): Promise<PollResult> {
    const { health, clock, onWork, onEvents } = this.#deps;
    const result = this.#checked(await node.poll());
    this.#flights.delete(node.name);
    if (result.kind === "work") {
      const work = { ...result.job, chainId: result.marks.chainId };
      onEvents(health.answered(node.name, work, clock.nowMs(), askedAtMs));
      onWork({ job: result.job, node: node.name, via: "poll", askedAtMs });
    } else {
      onEvents(health.failed(node.name, result, clock.nowMs()));
      if (result.failure === "wrongChain") this.#deps.onWrongChain(node.name);
    }
    return result;
  }

  #checked(result: PollResult): PollResult {
    return (result.kind === "work" ? this.#deps.check(result.job, result.marks) : null) ?? result;
  }

  /** A poll that hangs counts again and again, so that a node is not well just because its time-out is long. */
  #countLate(name: string, flight: Flight): void {
    const { health, clock, onEvents, patienceMs } = this.#deps;
    const nowMs = clock.nowMs();
    if (nowMs - flight.askedAtMs < patienceMs * (flight.late + 1)) return;
    flight.late += 1;
    onEvents(health.failed(name, nodeFailure("timeout", `no answer for ${patienceMs} ms and more`), nowMs));
  }
}
