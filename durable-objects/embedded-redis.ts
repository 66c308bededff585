import { DurableObject } from "cloudflare:workers";
import { EmbeddedEngine } from "../core/ledger/engine/engine.ts";
import { answerRest, type RestAnswer } from "../core/ledger/engine/rest.ts";
import type { SqlPort, SqlValue } from "../core/ledger/engine/sql-port.ts";
import type { Env } from "./env.ts";
import type { EmbeddedRedisRpc } from "./rpc.ts";

/** The ledger without Upstash: Redis' commands over this object's SQLite storage, spoken as the Upstash REST protocol. */
export class EmbeddedRedis extends DurableObject<Env> implements EmbeddedRedisRpc {
  readonly #engine: EmbeddedEngine;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#engine = new EmbeddedEngine({
      sql: storagePort(ctx.storage),
      nowMs: () => Date.now(),
      random: () => Math.random(),
    });
  }

  async rest(path: string, body: readonly unknown[], base64 = false): Promise<RestAnswer> {
    return answerRest(this.#engine, path, body, base64);
  }
}

/** A Durable Object's storage as {@link SqlPort}. */
export function storagePort(storage: DurableObjectStorage): SqlPort {
  return {
    query: (statement: string, ...parameters: SqlValue[]) => [
      ...storage.sql.exec(statement, ...parameters).raw<SqlValue[]>(),
    ],
    transaction: (work) => storage.transactionSync(work),
  };
}
