import { DurableObject } from "cloudflare:workers";
import type { ShardHealth } from "../core/health/judge.ts";
import { AlarmBell } from "../core/alarm-bell.ts";
import { createLedgerWriter } from "../core/ledger/write-path/ledger-writer.ts";
import { OutboxStore } from "../core/ledger/write-path/outbox-store.ts";
import type { LedgerWriter } from "../core/ledger/contract/records.ts";
import { createLogger, type Logger } from "../core/log.ts";
import type { PoolConfig } from "../core/pool-config.ts";
import type { ShareSubmission, ShareVerdict } from "../core/shares/share.ts";
import { ShareProcessor } from "../core/shares/share-processor.ts";
import { shareLog, VerdictReporter } from "../core/shares/verdict-reporter.ts";
import { nodeClients } from "./platform/node-clients.ts";
import type { Env } from "./env.ts";
import { loadConfig } from "./platform/config.ts";
import { ledgerClient } from "./platform/ledger-client.ts";
import { lightCaches } from "./platform/light-caches.ts";
import { sqlPort, systemClock } from "./platform/runtime.ts";
import type { ShareVerifierRpc } from "./rpc.ts";

/** One shard of the pool's verification: proofs of work, the write side of the ledger, and what must survive until it is written. */
export class ShareVerifier extends DurableObject<Env> implements ShareVerifierRpc {
  readonly #config: PoolConfig;
  readonly #bell: AlarmBell;
  readonly #writer: LedgerWriter;
  readonly #desk: ShareProcessor;
  readonly #log: Logger;
  readonly #reporter: VerdictReporter;
  readonly #logShare: ReturnType<typeof shareLog>;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#config = loadConfig(env);
    this.#bell = new AlarmBell((atMs) => void ctx.storage.setAlarm(atMs));
    this.#log = createLogger({
      level: this.#config.log.level,
      sink: (line, level) => console[level](line),
      now: () => Date.now(),
      fields: { object: "verifier", shard: ctx.id.name ?? ctx.id.toString() },
    });
    this.#writer = createLedgerWriter({
      redis: ledgerClient(env, this.#config),
      coin: this.#config.coin,
      hashrateExpirationMs: this.#config.ledger.hashrateExpirationMs,
      nowMs: () => Date.now(),
    });
    this.#reporter = new VerdictReporter((counts) => env.POOL_API.getByName("main").report(counts), systemClock);
    this.#logShare = shareLog(this.#log, this.#config.log.shares);
    this.#desk = this.#openDesk(ctx.storage);
  }

  async submit(share: ShareSubmission): Promise<ShareVerdict> {
    const begunMs = Date.now();
    const verdict = await this.#desk.submit(share);
    this.#logShare(share, verdict, Date.now() - begunMs);
    this.#reporter.count(verdict, share.staleBefore ?? 0);
    return verdict;
  }

  async prepare(height: number): Promise<void> {
    this.#desk.prepare(height);
  }

  async guard(): Promise<void> {
    this.#desk.wake();
  }

  async health(): Promise<ShardHealth> {
    const { outboxDepth, waitingShares, recordedShares, unresolved, refutedClaims, ledgerSick, lastError } =
      this.#desk.state;
    const { epoch, progress } = lightCaches.status;
    return {
      outboxDepth,
      outboxBound: this.#config.ledger.outboxBound,
      cacheEpoch: epoch,
      cacheProgress: progress,
      waitingShares,
      recordedShares,
      billedCommands: this.#writer.billedCommands,
      unresolvedShares: unresolved,
      refutedShares: refutedClaims,
      ledger: ledgerSick ? "sick" : "ok",
      lastError,
    };
  }

  override async alarm(): Promise<void> {
    this.#bell.rang();
    this.#desk.wake();
  }

  #openDesk(storage: DurableObjectStorage): ShareProcessor {
    const { chain, ledger, verifier } = this.#config;
    return new ShareProcessor({
      chain,
      keeper: lightCaches,
      store: new OutboxStore(sqlPort(storage), ({ record, reason }) => {
        const { login, worker, nonce, header, mixDigest, height, shareDifficulty, timestampMs } = record;
        const fields = { login, worker, nonce, header, mixDigest, height, shareDifficulty, timestampMs };
        this.#log.error("share left to the operator", { reason, ...fields });
      }),
      writer: this.#writer,
      nodes: nodeClients(this.#config),
      clock: systemClock,
      random: () => Math.random(),
      commitIntervalMs: ledger.commitIntervalMs,
      outboxBound: ledger.outboxBound,
      queueBound: verifier.queueBound,
      queueTimeoutMs: verifier.queueTimeoutMs,
      wakeAt: (atMs) => this.#bell.ringAt(atMs),
      onBlock: () => this.#refreshWork(),
      log: this.#log,
    });
  }

  /** A block was found: the template asks for the next work at once; nobody waits for it. */
  #refreshWork(): void {
    this.env.BLOCK_TEMPLATE.getByName("main")
      .refresh()
      .catch((error: unknown) => this.#log.warn("work not refreshed", { reason: String(error) }));
  }
}
