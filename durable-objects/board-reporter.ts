import type { Verdict } from "../core/history/definitions.ts";
import type { ShareVerdict } from "../core/shares/share.ts";
import type { Env } from "../worker/env.ts";
import type { SubmitCounts } from "./rpc.ts";

/** The finest history has a point a minute. */
const REPORT_EVERY_MS = 60_000;

/** Counts a shard's verdicts and tells the pool's board at most once a minute: a request a minute, whatever the share rate. */
export class BoardReporter {
  readonly #env: Env;
  readonly #wakeAt: (atMs: number) => void;
  readonly #counts = new Map<Verdict | "blocks", number>();
  #dueAtMs = 0;

  /** @param wakeAt asks for a {@link flush} at a Unix time in ms */
  constructor(env: Env, wakeAt: (atMs: number) => void) {
    this.#env = env;
    this.#wakeAt = wakeAt;
  }

  count(verdict: ShareVerdict, staleBefore: number, nowMs: number): void {
    if (this.#counts.size === 0) {
      this.#dueAtMs = nowMs + REPORT_EVERY_MS;
      this.#wakeAt(this.#dueAtMs);
    }
    if (staleBefore > 0) this.#add("stale", staleBefore);
    if (verdict.kind !== "unavailable") this.#add(verdict.kind, 1);
    if (verdict.kind === "accepted" && verdict.block) this.#add("blocks", 1);
  }

  /** Tells the board what there is, once it is due. Figures for charts are not worth a retry: what cannot be told stays for the next time. */
  async flush(nowMs: number): Promise<void> {
    if (this.#counts.size === 0) return;
    if (nowMs < this.#dueAtMs) return this.#wakeAt(this.#dueAtMs);
    const told = [...this.#counts];
    const counts: SubmitCounts = Object.fromEntries(told);
    this.#counts.clear();
    try {
      await this.#env.POOL_BOARD.getByName("main").report(counts);
    } catch {
      for (const [name, count] of told) this.#add(name, count);
      this.#dueAtMs = nowMs + REPORT_EVERY_MS;
      this.#wakeAt(this.#dueAtMs);
    }
  }

  #add(name: Verdict | "blocks", count: number): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + count);
  }
}
