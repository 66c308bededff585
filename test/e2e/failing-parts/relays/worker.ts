// The pool's sessions and templates, but that a relay is stopped some seconds after its sockets are open.
import { BlockTemplate as PoolTemplate } from "../../../../worker/scripts/sessions.ts";

const LIVES_MS = 6_000;

export class BlockTemplate extends PoolTemplate {
  #ends = false;

  /** Only relays are told so. */
  override async pushWork(work: Parameters<PoolTemplate["pushWork"]>[0]): Promise<number> {
    if (!this.#ends) {
      this.#ends = true;
      setTimeout(() => this.#stop(), LIVES_MS * (0.5 + Math.random()));
    }
    return await super.pushWork(work);
  }

  #stop(): void {
    console.log("relay stopped");
    this.ctx.abort("stopped by the test");
  }
}

export { ExtranonceAllocator, IpGuard, MinerSession, default } from "../../../../worker/scripts/sessions.ts";
