import { EmbeddedEngine } from "../../core/ledger/embedded/engine.ts";
import { answerRest } from "../../core/ledger/embedded/rest.ts";
import { embeddedPort } from "../../durable-objects/embedded-port.ts";
import { nodeSql } from "../../scripts/ledger/node-sql.ts";
import { ledgerConformance } from "../support/ledger-conformance.ts";

ledgerConformance("the embedded ledger on node:sqlite", async () => {
  const sql = nodeSql();
  const engine = new EmbeddedEngine({ sql, nowMs: () => Date.now(), random: Math.random });
  const object = { rest: async (path: string, body: readonly unknown[]) => answerRest(engine, path, body, false) };
  return { redis: embeddedPort(object, 10_000), close: async () => sql.close() };
});
