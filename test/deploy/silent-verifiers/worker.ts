// The pool's verifiers, but that they answer to one nonce only: what waits for all others waits as long as the pool lives.
import { allWithin, sleep } from "../../../core/clock.ts";
import type { JudgedShare, ShareSubmission } from "../../../core/shares/share.ts";
import { systemClock } from "../../../durable-objects/platform/system-clock.ts";
import { ShareVerifier as PoolVerifier } from "../../../worker/scripts/verifiers.ts";

const ANSWERED = "0x0000000000000000";

export class ShareVerifier extends PoolVerifier {
  /** One timer for all of them: workerd lets an object have 10,000. */
  #silence: Promise<void> | null = null;

  override async submit({ nonce }: ShareSubmission): Promise<JudgedShare> {
    this.#silence ??= sleep(systemClock, 3_600_000);
    if (nonce !== ANSWERED) await this.#silence;
    return { kind: "accepted", block: false };
  }

  override async submitAll(submissions: readonly ShareSubmission[]): Promise<(JudgedShare | null)[]> {
    return await allWithin(
      systemClock,
      250,
      submissions.map((one) => this.submit(one)),
    );
  }
}

export { EmbeddedRedis, default } from "../../../worker/scripts/verifiers.ts";
