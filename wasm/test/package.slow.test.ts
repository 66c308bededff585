import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";

const source = fileURLToPath(new URL("..", import.meta.url));
const directory = mkdtempSync(join(tmpdir(), "ethash-wasm-"));
const run = (command: string, args: string[], cwd = directory) =>
  execFileSync(command, args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });

beforeAll(() => {
  const tarball = run("npm", ["pack", "--silent", "--pack-destination", directory], source).trim();
  writeFileSync(join(directory, "package.json"), JSON.stringify({ type: "module" }));
  run("npm", ["install", "--silent", "--offline", "--no-audit", "--no-fund", `./${tarball}`]);
});
afterAll(() => rmSync(directory, { recursive: true }));

test("the packed package installs without the registry and hashes in Node", () => {
  writeFileSync(
    join(directory, "use.js"),
    `import { chainByName, epochOf, Ethash, toHex } from "@edgepool/ethash-wasm";
     import { epochOf as same } from "@edgepool/ethash-wasm/chain-spec";
     import { loadKernel } from "@edgepool/ethash-wasm/node";
     const epoch = epochOf(chainByName("ethereum"), 22);
     if (epochOf !== same) throw new Error("two copies");
     const ethash = Ethash.instantiate(loadKernel());
     ethash.buildCache(epoch);
     const header = "372eca2454ead349c3df0ab5d00b0b706b23e49d469387db91811cee0358fc6d";
     console.log(toHex(ethash.hash(header, "495732e0ed7a801c").mixDigest));`,
  );
  expect(run(process.execPath, ["use.js"])).toBe("2f74cdeb198af0b9abe65d22d372e22fb2d474371774a9583c1cc427a07939f5\n");
});

test("its command line is installed, too", () => {
  const printed = run(join(directory, "node_modules", ".bin", "ethash-wasm"), [
    "epoch",
    "--chain",
    "mordor",
    "--block",
    "1",
  ]);
  expect(JSON.parse(printed)).toMatchObject({ chain: "mordor", epoch: 0 });
});

test("every entry has its type declarations, and the licence comes along", () => {
  const installed = join(directory, "node_modules", "@edgepool", "ethash-wasm");
  const manifest: { exports: Record<string, { types: string; default: string } | string> } = JSON.parse(
    readFileSync(join(installed, "package.json"), "utf8"),
  );
  for (const entry of Object.values(manifest.exports)) {
    const files = typeof entry === "string" ? [entry] : [entry.types, entry.default];
    for (const file of files) expect(readFileSync(join(installed, file)).length).toBeGreaterThan(0);
  }
  expect(readFileSync(join(installed, "LICENSE"), "utf8")).toContain("MIT License");
  expect(readFileSync(join(installed, "README.md"), "utf8")).toContain("# @edgepool/ethash-wasm");
});
