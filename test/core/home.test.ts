import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { ConfigError } from "../../core/config-problem.ts";
import { HINTS, HOMES, hintOf, JURISDICTIONS, jurisdictionOf } from "../../core/home.ts";
import { parseConfig } from "../../core/parse-config.ts";

const SETTINGS = { chain: "classic", upstream: [{ name: "main", url: "https://node.example" }] };
/** What makes an object, or names one: of any namespace, whatever it is called there. */
const OBJECT = /\.(?:getByName|get|idFromName|idFromString|newUniqueId|jurisdiction)\(\s*[^)]*/g;
const HOMES_OF_LOGINS = ["MINER_SESSION", "ACCOUNT_API"];

async function sources(): Promise<[file: string, text: string][]> {
  const found: [string, string][] = [];
  for (const folder of ["worker", "durable-objects"]) {
    const entries = await readdir(folder, { recursive: true });
    for (const file of entries.filter((name) => name.endsWith(".ts") && !name.endsWith("at-home.ts")))
      found.push([file, await readFile(join(folder, file), "utf8")]);
  }
  return found;
}

it("no object is called or named but through at-home.ts, which decides where it is made", async () => {
  const found: string[] = [];
  for (const [file, text] of await sources()) {
    const code = text.replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*/g, "");
    for (const [call] of code.matchAll(OBJECT)) if (!call.startsWith(".get(")) found.push(`${file}: ${call}`);
    for (const [call] of code.matchAll(/env\.[A-Z_]{3,}\s*\.get\(/g)) found.push(`${file}: ${call}`);
  }
  expect(found).toEqual([]);
});

it("only objects of a login are left near their miners", async () => {
  const near = new Set<string>();
  for (const [, text] of await sources())
    for (const [, binding = ""] of text.matchAll(/\bofLogin\([^,]*,\s*[\w#.]*env\.([A-Z_]+)/g)) near.add(binding);
  expect([...near].toSorted()).toEqual(HOMES_OF_LOGINS.toSorted());
});

it("home is one of Cloudflare's location hints or jurisdictions, and any other text is named with both", () => {
  expect(parseConfig(SETTINGS).home).toBeNull();
  for (const home of HOMES) expect(parseConfig({ ...SETTINGS, home }).home).toBe(home);
  const wrong = () => parseConfig({ ...SETTINGS, home: "europe" });
  expect(wrong).toThrow(ConfigError);
  expect(wrong).toThrow(/home: found "europe", allowed: a location hint .*wnam, enam.* or a jurisdiction \(eu, us/);
});

it("a home is either a hint or a jurisdiction", () => {
  expect(HINTS.map((home) => [hintOf(home), jurisdictionOf(home)])).toEqual(HINTS.map((home) => [home, null]));
  expect(JURISDICTIONS.map((home) => [hintOf(home), jurisdictionOf(home)])).toEqual(
    JURISDICTIONS.map((home) => [null, home]),
  );
  expect([hintOf(null), jurisdictionOf(null)]).toEqual([null, null]);
});
