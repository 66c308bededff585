import type { WorkHealth } from "../health/judge.ts";
import type { FanOut } from "./fan-out.ts";
import type { WorkSnapshot } from "./job.ts";
import type { AlarmPort, TemplateStore } from "./template-root.ts";

/** What a relay asks of the root. */
export interface RootPort {
  subscribe(name: string): Promise<WorkSnapshot | null>;
  unsubscribe(name: string): Promise<void>;
  snapshot(): Promise<WorkSnapshot | null>;
}

export interface TemplateRelayDeps {
  /** The name that the root knows this relay by. */
  readonly name: string;
  readonly root: RootPort;
  readonly store: Pick<TemplateStore, "subscribers" | "addSubscriber" | "removeSubscriber">;
  readonly alarm: AlarmPort;
  readonly fanOut: FanOut;
  readonly nowMs: () => number;
  readonly maxAgeMs: number;
}

/** By then a fan-out is through, unless the object was stopped in the middle of it. */
const FAN_OUT_MS = 2000;

/** One branch of the fan-out tree: subscribes at the root for all of its sessions and passes on what comes. */
export class TemplateRelay {
  readonly #deps: TemplateRelayDeps;
  #work: WorkSnapshot | null = null;
  /** This instance has subscribed, or been pushed to: the root knows it. */
  #isAttached = false;
  #attaching: Promise<void> | null = null;

  constructor(deps: TemplateRelayDeps) {
    this.#deps = deps;
    for (const name of deps.store.subscribers()) deps.fanOut.add(name);
  }

  async subscribe(name: string): Promise<WorkSnapshot | null> {
    if (this.#deps.fanOut.add(name)) this.#deps.store.addSubscriber(name);
    return await this.#workNow();
  }

  async unsubscribe(name: string): Promise<void> {
    const { fanOut, store, root, name: self } = this.#deps;
    if (!fanOut.remove(name)) return;
    store.removeSubscriber(name);
    if (fanOut.size > 0) return;
    this.#isAttached = false;
    await root.unsubscribe(self);
  }

  async snapshot(): Promise<WorkSnapshot | null> {
    return this.#deps.fanOut.size > 0 ? await this.#workNow() : await this.#deps.root.snapshot();
  }

  async health(): Promise<WorkHealth> {
    const current = this.#work?.current;
    return {
      height: current?.height ?? null,
      networkDifficulty: current?.networkDifficulty.toString() ?? null,
      ageMs: this.#work === null ? null : this.#deps.nowMs() - this.#work.confirmedAtMs,
      subscribers: this.#deps.fanOut.size,
      polling: false,
      upstreams: [],
    };
  }

  /**
   * New work from the root. Returns before the sessions have it: the root's next push must not wait for the last of them.
   * @returns connections behind this relay; 0 lets the root forget it
   */
  pushWork(work: WorkSnapshot): number {
    const { fanOut, alarm, nowMs } = this.#deps;
    this.#isAttached = fanOut.size > 0;
    if (!this.#isAttached) return 0;
    alarm.set(nowMs() + FAN_OUT_MS);
    this.#pass(work);
    return Math.max(fanOut.connections, 1);
  }

  /**
   * The fan-out should be through. It is not when this instance began after the alarm was set: then everybody gets the work of
   * now. A long one is looked after again.
   */
  async tick(): Promise<void> {
    const { alarm, fanOut, nowMs } = this.#deps;
    if (this.#work === null) await this.guard();
    if (fanOut.pending) alarm.set(nowMs() + FAN_OUT_MS);
  }

  /** Cron, or the first alarm after a restart: the root knows this relay, and its sessions have the work of now. */
  async guard(): Promise<void> {
    if (this.#deps.fanOut.size === 0) return;
    this.#attaching ??= this.#attach().finally(() => (this.#attaching = null));
    await this.#attaching;
  }

  async #attach(): Promise<void> {
    const work = await this.#deps.root.subscribe(this.#deps.name);
    this.#isAttached = true;
    if (work === null) return;
    if (this.#work === null || work.sequence > this.#work.sequence) this.#pass(work);
    else if (work.sequence === this.#work.sequence) this.#work = work;
  }

  async #workNow(): Promise<WorkSnapshot | null> {
    const { nowMs, maxAgeMs } = this.#deps;
    const isFresh = this.#work !== null && nowMs() - this.#work.confirmedAtMs <= maxAgeMs;
    if (!this.#isAttached || !isFresh) await this.guard();
    return this.#work !== null && nowMs() - this.#work.confirmedAtMs <= maxAgeMs ? this.#work : null;
  }

  #pass(work: WorkSnapshot): void {
    if (this.#work !== null && work.sequence < this.#work.sequence) return;
    this.#work = work;
    this.#deps.fanOut.publish(work);
  }
}
