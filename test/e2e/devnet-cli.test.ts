import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { join } from "node:path";
import { expect, it } from "vitest";

const BOOTSTRAP = join(import.meta.dirname, "..", "..", "scripts", "bootstrap.mjs");

/** Runs `npm run devnet -- <args>` without npm. */
async function devnet(...args: string[]) {
  const program = spawn(process.execPath, [BOOTSTRAP, "devnet", ...args], { stdio: ["ignore", "pipe", "pipe"] });
  let [stdout, stderr] = ["", ""];
  program.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
  program.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  const [code] = (await once(program, "close")) as [number | null];
  return { code, stdout, stderr };
}

it.each([
  ["node", "devnet-node"],
  ["miner", "devnet-miner"],
  ["upstash-gateway", "devnet-upstash"],
])("%s says how it is used", async (program, name) => {
  expect(await devnet(program, "--help")).toEqual({
    code: 0,
    stderr: "",
    stdout: expect.stringMatching(new RegExp(`^Usage: ${name} `)),
  });
});

it("names its programs to whoever asks for another", async () => {
  const { code, stderr } = await devnet("--help");
  expect(code).toBe(1);
  expect(stderr).toMatch(/^edgepool: which one: .* node --help, .* miner --help, .* upstash-gateway --help\n$/);
});

it("says in one line why a program cannot start", async () => {
  const taken = createServer().listen(0, "127.0.0.1");
  await once(taken, "listening");
  const address = taken.address();
  const port = typeof address === "object" ? String(address?.port) : "";
  const node = await devnet("node", "--port", port);
  taken.close();
  expect(node).toMatchObject({ code: 1, stdout: "", stderr: expect.stringMatching(/^devnet-node: .*EADDRINUSE.*\n$/) });
  const gateway = await devnet("upstash-gateway", "--redis", "redis://127.0.0.1:1");
  expect(gateway).toMatchObject({ code: 1, stderr: expect.stringMatching(/^devnet-upstash: .*ECONNREFUSED.*\n$/) });
});

it.each([
  // It puts its things in order, as at SIGTERM.
  ["a program that runs until it is stopped", ["devnet", "node", "--port", "0"], 0],
  // Nobody may take it for a check that went well.
  ["a check", ["run", "scripts/doctor/cli.ts", "http://127.0.0.1:1"], 141],
])("%s ends without a stack trace when nobody reads what it prints", async (_, args, code) => {
  const program = spawn(process.execPath, [BOOTSTRAP, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  let stderr = "";
  program.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  program.stdout.destroy();
  expect(await once(program, "close")).toEqual([code, null]);
  expect(stderr).toBe("");
});
