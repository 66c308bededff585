import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { startBeforeBoundary } from "../support/epoch-boundary.ts";
import { LedgerAudit } from "../support/ledger-audit.ts";
import { ShareRigs } from "../support/share-rigs.ts";

const TOKEN = "epoch-boundary-token";

it("crosses an epoch boundary under load with one light cache in 96 MiB: no wrong verdict, no disconnect, every share credited", async () => {
  const world = await startBeforeBoundary(433, { REDIS_TOKEN: TOKEN });
  const { node, pool, kernelFor, isBefore } = world;
  const rigs = new ShareRigs(() => pool.url, { logins: 6, rigs: 2, window: 2, kernelFor });
  const count = (old: boolean) =>
    [...rigs.acknowledged].filter((member) => isBefore(member.split(":")[1] ?? "") === old).length;
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
    await world.close();
  }
}, 400_000);
