import type { HealthReport, NodeHealth } from "./judge.ts";
import type { ShardHealth } from "./shard-health.ts";
import type { Metric, Sample } from "./prometheus.ts";

/** What the API knows and `/health` does not. */
export interface PoolFigures {
  readonly hashrate: number;
  readonly miners: number;
  readonly candidates: number;
  readonly immature: number;
  readonly matured: number;
  /** By verdict, and `blocks`, since the object started. */
  readonly submits: Readonly<Record<string, number>>;
}

const gauge = (name: string, help: string, ...samples: Sample[]): Metric => ({
  name: `edgepool_${name}`,
  help,
  type: "gauge",
  samples,
});
const counter = (name: string, help: string, ...samples: Sample[]): Metric => ({
  name: `edgepool_${name}_total`,
  help,
  type: "counter",
  samples,
});

/** Every metric of the pool. A figure that is not known now is left out rather than invented. */
export function poolMetrics(health: HealthReport, figures: PoolFigures): Metric[] {
  return [
    gauge("healthy", "1 while /health answers 200.", { value: Number(health.healthy) }),
    ...workMetrics(health),
    ...ledgerMetrics(health),
    ...unlockerMetrics(health),
    ...payerMetrics(health),
    ...figureMetrics(figures),
  ];
}

const known = (value: number | null | undefined): Sample[] =>
  value === null || value === undefined ? [] : [{ value }];

function workMetrics({ work, soloWork }: HealthReport): Metric[] {
  const nodes = (value: (node: NodeHealth) => number | null): Sample[] =>
    [...(work?.upstreams ?? []), ...(soloWork?.upstreams ?? [])].flatMap((node) => {
      const sample = value(node);
      return sample === null ? [] : [{ labels: { node: node.name }, value: sample }];
    });
  const ageMs = work?.ageMs ?? null;
  const difficulty = work?.networkDifficulty ?? null;
  return [
    gauge(
      "template_age_seconds",
      "Time since a node last confirmed the current work.",
      ...known(ageMs === null ? null : ageMs / 1000),
    ),
    gauge("template_height", "Block number of the current work.", ...known(work?.height)),
    gauge(
      "network_difficulty_hashes",
      "Hashes that a block takes on average.",
      ...known(difficulty === null ? null : Number(difficulty)),
    ),
    gauge("template_subscribers", "Sessions that get pushed work.", ...known(work?.subscribers)),
    gauge("node_healthy", "1 while work may come from the node.", ...nodes(({ healthy }) => Number(healthy))),
    gauge("node_height", "Height that the node last named.", ...nodes(({ height }) => height)),
  ];
}

function ledgerMetrics({ ledger, shards, formerShards }: HealthReport): Metric[] {
  const perShard = (value: (shard: ShardHealth) => number | null): Sample[] =>
    shards.flatMap((shard, i) => {
      const sample = shard && value(shard);
      return sample === null ? [] : [{ labels: { shard: String(i) }, value: sample }];
    });
  return [
    gauge("ledger_up", "1 while Redis answers and shares are written.", { value: Number(ledger.state === "ok") }),
    gauge(
      "outbox_records",
      "Shares and blocks that wait in the durable outbox.",
      ...perShard((s) => s.outboxDepth),
      ...formerShards.flatMap(({ shard, outboxDepth }) =>
        outboxDepth === null ? [] : [{ labels: { shard: String(shard) }, value: outboxDepth }],
      ),
    ),
    gauge(
      "outbox_set_aside_records",
      "Those of them that Redis refuses for what a key of their login holds.",
      ...perShard((s) => s.setAsideShares),
    ),
    gauge(
      "verifier_unreadable_rows",
      "Durable rows of other versions of the pool, kept as they are.",
      ...perShard((s) => s.unreadableRows),
    ),
    gauge("outbox_bound_records", "Records that the outbox may hold.", ...perShard((s) => s.outboxBound)),
    gauge("verifier_waiting_shares", "Shares that wait for their verdict.", ...perShard((s) => s.waitingShares)),
    counter(
      "verifier_recorded_shares",
      "Shares written to the ledger since the shard started.",
      ...perShard((s) => s.recordedShares),
    ),
    counter(
      "verifier_ledger_commands",
      "Commands that writing them was billed as.",
      ...perShard((s) => s.billedCommands),
    ),
    gauge(
      "verifier_unresolved_shares",
      "Shares that an outage has left to the operator; the log has each of them.",
      ...perShard((s) => s.unresolvedShares),
    ),
    counter(
      "verifier_refuted_shares",
      "Shares accepted without a light cache whose mix digest was wrong; not credited.",
      ...perShard((s) => s.refutedShares),
    ),
    counter("verifier_late_stale", "What waited, of closed rounds.", ...perShard((s) => s.lateStale ?? 0)),
    counter("verifier_late_duplicates", "Accepted shares that were duplicates.", ...perShard((s) => s.lateDuplicates)),
    gauge("verifier_cache_epoch", "Epoch of the light cache in memory.", ...perShard((s) => s.cacheEpoch)),
    gauge(
      "verifier_cache_build_ratio",
      "Progress of the light cache that is being built, 0 to 1.",
      ...perShard((s) => s.cacheProgress),
    ),
  ];
}

