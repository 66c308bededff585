import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { VERSION } from "../../core/version.ts";

const read = (name: string): Promise<string> => readFile(join(import.meta.dirname, "..", "..", name), "utf8");

it("the version on /health is that of package.json, and the newest of the changelog", async () => {
  expect(JSON.parse(await read("package.json"))).toMatchObject({ version: VERSION });
  const headings = [...(await read("CHANGELOG.md")).matchAll(/^## (\S+)/gm)].map(([, version]) => version);
  expect(headings[0]).toBe(VERSION);
});

it("every release says what it changes for miners, in the ledger, in settings and secrets, and in objects", async () => {
  const releases = (await read("CHANGELOG.md")).split(/^## /m).slice(1);
  for (const release of releases)
    for (const part of ["Wire", "Ledger keys", "Settings and secrets", "Objects and deploying"])
      expect(release).toContain(`### ${part}\n`);
});
