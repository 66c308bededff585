import { RedisUnreachableError, type RedisPort } from "../ledger/contract/redis-port.ts";

/** Whether a part of the pool is paused. It is told, and remembers it over restarts. */
export interface PauseFlag {
  get(): boolean;
  set(paused: boolean): void;
}

/**
 * The way to the books of a part that can be paused: then nothing is sent, and what wants to be written waits where it waits while the
 * ledger is away.
 */
export class PausableLedger implements RedisPort {
  readonly #redis: RedisPort;
  readonly #flag: PauseFlag;
  readonly #underWay = new Set<Promise<unknown>>();

  constructor(redis: RedisPort, flag: PauseFlag) {
    this.#redis = redis;
    this.#flag = flag;
  }

  get isPaused(): boolean {
    return this.#flag.get();
  }

  /** @returns when whatever had been sent before has its answer: from then on nothing is written */
  async pause(paused: boolean): Promise<void> {
    if (paused !== this.#flag.get()) this.#flag.set(paused);
    if (paused) await Promise.allSettled(this.#underWay);
  }

  command: RedisPort["command"] = async (command) => await this.#send(() => this.#redis.command(command));

  pipeline: RedisPort["pipeline"] = async (commands) => await this.#send(() => this.#redis.pipeline(commands));

  async #send<T>(request: () => Promise<T>): Promise<T> {
    if (this.#flag.get()) throw new RedisUnreachableError("paused by the operator", "no");
    const sent = request();
    this.#underWay.add(sent);
    try {
      return await sent;
    } finally {
      this.#underWay.delete(sent);
    }
  }
}
