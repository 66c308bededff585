/** Setup looks at the program geth itself before it writes anything. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { parse } from "yaml";
import type { Finding } from "../../scripts/doctor/finding.ts";
import { setupChecks } from "../../scripts/setup/checks.ts";
import { chainConfig, Geth } from "./support/geth.ts";
import { installGeth, run } from "./support/programs.ts";

const ROOT = join(import.meta.dirname, "..", "..");
const CHAIN_ID = 7331;
const ETHERBASE = "0xb85150eb365e7df0941f0cf08235f987ba91506a";

const of = (findings: readonly Finding[], check: string) => findings.find((finding) => finding.check === check);

it("finds a geth's work, chain and sync as they are, and that it does not mine", { timeout: 600_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), "edgepool-setup-geth-"));
  const geth = await Geth.in(join(folder, "geth"));
  await geth.init({
    config: chainConfig(CHAIN_ID, { ethash: {} }),
    difficulty: "0x20000",
    gasLimit: "0x1c9c380",
    alloc: {},
  });
  const look = async (chainId: number): Promise<Finding[]> => {
    const upstream = [{ name: "geth", url: geth.url, timeout: "10s" }];
    const vars = { devnet: true, home: "weur", chain: { name: "stranger", epochLength: 30_000, chainId }, upstream };
    const findings: Finding[] = [];
    const around = {
      former: {},
      secrets: {},
      ledger: null,
      headersOf: () => ({}),
      dryRun: false,
      accounts: ["me"],
      timeoutMs: 120_000,
      nowMs: Date.now,
    };
    for await (const finding of setupChecks({ vars, ...around })) findings.push(finding);
    return findings;
  };
  try {
    await geth.start("eth,net", ["--networkid", String(CHAIN_ID)]);
    await geth.answers();
    expect(of(await look(CHAIN_ID), "node geth work")).toMatchObject({ outcome: "fail" });
    await geth.kill();
    await geth.start("eth,net", [
      "--networkid",
      String(CHAIN_ID),
      "--mine",
      "--miner.threads",
      "0",
      "--miner.etherbase",
      ETHERBASE,
    ]);
    await geth.answers();
    await expect
      .poll(async () => of(await look(CHAIN_ID), "node geth work")?.outcome, { timeout: 120_000, interval: 2_000 })
      .toBe("ok");
    expect((await look(CHAIN_ID)).filter(({ outcome }) => outcome === "fail")).toEqual([]);
  } finally {
    await geth.kill();
    await rm(folder, { recursive: true, force: true });
  }
});

it("geth knows every flag that the compose file gives to core-geth, but the chain's own name", async () => {
  const folder = await mkdtemp(join(tmpdir(), "edgepool-compose-geth-"));
  try {
    const compose: unknown = parse(await readFile(join(ROOT, "ops/compose/docker-compose.yml"), "utf8"));
    const given: unknown = Object(compose).services["core-geth"].command;
    const command = (Array.isArray(given) ? given.map(String) : [])
      .filter((flag) => flag !== "--classic")
      .map((flag) =>
        flag
          .replace("/data", folder)
          .replace(/\$\{ETHERBASE[^}]*\}/, ETHERBASE)
          .replaceAll(/\$\{[^}]*\}/g, "x"),
      );
    expect(command.length).toBeGreaterThan(8);
    const geth = await installGeth();
    await run(geth, [...command, "version"], folder);
    await expect(run(geth, [...command, "--no.such.flag", "version"], folder)).rejects.toThrow(/no.such.flag/);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}, 600_000);
