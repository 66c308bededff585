import { AlarmBell } from "../core/alarm-bell.ts";
import { PausableLedger } from "../core/admin/pause.ts";
import { allWithin } from "../core/clock.ts";
import type { ShardHealth } from "../core/health/shard-health.ts";
import { foldAfterMs } from "../core/ledger/write-path/evidence.ts";
import { createLedgerWriter } from "../core/ledger/write-path/ledger-writer.ts";
import { OutboxStore } from "../core/ledger/write-path/outbox-store.ts";
import type { Logger } from "../core/log.ts";
import { termsOf } from "../core/payouts/block-terms.ts";
import { windowOf } from "../core/payouts/schemes.ts";
import type { OperatorView, Settlement } from "../core/ledger/write-path/unresolved-records.ts";
import { ClosedRounds } from "../core/shares/closed-rounds.ts";
import { HeaderSchemes } from "../core/shares/header-schemes.ts";
import type { JudgedShare, ShareSubmission, ShareVerdict } from "../core/shares/share.ts";
import { verifierName } from "../core/shares/shards.ts";
import { ShareProcessor } from "../core/shares/share-processor.ts";
import { shareLog, storeLog } from "../core/shares/share-log.ts";
import { VerdictNews } from "../core/shares/verdict-news.ts";
import { NoRoomTally } from "../core/shares/no-room.ts";
import { type TallyStore, type VerdictReport, VerdictTally } from "../core/shares/verdict-tally.ts";
import { type HeaderTerms, withTerms } from "../core/work/job.ts";
import type { Env } from "./env.ts";
import { PoolObject } from "./pool-object.ts";
import { loadConfig } from "./platform/config.ts";
import { ledgerClient } from "./platform/ledger-client.ts";
import { lightCaches } from "./platform/light-caches.ts";
import { nodeClients } from "./platform/node-clients.ts";
import { pauseFlag } from "./platform/pause-flag.ts";
import { partLog } from "./platform/part-log.ts";
import { sqlPort } from "./platform/sql-storage.ts";
import { lastingClock } from "./platform/system-clock.ts";
import type { ShareVerifierRpc } from "./rpc.ts";
import { atHome, idAtHome } from "./platform/at-home.ts";

/** So long the verdicts of one call wait for each other; who has none by then is asked for again, and holds up nobody. */
const TOGETHER_MS = 250;

