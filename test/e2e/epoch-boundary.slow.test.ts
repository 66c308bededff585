import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { customChain } from "@edgepool/ethash-wasm";
import { expect, it } from "vitest";
import { startNode } from "../../devnet/node/node.ts";
import { startPool } from "../../devnet/pool-host/pool-process.ts";
import { LedgerAudit } from "../support/ledger-audit.ts";
import { kernelAt } from "../support/pow.ts";
import { ShareRigs } from "../support/share-rigs.ts";

// Caches as large as an Etchash chain's today (70 MiB), and epochs of ten blocks so that a test can cross a boundary.
const CHAIN = customChain({ name: "short", epochLength: 10 });
const BOUNDARY = 4_340;
const TOKEN = "epoch-boundary-token";

it("crosses an epoch boundary under load with one light cache in 96 MiB: no wrong verdict, no disconnect, every share credited", async () => {
  const stateDir = await mkdtemp(join(tmpdir(), "edgepool-boundary-"));
  const node = await startNode({
    spec: CHAIN,
    startHeight: BOUNDARY - 1,
    difficulty: 1n << 60n,
    blockTimeMs: null,
    recommitMs: null,
  });
  const pool = await startPool({
    stateDir,
    cron: false,
    vars: {
      chain: { name: "short", epochLength: 10 },
      difficulty: 1,
      blockRefreshInterval: "200ms",
      upstream: [{ name: "main", url: node.url, timeout: "2s" }],
      policy: { banning: { enabled: false }, limits: { enabled: false } },
    },
    secrets: { REDIS_TOKEN: TOKEN },
  });
  const kernels = { before: kernelAt(CHAIN, BOUNDARY - 1), after: kernelAt(CHAIN, BOUNDARY) };
  const before = new Set([node.chain.current.header]);
  const kernelFor = (header: string) => (before.has(header) ? kernels.before : kernels.after);
  const rigs = new ShareRigs(() => pool.url, { logins: 6, rigs: 2, window: 2, kernelFor });
  const count = (old: boolean) =>
    [...rigs.acknowledged].filter((member) => before.has(member.split(":")[1] ?? "") === old).length;
  try {
    const mining = rigs.run();
    while (count(true) < 200) await sleep(100);
    node.advance();
    while (count(false) < 200) await sleep(100);
    rigs.stop();
    await mining;

    const audit = new LedgerAudit({ url: `${pool.url}/redis`, token: TOKEN });
    const witnesses = { sent: rigs.sent, acknowledged: rigs.acknowledged, blocks: [], together: new Set<string>() };
    // Late shares of the old epoch are credited when its cache has come back, a minute later.
    for (let second = 0; second < 120 && (rigs.waiting > 0 || (await audit.missing(witnesses)) > 0); second++)
      await sleep(1_000);
    expect(Object.fromEntries(rigs.answers)).toEqual({ true: rigs.acknowledged.size });
    expect(rigs.cuts).toEqual([]);
    expect(await audit.findings(witnesses)).toMatchObject({ findings: [], recorded: rigs.sent.size });
  } finally {
    rigs.close();
    await pool.close();
    await node.close();
    await rm(stateDir, { recursive: true, force: true });
  }
}, 400_000);
