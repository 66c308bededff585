import type { RedisCommand, RedisPort } from "../ledger/contract/redis-port.ts";
import { thrown } from "../log.ts";
import type { WorkSnapshot } from "./job.ts";
import type { OnceLog } from "./once-log.ts";
import type { UpstreamStatus } from "./upstream-health.ts";

/** One entry of `eth:nodes`: this pool under its own name, or a node under its. */
interface NodeState {
  /** Letters, digits, `-` and `_`: the API splits the field names at `:`. */
  readonly name: string;
  readonly height: number;
  readonly networkDifficulty: bigint;
  /** Unix time in ms of the last sign of life. */
  readonly lastBeatMs: number;
}

/** This pool under its own name, and beside it the nodes that have answered. */
export function nodeStatesOf(
  poolName: string,
  work: WorkSnapshot | null,
  nodes: readonly UpstreamStatus[],
): readonly NodeState[] {
  const states: NodeState[] = [];
  if (work !== null) {
    const { height, networkDifficulty } = work.current;
    states.push({ name: poolName, height, networkDifficulty, lastBeatMs: work.confirmedAtMs });
  }
  for (const { name, height, networkDifficulty, answeredAtMs } of nodes) {
    if (name === poolName || height === null || networkDifficulty === null || answeredAtMs === null) continue;
    states.push({ name, height, networkDifficulty, lastBeatMs: answeredAtMs });
  }
  return states;
}

/** `WriteNodeState` of open-ethereum-pool, for all entries in one command. Times are written in whole seconds. */
function nodeStateCommand(nodesKey: string, states: readonly NodeState[]): RedisCommand {
  const command: [string, ...(string | number)[]] = ["HSET", nodesKey];
  for (const { name, height, networkDifficulty, lastBeatMs } of states) {
    command.push(`${name}:name`, name, `${name}:height`, height, `${name}:difficulty`, networkDifficulty.toString());
    command.push(`${name}:lastBeat`, Math.floor(lastBeatMs / 1000));
  }
  return command;
}

export interface NodeStateWriterDeps {
  readonly redis: RedisPort;
  readonly nodesKey: string;
  readonly intervalMs: number;
}

/** Writes the nodes' state when a height changes, and every `intervalMs` otherwise. Never in the way of a poll. */
export class NodeStateWriter {
  readonly #deps: NodeStateWriterDeps;
  #writtenAtMs = -Infinity;
  #written = "";
  #writing = false;

  constructor(deps: NodeStateWriterDeps) {
    this.#deps = deps;
  }

  /** Writes if it is time to. Never rejects: a write that fails is made up for by the next one. */
  async offer(states: readonly NodeState[], nowMs: number, once: OnceLog): Promise<void> {
    const heights = states
      .map(({ name, height, networkDifficulty }) => `${name} ${height} ${networkDifficulty}`)
      .join();
    const isDue = heights !== this.#written || nowMs - this.#writtenAtMs >= this.#deps.intervalMs;
    if (!isDue || this.#writing || states.length === 0) return;
    const { redis, nodesKey } = this.#deps;
    this.#writing = true;
    this.#writtenAtMs = nowMs;
    this.#written = heights;
    try {
      await redis.command(nodeStateCommand(nodesKey, states));
      once.solved("node state", "the state of the nodes is in Redis again");
    } catch (error) {
      const why = { error: thrown(error) };
      once.problem("node state", "failed", "the state of the nodes could not be written to Redis", why);
    } finally {
      this.#writing = false;
    }
  }
}
