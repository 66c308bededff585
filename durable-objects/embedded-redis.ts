import type { Access } from "../core/ledger/engine/access.ts";
import { EmbeddedEngine } from "../core/ledger/engine/engine.ts";
import { answerRest, type RestAnswer } from "../core/ledger/engine/rest.ts";
import type { Env } from "./env.ts";
import { PoolObject } from "./pool-object.ts";
import { sqlPort } from "./platform/sql-storage.ts";
import type { EmbeddedRedisRpc, RecoveryOutcome, RecoveryPlan, RecoveryPoint } from "./rpc.ts";

/** The ledger without Upstash: Redis' commands over this object's SQLite storage, spoken as the Upstash REST protocol. */
export class EmbeddedRedis extends PoolObject implements EmbeddedRedisRpc {
  readonly #engine: EmbeddedEngine;
  readonly #instance = crypto.randomUUID();

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#engine = new EmbeddedEngine({ sql: sqlPort(ctx.storage), nowMs: () => Date.now() });
  }

  async rest(path: string, body: readonly unknown[], base64 = false, access: Access = "all"): Promise<RestAnswer> {
    return answerRest(this.#engine, path, body, base64, access);
  }

  async planRecovery(point: RecoveryPoint): Promise<RecoveryPlan> {
    const { storage } = this.ctx;
    return await orReason(async () => ({
      ok: true,
      bookmark: "bookmark" in point ? point.bookmark : await storage.getBookmarkForTime(point.atMs),
      now: await storage.getCurrentBookmark(),
    }));
  }

  async prepareRecovery(bookmark: string): Promise<RecoveryOutcome> {
    const { storage } = this.ctx;
    return await orReason(async () => ({
      ok: true,
      undo: await storage.onNextSessionRestoreBookmark(bookmark),
      instance: this.#instance,
    }));
  }

  async restart(): Promise<void> {
    this.ctx.abort("the embedded ledger begins anew");
  }

  async instance(): Promise<string> {
    return this.#instance;
  }
}

/** What Cloudflare says instead, where it cannot. */
async function orReason<T>(asked: () => Promise<T>): Promise<T | { readonly ok: false; readonly reason: string }> {
  try {
    return await asked();
  } catch (error) {
    return { ok: false, reason: error instanceof Error ? error.message : String(error) };
  }
}
