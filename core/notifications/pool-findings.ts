import type { HealthReport } from "../health/judge.ts";
import { payerProblems } from "../payouts/payer/payer-status.ts";
import { SHANNON_WEI } from "../payouts/reward-schedule.ts";
import { unlockerProblems } from "../payouts/unlocker-status.ts";
import type { Finding } from "./incidents.ts";
import { MESSAGES } from "./notifications-health.ts";

/** What is judged besides what `/health` judges. */
export interface FindingTerms {
  /** Shannon below which the wallet is low; null: only when it cannot pay what is due. */
  readonly walletLow: bigint | null;
  /** Of the unlocker; null: switched off. */
  readonly unlockerIntervalMs: number | null;
}

/** A failed poll, a deploy or a restart of a server ends by itself. */
const SHORT_MS = 60_000;
/** What waits in the outbox for longer does not just pass through. */
const OUTBOX_MS = 300_000;
const POOL_MS = 120_000;

/** What an operator is told of, out of the health report: each with a key of its own, so that it is told once. */
export function poolFindings(report: HealthReport, terms: FindingTerms, nowMs: number): Finding[] {
  const special = [
    ...nodeFindings(report),
    ...ledgerFindings(report),
    ...cacheFindings(report),
    ...unlockerFindings(report, terms, nowMs),
    ...payerFindings(report, terms, nowMs),
  ];
  // Of messages that do not arrive the incident of their target tells.
  const problems = report.problems.filter((problem) => !problem.startsWith(MESSAGES));
  if (special.length > 0 || problems.length === 0) return special;
  return [finding("pool", "pool", POOL_MS, firstOf(problems))];
}

/** A message has room for three. */
function firstOf(problems: readonly string[]): string {
  const more = problems.length > 3 ? ` · and ${problems.length - 3} more on /health` : "";
  return `${problems.slice(0, 3).join(" · ")}${more}`;
}

/** @param key `kind`, or `kind:name` where there are several of them */
export const finding = (key: string, kind: Finding["kind"], patienceMs: number, text: string): Finding => ({
  key,
  kind,
  patienceMs,
  data: { text, name: key.slice(key.indexOf(":") + 1) },
});

function nodeFindings({ work, soloWork }: HealthReport): Finding[] {
  const nodes = [...(work?.upstreams ?? []), ...(soloWork?.upstreams ?? [])];
  return nodes
    .filter(({ healthy, lastError }) => !healthy && lastError !== null)
    .map(({ name, lastError, toDo }) =>
      finding(`node:${name}`, "node", SHORT_MS, `${lastError ?? ""}${toDo === null ? "" : `. To do: ${toDo}`}`),
    );
}

function ledgerFindings({ ledger, outbox, shards }: HealthReport): Finding[] {
  const found: Finding[] = [];
  if (ledger.state === "sick") {
    const error = ledger.error ?? shards.find((shard) => shard?.ledger === "sick")?.lastError ?? "sick";
    found.push(finding("ledger", "ledger", SHORT_MS, error));
  }
  const { depth, bound } = outbox;
  if (depth > 0)
    found.push(
      finding(
        "outbox",
        "outbox",
        2 * depth >= bound ? 0 : OUTBOX_MS,
        `${depth} records of ${bound} wait for the ledger.`,
      ),
    );
  return found;
}

function cacheFindings({ shards }: HealthReport): Finding[] {
  return shards.flatMap((shard, i) =>
    shard === null || shard.cacheError === null ? [] : [finding(`cache:${i}`, "cache", SHORT_MS, shard.cacheError)],
  );
}

function unlockerFindings({ unlocker }: HealthReport, { unlockerIntervalMs }: FindingTerms, nowMs: number): Finding[] {
  if (unlocker === null || unlockerIntervalMs === null) return [];
  const problems = unlockerProblems(unlocker, nowMs, unlockerIntervalMs);
  return problems.length === 0 ? [] : [finding("unlocker", "unlocker", 0, firstOf(problems))];
}

function payerFindings({ payer }: HealthReport, { walletLow }: FindingTerms, nowMs: number): Finding[] {
  if (payer === null) return [];
  const { walletWei, walletShort, stages } = payer;
  const found: Finding[] = [];
  const low = walletLow !== null && walletWei !== null && BigInt(walletWei) < walletLow * SHANNON_WEI;
  if (walletShort !== null || low)
    found.push(
      finding(
        "wallet",
        "wallet",
        0,
        walletShort === null ? `It has ${walletWei} Wei.` : `${walletShort} Shannon are missing for what is due.`,
      ),
    );
  const reverted = stages["reverted"] ?? 0;
  const problems = payerProblems({ ...payer, walletShort: null }, nowMs);
  if (reverted > 0) problems.push(`payer: ${reverted} payment(s) were refused by the address that they went to`);
  if (problems.length > 0) found.push(finding("payment", "payment", 0, firstOf(problems)));
  return found;
}
