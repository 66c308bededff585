import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { redisUrl } from "../../devnet/cli/arguments.ts";
import { parseStartOptions } from "../../devnet/start/start-options.ts";

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

// A timer that is set to no time, or to more than 2^31 ms, rings at once: a self-test of nothing, a copy of the books every millisecond.
test.each([
  "devnet/start.ts --for 0s",
  "devnet/start.ts --for 600h",
  "devnet/start.ts --block-time 600h",
  "devnet/cli/node.ts --block-time 600h",
  `devnet/cli/miner.ts --login 0x${"1".repeat(40)} --response-timeout 600h`,
  "scripts/doctor/cli.ts http://127.0.0.1:1 --timeout 0s",
  "scripts/ledger/cli.ts backup http://127.0.0.1:1 --to unused --every 720h",
  "bridge/src/cli.ts wss://pool.example --status-interval 2500000",
])("%s: a time that cannot be waited for is refused in one line", (command) => {
  const all = ["--disable-warning=ExperimentalWarning", ...command.split(" ")];
  const { status, stdout, stderr } = spawnSync(process.execPath, all, { encoding: "utf8", timeout: 120_000 });
  expect({ status: status !== 0 && status !== null, stdout }).toEqual({ status: true, stdout: "" });
  expect(stderr).toMatch(/^.*(a duration such as .*, up to 596h|duration such as 6h, up to 596h|from 1 to 86400).*\n$/);
});

test("a simulated chain that does not advance by itself, and the longest wait, are taken", () => {
  expect(parseStartOptions(["--block-time", "0s", "--for", "596h"])).toMatchObject({
    blockTimeMs: 0,
    forMs: 596 * 3_600_000,
  });
});
