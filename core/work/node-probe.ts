/** An idle pool asks its nodes no more often; cron comes once a minute. */
const EVERY_MS = 50_000;
/** Where none of them is well, whoever mends it should see soon that it is mended. */
const AGAIN_MS = 4_000;

/** Asks the nodes of a pool that nobody mines at. Not often: while it waits, the object is billed. */
export class NodeProbe {
  readonly #ask: () => Promise<void>;
  #askedAtMs = -Infinity;
  #asking: Promise<void> | null = null;

  /** @param ask one round of polls without handing anything out */
  constructor(ask: () => Promise<void>) {
    this.#ask = ask;
  }

  /** The nodes have just been asked by somebody else. */
  noteAsked(nowMs: number): void {
    this.#askedAtMs = nowMs;
  }

  async probe(isWell: boolean, nowMs: number): Promise<void> {
    if (nowMs - this.#askedAtMs >= (isWell ? EVERY_MS : AGAIN_MS)) {
      this.#askedAtMs = nowMs;
      this.#asking = this.#ask();
    }
    await this.#asking;
  }
}
