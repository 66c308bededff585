import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";

test.each(["node", "miner", "upstash-gateway"])(
  "devnet/cli/%s.ts says its options and their defaults on --help",
  (name) => {
    const args = ["--disable-warning=ExperimentalWarning", `devnet/cli/${name}.ts`, "--help"];
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toContain("-h, --help");
    expect(stdout).not.toContain("{");
  },
);
