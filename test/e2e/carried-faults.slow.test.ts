import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { wrapBundle } from "../../bench/pool/wrapped-bundle.ts";
import { LOCAL_NAME, type WorkerBundle } from "../../devnet/pool-host/pool-messages.ts";
import { bundlePool } from "../../devnet/pool-host/worker-bundle.ts";
import { runFaultCampaign } from "../support/fault-campaign.ts";

let directory: string;
let bundles: readonly WorkerBundle[];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "edgepool-carried-"));
  const entries = new Map([
    [`${LOCAL_NAME}-verifiers`, "verifiers"],
    [`${LOCAL_NAME}-sessions`, "relays"],
  ]);
  bundles = await Promise.all(
    (await bundlePool()).map(async (bundle) => {
      const part = entries.get(bundle.name);
      if (part === undefined) return bundle;
      return await wrapBundle(
        bundle,
        join(import.meta.dirname, "failing-parts", part, "worker.ts"),
        join(directory, part),
      );
    }),
  );
});
afterAll(() => rm(directory, { recursive: true, force: true }));

it("keeps every acknowledged share exactly once, and leaves none without an answer, when shares go by relays' sockets and relays, verifiers and workerd are stopped", async () => {
  const said: string[] = [];
  const report = await runFaultCampaign({
    acknowledged: 2_000,
    rounds: 2,
    logins: 12,
    cheats: 1,
    rigs: 2,
    window: 2,
    ledger: "embedded",
    seed: 20261127,
    outageMs: 0,
    networkDifficulty: 400n,
    relays: 2,
    bundles,
    onLog: (message) => said.push(message),
  });
  expect(report.findings).toEqual([]);
  expect(report.acknowledged).toBeGreaterThanOrEqual(2_000);
  const { trues, account } = report.cheats;
  const heard = Object.values(trues).reduce((sum, count) => sum + count, 0);
  expect(account.credited + account.duplicates + account.refuted).toBe(heard);
  const times = (text: string) => said.filter((message) => message.startsWith(text)).length;
  for (const what of ["relay stopped", "verifier stopped before", "verifier stopped after"])
    expect(times(what), what).toBeGreaterThan(0);
  expect(times("carried")).toBeGreaterThan(200);
  expect(report.waiting).toBe(0);
}, 400_000);
