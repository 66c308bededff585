import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { minerExamples, MINERS } from "../src/command/miner-examples.ts";

const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");

test.each([
  "lolMiner",
  "T-Rex",
  "TeamRedMiner",
  "GMiner",
  "Rigel",
  "BzMiner",
  "NBMiner",
  "SRBMiner-Multi",
  "PhoenixMiner",
  "ethminer",
])("shows how %s is pointed at the bridge", (name) => expect(MINERS.map(({ miner }) => miner)).toContain(name));

test.each(MINERS)("says the same in --help and README: $command", ({ command }) => {
  expect(minerExamples("node bridge.mjs")).toContain(command);
  expect(readme).toContain(`\`${command}\``);
});
