import { EmbeddedEngine } from "../../core/ledger/engine/engine.ts";
import { answerRest } from "../../core/ledger/engine/rest.ts";
import type { TransactionPort } from "../../core/ledger/contract/redis-port.ts";
import { embeddedPort } from "../../durable-objects/platform/ledger-ports.ts";
import { nodeSql } from "../../scripts/ledger/node-sql.ts";

/** An embedded ledger of one's own in memory, reached as the pool reaches it. */
export function embeddedLedger(options: { nowMs?: () => number } = {}): TransactionPort {
  const engine = new EmbeddedEngine({ sql: nodeSql(), nowMs: options.nowMs ?? (() => Date.now()) });
  const object = { rest: async (path: string, body: readonly unknown[]) => answerRest(engine, path, body, false) };
  return embeddedPort(object, 120_000);
}