function unlockerMetrics({ unlocker }: HealthReport): Metric[] {
  if (unlocker === null) return [];
  const { lastSuccessMs, oldestCandidate, waiting, owed, fallen } = unlocker;
  const [first] = waiting;
  return [
    gauge(
      "unlocker_last_success_timestamp_seconds",
      "When a run of the unlocker last came through, Unix time.",
      ...known(lastSuccessMs === null ? null : Math.floor(lastSuccessMs / 1000)),
    ),
    gauge("unlocker_oldest_candidate_height", "Height of the oldest candidate.", ...known(oldestCandidate)),
    gauge("unlocker_waiting_blocks", "Blocks that could not be taken further; /health says why.", {
      value: waiting.length,
    }),
    gauge(
      "unlocker_longest_wait_seconds",
      "How long the block that has waited longest could not be taken further.",
      ...known(first && (first.triedMs - first.sinceMs) / 1000),
    ),
    gauge("unlocker_owed_logins", "Logins whose account cannot be written.", { value: owed.length }),
    gauge("unlocker_fallen_blocks", "Matured blocks that are no longer in the chain.", { value: fallen.length }),
  ];
}

function payerMetrics({ payer }: HealthReport): Metric[] {
  if (payer === null) return [];
  const { lastSuccessMs, paused, stages, waiting, asking, walletWei, walletShort, paidToday } = payer;
  return [
    gauge(
      "payer_last_success_timestamp_seconds",
      "When a run of the payer last came through, Unix time.",
      ...known(lastSuccessMs === null ? null : Math.floor(lastSuccessMs / 1000)),
    ),
    gauge("payer_paused", "1 while nothing new is paid; /health says why.", { value: Number(paused !== null) }),
    gauge(
      "payer_payments",
      "Payments that have not ended, by stage.",
      ...Object.entries(stages).map(([stage, value]) => ({ labels: { stage }, value })),
    ),
    gauge("payer_waiting", "Payments and logins that wait for a reason; /admin/payouts has them.", {
      value: waiting.length,
    }),
    gauge("payer_asking", "Payments that only the operator can end.", { value: asking }),
    gauge("payer_wallet_wei", "What the paying account has.", ...known(walletWei === null ? null : Number(walletWei))),
    gauge("payer_wallet_short_shannon", "What it lacks for those above their thresholds.", {
      value: Number(walletShort ?? 0),
    }),
    gauge("payer_paid_today_shannon", "Debited for payments on this UTC day.", { value: Number(paidToday) }),
  ];
}

function figureMetrics({ hashrate, miners, candidates, immature, matured, submits }: PoolFigures): Metric[] {
  const { blocks = 0, ...verdicts } = submits;
  return [
    gauge("hashrate_hashes_per_second", "Hashrate of the pool over the small window.", { value: hashrate }),
    gauge("miners", "Logins with a share in the small window.", { value: miners }),
    gauge(
      "ledger_blocks",
      "Blocks in the ledger by state.",
      { labels: { state: "candidate" }, value: candidates },
      { labels: { state: "immature" }, value: immature },
      { labels: { state: "matured" }, value: matured },
    ),
    counter(
      "submits",
      "Submits by verdict since the API object started.",
      ...Object.entries(verdicts).map(([verdict, value]) => ({ labels: { verdict }, value })),
    ),
    counter("blocks_found", "Blocks found since the API object started.", { value: blocks }),
  ];
}