/** One shard of the pool's verification: proofs of work, the write side of the ledger, and what must survive until it is written. */
export class ShareVerifier extends PoolObject implements ShareVerifierRpc {
  readonly #terms: HeaderTerms;
  readonly #schemes = new HeaderSchemes();
  readonly #log: Logger;
  readonly #bell: AlarmBell;
  readonly #ledger: PausableLedger;
  readonly #processor: ShareProcessor;
  readonly #logShare: ReturnType<typeof shareLog>;
  readonly #tally: VerdictTally;
  readonly #noRoom = new NoRoomTally();
  readonly #news = new VerdictNews();
  readonly #rounds: ClosedRounds;
  readonly #clock = lastingClock();

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    const config = loadConfig(env);
    const { chain, ledger, payouts, unlocker, verifier } = config;
    const log = partLog(env, "verifier").with({ shard: ctx.id.name ?? ctx.id.toString() });
    this.#log = log;
    this.#terms = config.work.terms;
    this.#bell = new AlarmBell((atMs) => void ctx.storage.setAlarm(atMs));
    this.#logShare = shareLog(log, config.log.shares);
    this.#rounds = new ClosedRounds({
      read: () => ctx.storage.kv.get("closings"),
      write: (closings) => ctx.storage.kv.put("closings", closings),
    });
    this.#tally = new VerdictTally(tallyStore(ctx.storage), () => Date.now());
    this.#ledger = new PausableLedger(ledgerClient(env, config), pauseFlag(ctx.storage));
    this.#processor = new ShareProcessor({
      chain,
      keeper: lightCaches,
      store: new OutboxStore(sqlPort(ctx.storage), storeLog(log)),
      writer: createLedgerWriter({
        redis: this.#ledger,
        coin: config.coin,
        hashrateExpirationMs: ledger.hashrateExpirationMs,
        hashrateLargeWindowMs: config.api.hashrateLargeWindowMs,
        foldAfterMs: foldAfterMs(config),
        hashrateWindowMs: config.api.hashrateWindowMs,
        nowMs: () => Date.now(),
        ...(unlocker && { blockTerms: (block) => termsOf(unlocker.settings.terms, payouts, block) }),
        window:
          payouts.scheme === "pplns"
            ? ({ networkDifficulty }) => windowOf(payouts.pplnsWindow, networkDifficulty)
            : null,
        soloBlocks: config.work.soloUpstreams.length > 0,
      }),
      nodes: nodeClients([...config.work.upstreams, ...config.work.soloUpstreams]),
      clock: this.#clock,
      random: () => Math.random(),
      commitIntervalMs: ledger.commitIntervalMs,
      outboxBound: ledger.outboxBound,
      queueBound: verifier.queueBound,
      queueTimeoutMs: verifier.queueTimeoutMs,
      wakeAt: (atMs) => this.#bell.ringAt(atMs),
      onBlock: (block) => this.#news.found(block),
      onClosing: (height) => this.#closeRound(height),
      onRefuted: ({ login, worker }, client) => {
        this.#tally.count({ kind: "invalid" }, 0, login, client);
        this.#news.refuted(login, { worker, client });
      },
      log,
    });
  }

  async submit(submission: ShareSubmission): Promise<JudgedShare> {
    const begunMs = Date.now();
    const verdict = await this.#judge(submission);
    return this.#told(submission, verdict, begunMs);
  }

  async submitAll(submissions: readonly ShareSubmission[], straggleMs = TOGETHER_MS): Promise<(JudgedShare | null)[]> {
    const begunMs = Date.now();
    const judged = submissions.map((submission) => this.#judge(submission));
    const verdicts = await allWithin(this.#clock, TOGETHER_MS, judged, straggleMs);
    return submissions.map((submission, at) => {
      const verdict = verdicts[at];
      return verdict ? this.#told(submission, verdict, begunMs) : null;
    });
  }

  async #judge(submission: ShareSubmission): Promise<ShareVerdict> {
    if (this.#ledger.isPaused) return { kind: "unavailable", reason: "paused by the operator" };
    if (!this.#schemes.agrees(submission.job)) {
      this.#log.error("a header is common and solo work: give the solo node another etherbase or --miner.extradata", {
        header: submission.job.header,
      });
      return { kind: "unavailable", reason: "its header is common and solo work" };
    }
    // During a deploy a session of before headers had terms names a job without them.
    const job = this.#rounds.mark(withTerms(submission.job, this.#terms));
    return await this.#processor.submit({ ...submission, job });
  }

  #told(submission: ShareSubmission, verdict: ShareVerdict, begunMs: number): JudgedShare {
    this.#logShare(submission, verdict, Date.now() - begunMs);
    this.#tally.count(verdict, submission.staleBefore ?? 0, submission.login, submission.client);
    if (submission.noRoomBefore !== undefined) this.#noRoom.add(submission.noRoomBefore, Date.now());
    return this.#news.with(submission.login, verdict);
  }

  async closing(height: number, atMs: number): Promise<void> {
    this.#rounds.close(height, atMs);
  }

  /** Of a block that is about to be recorded: every verifier knows then that what was public is of its round. */
  async #closeRound(height: number): Promise<void> {
    const { env, ctx } = this;
    const atMs = Date.now();
    this.#rounds.close(height, atMs);
    const names = Array.from({ length: loadConfig(env).verifier.shards }, (_, shard) => verifierName(shard));
    const others = names.filter((name) => !idAtHome(env, env.SHARE_VERIFIER, name).equals(ctx.id));
    const told = others.map((name) => atHome(env, env.SHARE_VERIFIER, name).closing(height, atMs));
    for (const { status } of await Promise.allSettled(told))
      if (status === "rejected") this.#log.warn("a verifier does not know that a round closes", { height });
  }

  async verdicts(seen: number): Promise<VerdictReport | null> {
    return this.#tally.report(seen);
  }

  async prepare(height: number): Promise<void> {
    this.#processor.prepare(height);
  }

  async guard(): Promise<void> {
    this.#processor.wake();
  }

  async pause(paused: boolean): Promise<void> {
    await this.#ledger.pause(paused);
    if (!paused) this.#processor.wake();
  }

  async health(): Promise<ShardHealth> {
    return { ...this.#processor.health, recentlyNoRoom: this.#noRoom.recent(Date.now()) };
  }

  async unresolved(): Promise<OperatorView> {
    return this.#processor.operatorView;
  }

  async settle(ids: readonly number[], action: Settlement, note: string): Promise<number[]> {
    return this.#processor.settle(ids, action, note);
  }

  async reconcile(): Promise<number> {
    return this.#processor.reconcile();
  }

  override async alarm(): Promise<void> {
    this.#bell.rang();
    this.#processor.wake();
  }
}

/** One row. Unconfirmed: no verdict waits for it. */
function tallyStore(storage: DurableObjectStorage): TallyStore {
  return {
    read: () => storage.kv.get("verdicts"),
    write: (tally) => void storage.put("verdicts", tally, { allowUnconfirmed: true }),
  };
}
