import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";

test.each([
  "devnet/cli/node",
  "devnet/cli/miner",
  "devnet/cli/upstash-gateway",
  "devnet/start",
  "bridge/src/cli",
  "scripts/admin/cli",
  "scripts/ledger/cli",
])("%s.ts says its options and their defaults on --help, and no default that is none", (name) => {
  const args = ["--disable-warning=ExperimentalWarning", `${name}.ts`, "--help"];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  expect(stdout).toContain("-h, --help");
  expect(stdout).not.toContain("{");
  expect(stdout.replaceAll(/\s+/g, " ")).not.toMatch(/default: (null|\[\]|""|false|undefined)/);
});
