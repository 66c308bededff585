import { ShareCounter, type MinerStats } from "../bridge-stats.ts";
import type { KeptShares } from "../kept-shares.ts";
import { SessionUplink, type UplinkOwner, type UplinkSurroundings } from "../pool-side/session-uplink.ts";
import type { LeftSession } from "./kept-session.ts";
import { ResumableSession } from "./resumable-session.ts";
import type { ShareFate } from "./share-fates.ts";

/** Brings the shares of a session that an earlier run of the bridge left on disk to a pool, without a miner. */
export class ShareDelivery implements UplinkOwner {
  readonly #session = new ResumableSession({ takeClaim: () => false, resume: () => null, granted: () => undefined });
  readonly #uplink: SessionUplink;
  readonly #around: UplinkSurroundings;
  readonly #kept: KeptShares;
  readonly #shares = new ShareCounter();
  readonly #startedAtMs = Date.now();
  readonly #onFinished: (delivery: ShareDelivery) => void;
  #lastShareAtMs: number | null = null;
  #finished = false;

  /** Whose miner may be back under any address. */
  readonly host = "";

  constructor(
    left: LeftSession,
    kept: KeptShares,
    around: UplinkSurroundings,
    onFinished: (delivery: ShareDelivery) => void,
  ) {
    this.#around = around;
    this.#kept = kept;
    this.#onFinished = onFinished;
    this.#session.restore(left);
    this.#uplink = new SessionUplink(this.#session, around, this);
  }

  /** Begins; a pool that is not there is waited for. */
  start(): void {
    this.#uplink.carry();
  }

  get stats(): MinerStats {
    return {
      remote: "kept on disk",
      login: this.#session.login?.address ?? null,
      worker: this.#session.login?.worker ?? null,
      state: "kept",
      pool: this.#uplink.pool?.address.label ?? null,
      connectedAtMs: this.#startedAtMs,
      lastShareAtMs: this.#lastShareAtMs,
      pendingShares: this.#session.pendingShares,
      reportedHashrate: null,
      reconnects: this.#uplink.reconnects,
      ...this.#shares.counts,
    };
  }

  returnTo(rank: number): void {
    this.#uplink.returnTo(rank);
  }

  close(): void {
    if (this.#finished) return;
    this.#finished = true;
    this.#uplink.close();
    this.#onFinished(this);
  }

  who(): Readonly<Record<string, unknown>> {
    return { miner: "kept on disk", login: this.#session.login?.address };
  }

  toMiner(): void {
    // Nobody is there to hear it.
  }

  onFate({ refusal, kept }: ShareFate): void {
    this.#lastShareAtMs = Date.now();
    this.#shares.count(refusal?.message ?? null);
    if (kept !== null) this.#kept.settled(kept);
    if (refusal !== null) this.#around.log.info({ ...this.who(), reason: refusal.message }, "share not accepted");
  }

  onRefused(reason: string, final: boolean): void {
    if (final) for (const fate of this.#session.giveUp(reason)) this.onFate(fate);
  }

  onProgress(): void {
    if (this.#session.pendingShares === 0) this.close();
  }
}
