import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const cli = fileURLToPath(new URL("../dist/cli.js", import.meta.url));

function run(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [cli, ...args], { encoding: "utf8" });
  return { status, stdout, stderr };
}

/** Block 22 of ethereum/ethash's test. */
const header = "0x372eca2454ead349c3df0ab5d00b0b706b23e49d469387db91811cee0358fc6d";
const share = ["--chain", "ethereum", "--block", "22", "--header", header, "--nonce", "0x495732e0ed7a801c"];
const mix = "0x2f74cdeb198af0b9abe65d22d372e22fb2d474371774a9583c1cc427a07939f5";
const result = "0x00000b184f1fdd88bfd94c86c39e65db0c36144d5e43f745f722196e730cb614";
const line = (value: object) => `${JSON.stringify(value)}\n`;

describe("hash", () => {
  test("prints mix digest, result and epoch", () => {
    expect(run("hash", ...share)).toEqual({
      status: 0,
      stdout: line({ mixDigest: mix, result, epoch: 0 }),
      stderr: "",
    });
  });
});

describe("verify", () => {
  test("exits with 0 where the proof of work is valid", () => {
    const { status, stdout } = run("verify", ...share, "--mix", mix, "--difficulty", "132416");
    expect([status, stdout]).toEqual([0, line({ valid: true, result, epoch: 0 })]);
  });

  test("exits with 1 and says that the result is over the target", () => {
    const { status, stdout } = run("verify", ...share, "--mix", mix, "--difficulty", "1000000000");
    expect([status, stdout]).toEqual([1, line({ valid: false, reason: "result over target", result, epoch: 0 })]);
  });

  test("exits with 1 and gives the right mix digest where the claimed one is wrong", () => {
    const { status, stdout } = run("verify", ...share, "--mix", `0x${"00".repeat(32)}`, "--difficulty", "1");
    expect([status, stdout]).toEqual([1, line({ valid: false, reason: "wrong mix digest", mixDigest: mix, epoch: 0 })]);
  });
});

describe("epoch", () => {
  test("prints epoch, seed hash, sizes and range of blocks", () => {
    const { status, stdout } = run("epoch", "--chain", "classic", "--block", "11700000");
    expect(status).toBe(0);
    expect(stdout).toBe(
      line({
        chain: "classic",
        block: 11_700_000,
        epoch: 195,
        seedHash: "0xe79f0f63030bf691445c2b9d0266b24a9619e355194067f2ad2c73a8e0a26c65",
        cacheBytes: 42_334_912,
        datasetBytes: 2_709_518_464,
        firstBlock: 11_700_000,
        lastBlock: 11_759_999,
      }),
    );
  });
});

describe("wrong use exits with 2, prints nothing on standard output and names the option", () => {
  test.each([
    ["--chain", ["epoch", "--chain", "bitcoin", "--block", "1"]],
    ["--chain is missing", ["epoch", "--block", "1"]],
    ["--block is missing", ["epoch", "--chain", "classic"]],
    ["--block", ["epoch", "--chain", "classic", "--block", "-1"]],
    ["--block", ["epoch", "--chain", "classic", "--block", "1e3"]],
    ["--block", ["epoch", "--chain", "classic", "--block", "99999999999999999999"]],
    ["--header", ["hash", ...share.slice(0, 4), "--header", "0x12", "--nonce", "0x01"]],
    ["--nonce", ["hash", ...share.slice(0, 6), "--nonce", "0xzz"]],
    ["--mix", ["verify", ...share, "--mix", "0x", "--difficulty", "1"]],
    ["--difficulty", ["verify", ...share, "--mix", mix, "--difficulty", "0"]],
    ["--difficulty", ["verify", ...share, "--mix", mix, "--difficulty", "many"]],
    ["--mix", ["hash", ...share, "--mix", mix]],
    ["--unknown", ["hash", "--unknown"]],
    ["--epoch", ["bench", "--epoch", "32640"]],
    ["unknown command", ["mine"]],
    ["unknown command", ["constructor"]],
  ])("%s in %j", (named, args) => {
    const { status, stdout, stderr } = run(...args);
    expect([status, stdout]).toEqual([2, ""]);
    expect(stderr).toMatch(/^ethash-wasm: [^\n]+\n$/);
    expect(stderr).toContain(named);
  });

  test("help is no error when asked for", () => {
    expect(run("--help")).toMatchObject({ status: 0, stderr: "" });
    expect(run("hash", "--help").stdout).toMatch(/^Usage: /);
    expect(run()).toMatchObject({ status: 2 });
  });
});
