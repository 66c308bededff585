import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { chainByName } from "@edgepool/ethash-wasm/chain-spec";
import { expect, it } from "vitest";
import { startNode } from "../../devnet/node/node.ts";

const ROOT = join(import.meta.dirname, "..", "..");

it("npm run setup goes up to the dry run on a node of this machine, and Wrangler bundles what it would write", async () => {
  const spec = chainByName("classic");
  if (spec === undefined) throw new Error("no chain");
  const node = await startNode({ spec, startHeight: 20_000_000, blockTimeMs: null });
  const before = await readFile(join(ROOT, "wrangler.toml"), "utf8");
  const flags = ["--env", "staging", "--chain", "classic", "--upstream", `main=${node.url}`, "--home", "weur"];
  const cli = join(ROOT, "scripts/setup/cli.ts");
  const said = await new Promise<{ code: unknown; text: string }>((resolve) => {
    execFile(process.execPath, [cli, ...flags, "--devnet", "--dry-run"], (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : error.code, text: stdout + stderr }),
    );
  });
  await node.close();
  expect(said.code, said.text).toBe(0);
  // Wrangler lists the bindings of the environment.
  expect(said.text).toMatch(/env\.MINER_SESSION.*\n[^]*--dry-run: exiting now/);
  expect(await readFile(join(ROOT, "wrangler.toml"), "utf8")).toBe(before);
});
