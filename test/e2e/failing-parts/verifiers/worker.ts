// The pool's verifiers, but that one is stopped now and then under the call of a relay: before it has judged, or when it is about to answer.
import type { JudgedShare, ShareSubmission } from "../../../../core/shares/share.ts";
import { ShareVerifier as PoolVerifier } from "../../../../worker/scripts/verifiers.ts";

const STOPPED = 0.01;

export class ShareVerifier extends PoolVerifier {
  override async submitAll(shares: readonly ShareSubmission[], straggleMs?: number): Promise<(JudgedShare | null)[]> {
    const isRelay = straggleMs !== undefined;
    const at = Math.random();
    if (isRelay) console.log(`carried ${shares.length}`);
    if (isRelay && at < STOPPED) this.#stop("before");
    const verdicts = await super.submitAll(shares, straggleMs);
    if (isRelay && at > 1 - STOPPED) this.#stop("after");
    return verdicts;
  }

  #stop(when: string): void {
    console.log(`verifier stopped ${when}`);
    this.ctx.abort("stopped by the test");
  }
}

export { EmbeddedRedis, default } from "../../../../worker/scripts/verifiers.ts";
