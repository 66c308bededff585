import { ExtranonceLender, type LeasedBlock } from "../core/session/extranonce-lender.ts";
import type { DifficultyClass } from "../core/shares/difficulty-classes.ts";
import type { Env } from "./env.ts";
import { PoolObject } from "./pool-object.ts";
import { sqlPort } from "./platform/sql-storage.ts";
import type { ExtranonceAllocatorRpc } from "./rpc.ts";

/** One object (`idFromName("main")`): that no two logins search the same nonces needs one place that decides. */
export class ExtranonceAllocator extends PoolObject implements ExtranonceAllocatorRpc {
  readonly #lender: ExtranonceLender;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#lender = new ExtranonceLender(
      sqlPort(ctx.storage),
      () => Date.now(),
      () => Math.random(),
    );
  }

  async lend(holder: string, wanted: DifficultyClass, count: number): Promise<LeasedBlock[]> {
    return this.#lender.lend(holder, wanted, count);
  }

  async count(): Promise<number> {
    return this.#lender.count();
  }

  async renew(holder: string, firsts: readonly number[]): Promise<number[]> {
    return this.#lender.renew(holder, firsts);
  }

  async release(holder: string, firsts: readonly number[]): Promise<void> {
    this.#lender.release(holder, firsts);
  }

  async transfer(from: string, to: string, first: number): Promise<number | null> {
    return this.#lender.transfer(from, to, first);
  }

  async takeOver(session: string, to: string, extranonce: number): Promise<number | null> {
    return this.#lender.takeOver(session, to, extranonce);
  }

  async resume(session: string, extranonce: number, owner: string | null): Promise<boolean> {
    return this.#lender.resume(session, extranonce, owner);
  }

  async forget(session: string): Promise<void> {
    this.#lender.forget(session);
  }
}
