import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { ConfigError } from "../../core/config-problem.ts";
import { parseConfig } from "../../core/parse-config.ts";

const SETTINGS = { chain: "classic", upstream: [{ name: "main", url: "https://node.example" }] };
const HOMES_OF_LOGINS = new Set(["MINER_SESSION", "ACCOUNT_API"]);

it("no part of which there is one is called but through home, which decides where it is made", async () => {
  const found: string[] = [];
  for (const folder of ["worker", "durable-objects"]) {
    const entries = await readdir(folder, { recursive: true });
    for (const file of entries.filter((name) => name.endsWith(".ts") && !name.endsWith("at-home.ts"))) {
      const text = await readFile(join(folder, file), "utf8");
      for (const [call, binding = ""] of text.matchAll(/\b([A-Z_]{3,})\s*\.(?:getByName|get)\([^)]*\)?/g))
        if (!HOMES_OF_LOGINS.has(binding) && !call.includes("placeOf(")) found.push(`${file}: ${call}`);
    }
  }
  expect(found).toEqual([]);
});

it("home is one of Cloudflare's location hints, and any other text is named", () => {
  expect(parseConfig(SETTINGS).home).toBeNull();
  expect(parseConfig({ ...SETTINGS, home: "weur" }).home).toBe("weur");
  expect(() => parseConfig({ ...SETTINGS, home: "europe" })).toThrow(ConfigError);
  expect(() => parseConfig({ ...SETTINGS, home: "europe" })).toThrow(/home: found "europe", allowed: .*wnam, enam/);
});
