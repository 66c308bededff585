/** What a real pool says of itself on /metrics, with everything on that has metrics of its own. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chainByName } from "@edgepool/ethash-wasm/chain-spec";
import { expect, vi } from "vitest";
import { startNode } from "../../devnet/node/node.ts";
import { COINBASE, COINBASE_KEY, type BlockContents } from "../../devnet/node/transactions.ts";
import { startPool } from "../../devnet/pool-host/pool-process.ts";
import { upstashPort } from "../../durable-objects/platform/ledger-ports.ts";

const TOKEN = "a-token-for-the-metrics";
const REDIS_TOKEN = "a-token-for-the-books";
const LOGIN = "0xb85150eb365e7df0941f0cf08235f987ba91506a";

/** One line of it. */
interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: string;
}

/** By the metric's name. */
export type Samples = ReadonlyMap<string, readonly Sample[]>;

function samplesOf(text: string): Samples {
  const samples = new Map<string, Sample[]>();
  for (const [, name = "", labels = "", value = ""] of text.matchAll(/^([a-z_]+)(?:\{(.*)\})? (\S+)$/gm)) {
    const pairs = [...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, label = "", given = ""]) => [label, given]);
    samples.set(name, [...(samples.get(name) ?? []), { labels: Object.fromEntries(pairs), value }]);
  }
  return samples;
}

/** A coin a block from somebody else. */
function fundsForThePayer(height: number): BlockContents {
  const from = `0x${"a".repeat(40)}`;
  const hash = `0x${height.toString(16).padStart(64, "0")}`;
  return {
    transactions: [
      { hash, from, to: COINBASE, value: 10n ** 18n, gasUsed: 21_000n, effectiveGasPrice: 10n ** 9n, type: 0 },
    ],
    baseFeePerGas: null,
  };
}

/** Starts a pool and asks it until every metric that is wanted is there, or for a minute. */
export async function metricsOfAPool(wanted: Iterable<string>): Promise<Samples> {
  const closing: (() => Promise<unknown>)[] = [];
  try {
    const spec = chainByName("classic");
    if (spec === undefined) throw new Error("no chain");
    const stateDir = await mkdtemp(join(tmpdir(), "edgepool-alerts-"));
    closing.push(() => rm(stateDir, { recursive: true, force: true }));
    const node = await startNode({ spec, blockTimeMs: 1_000, contents: fundsForThePayer });
    closing.push(() => node.close());
    const pool = await startPool({
      stateDir,
      cron: false,
      vars: {
        chain: "classic",
        upstream: [{ name: "node", url: node.url }],
        unlocker: { enabled: true, accounts: [COINBASE], interval: "1s" },
        payouts: { enabled: true, address: COINBASE, interval: "5s", requirePeers: 1, threshold: 1_000 },
      },
      secrets: { METRICS_TOKEN: TOKEN, REDIS_TOKEN, PAYOUT_PRIVATE_KEY: COINBASE_KEY },
    });
    closing.push(() => pool.close());
    // Somebody to pay: payments are told by stage.
    const ledger = upstashPort({ url: `${pool.url}/redis`, token: REDIS_TOKEN, timeoutMs: 120_000 });
    await ledger.command(["HINCRBY", `eth:miners:${LOGIN}`, "balance", 2_000]);
    await ledger.command(["HINCRBY", "eth:finances", "balance", 2_000]);
    // Cron looks after a pool that somebody has asked.
    await (await fetch(`${pool.url}/health`)).text();
    await pool.scheduled();
    let samples: Samples = new Map();
    await vi
      .waitFor(
        async () => {
          const answer = await fetch(`${pool.url}/metrics`, { headers: { Authorization: `Bearer ${TOKEN}` } });
          samples = samplesOf(await answer.text());
          // The payer and the unlocker say most only after a run.
          expect([...wanted].filter((name) => !samples.has(name))).toEqual([]);
        },
        { timeout: 60_000, interval: 500 },
      )
      // What is still missing then is named by the tests.
      .catch(() => undefined);
    return samples;
  } finally {
    for (const close of closing.toReversed()) await close();
  }
}
