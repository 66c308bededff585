import type { Finding } from "./finding.ts";
import { ledgerChecks } from "./ledger-checks.ts";
import { minerChecks } from "./miner-checks.ts";
import { nodeChecks } from "./node-checks.ts";
import { operatorChecks } from "./operator-checks.ts";
import { poolChecks } from "./pool-checks.ts";
import type { DoctorOptions } from "./options.ts";

/** Examines a pool from outside: as its miners, its node and its operator see it. Findings come as they are made. */
export async function* examine(options: DoctorOptions): AsyncGenerator<Finding> {
  const pool = yield* poolChecks(options);
  // Nothing but the explanation is served by a pool that is configured wrongly, and nothing by one that is not there.
  if (pool === null) return;
  yield* operatorChecks(options);
  yield* ledgerChecks(options);
  yield* nodeChecks(options, pool);
  yield* minerChecks(options);
}
