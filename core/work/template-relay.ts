import type { WorkHealth } from "../health/judge.ts";
import type { FanOut } from "./fan-out.ts";
import type { WorkSnapshot } from "./job.ts";
import type { WorkSockets } from "./work-sockets.ts";
import type { AlarmPort, TemplateStore } from "./template-ports.ts";

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
  readonly sockets: Pick<WorkSockets, "dial" | "forget">;
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

  /**
   * Calls nobody on its way: a session whose call led to calls back to it was never evicted in workerd under Vitest.
   * @returns the work of now; null where this relay does not have it yet: its alarm gets it, and the session has it with a push
   */
  subscribe(name: string): WorkSnapshot | null {
    const { fanOut, store, alarm, nowMs } = this.#deps;
    if (fanOut.add(name)) store.addSubscriber(name);
    if (this.#isAttached && this.#isFresh) return this.#work;
    alarm.set(nowMs());
    return null;
  }

  async unsubscribe(name: string): Promise<void> {
    const { fanOut, store, root, name: self } = this.#deps;
    if (!fanOut.remove(name)) return;
    store.removeSubscriber(name);
    this.#deps.sockets.forget(name);
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
   * @returns logins behind this relay; 0 lets the root forget it
   */
  pushWork(work: WorkSnapshot): number {
    const { fanOut, alarm, nowMs } = this.#deps;
    this.#isAttached = fanOut.size > 0;
    if (!this.#isAttached) return 0;
    alarm.set(nowMs() + FAN_OUT_MS);
    this.#pass(work);
    return fanOut.size;
  }

  /** Resolves when the work of now is on its way to every session, at the latest after about `withinMs`. */
  async delivered(withinMs: number): Promise<void> {
    await this.#deps.fanOut.delivered(withinMs);
  }

  /**
   * The fan-out should be through, and whoever has no socket gets one for the next. It is not through when this instance began after the
   * alarm was set: then everybody gets the work of now. A long one is looked after again.
   */
  async tick(): Promise<void> {
    const { alarm, fanOut, sockets, nowMs } = this.#deps;
    const isNew = !this.#isAttached || !this.#isFresh;
    // Here and at once: what an alarm opens hangs on the call of nobody.
    if (!isNew) sockets.dial([...fanOut.counts()].map(([login]) => login));
    if (isNew && fanOut.size > 0) alarm.set(nowMs() + FAN_OUT_MS);
    if (isNew) await this.guard();
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
    if (!this.#isAttached || !this.#isFresh) await this.guard();
    return this.#isFresh ? this.#work : null;
  }

  get #isFresh(): boolean {
    const { nowMs, maxAgeMs } = this.#deps;
    return this.#work !== null && nowMs() - this.#work.confirmedAtMs <= maxAgeMs;
  }

  #pass(work: WorkSnapshot): void {
    if (this.#work !== null && work.sequence < this.#work.sequence) return;
    this.#work = work;
    this.#deps.fanOut.publish(work);
  }
}
