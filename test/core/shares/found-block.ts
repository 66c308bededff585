import type { PowHash, PowInput } from "@edgepool/ethash-wasm";
import { epochOf, type Epoch } from "../../../core/chain-spec.ts";
import type { SqlPort } from "../../../core/sql-port.ts";
import { OutboxStore } from "../../../core/ledger/write-path/outbox-store.ts";
import { createLogger } from "../../../core/log.ts";
import type { BlockNode } from "../../../core/shares/block-path.ts";
import { CacheKeeper, type PowKernel } from "../../../core/shares/cache-keeper.ts";
import { ShareProcessor } from "../../../core/shares/share-processor.ts";
import type { ShareSubmission } from "../../../core/shares/share.ts";
import { FaultyLedger, type Fault } from "../../support/faulty-ledger.ts";
import { nodeSql } from "../../../scripts/ledger/node-sql.ts";
import { LONG_CHAIN, makeJob, submission } from "../../support/proofs.ts";
import { virtualAlarm } from "../../support/virtual-alarm.ts";
import { VirtualClock } from "../../support/virtual-clock.ts";

/** Height of the block that is found here. */
export const HEIGHT = 1000;

const NO_MIX = `0x${"00".repeat(32)}`;

/** Every nonce is a block: what becomes of one does not depend on how it was found. Has its light cache from the beginning. */
class BlockKernel implements PowKernel {
  readonly epoch: Epoch = epochOf(LONG_CHAIN, HEIGHT);

  startCache(): never {
    throw new Error("there is one epoch");
  }

  resultOf(): Uint8Array {
    return new Uint8Array(32);
  }

  hashBatch(inputs: readonly PowInput[]): PowHash[] {
    return inputs.map(() => ({ mixDigest: new Uint8Array(32), result: new Uint8Array(32) }));
  }
}

/** A found block as its miner submits it. */
export const foundBlock = (more: Partial<ShareSubmission> = {}): ShareSubmission =>
  submission(makeJob(HEIGHT, 64n), { nonce: "0x00000000000000ff", mixDigest: NO_MIX }, more);

/** A verifier in one of its lives. `kill` ends it at once, wherever it is. */
export type VerifierLife = ShareProcessor & { kill(): void };

/**
 * Verifier, storage and ledger in which found blocks come to their end.
 * @param options.fault what happens to the next request to the ledger
 * @param options.port the storage of the next life, where it is not `sql`
 */
export function blockVerifier(options: {
  readonly nodes: readonly BlockNode[];
  readonly fault?: () => Fault;
  readonly clock?: VirtualClock;
  readonly port?: () => SqlPort;
}) {
  const clock = options.clock ?? new VirtualClock();
  const sql = nodeSql();
  const ledger = new FaultyLedger(clock, options.fault ?? (() => ({ kind: "none", delayMs: 10 })));
  const log: Record<string, unknown>[] = [];
  let refreshed = 0;
  const start = (): VerifierLife => {
    let alive = true;
    const own = {
      nowMs: () => clock.nowMs(),
      after: (delayMs: number, work: () => void) => clock.after(delayMs, () => alive && work()),
    };
    const port = options.port?.() ?? sql;
    const exec: SqlPort["exec"] = (statement, ...parameters) => {
      if (!alive) throw new Error("this life is over");
      return port.exec(statement, ...parameters);
    };
    const bell = virtualAlarm(own, () => verifier.wake());
    const keeper = new CacheKeeper(() => new BlockKernel(), 40 << 20);
    // A kernel is made when it is first needed.
    keeper.resultOf("", "", "");
    const verifier: ShareProcessor = new ShareProcessor({
      chain: LONG_CHAIN,
      keeper,
      store: new OutboxStore({ ...port, exec }),
      writer: ledger.connect(() => alive),
      nodes: options.nodes,
      clock: own,
      random: () => 0.5,
      commitIntervalMs: 0,
      outboxBound: 1000,
      queueBound: 100,
      queueTimeoutMs: 30_000,
      wakeAt: (atMs) => bell.ringAt(atMs),
      onBlock: () => (refreshed += 1),
      onClosing: async () => undefined,
      onRefuted: () => undefined,
      log: createLogger({ level: "info", sink: (line) => log.push(JSON.parse(line)), now: () => clock.nowMs() }),
    });
    return Object.assign(verifier, { kill: () => (alive = false) });
  };
  return { clock, sql, ledger, log, start, refreshed: () => refreshed };
}
