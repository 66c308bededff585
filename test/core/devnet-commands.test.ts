import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { redisUrl } from "../../devnet/cli/arguments.ts";

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

test.each(["nope", "http://127.0.0.1:6379", "redis://"])("%s is refused as no Redis before anything starts", (text) => {
  expect(() => redisUrl(text)).toThrow("a redis:// or rediss:// URL");
  expect(redisUrl("redis://127.0.0.1:6379")).toBe("redis://127.0.0.1:6379");
});
