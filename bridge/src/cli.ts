#!/usr/bin/env node
import { readFileSync } from "node:fs";
import { pino } from "pino";
import { startBridge } from "./bridge.ts";
import { parseCommandLine, type CommandLine } from "./command/command-line.ts";
import { Display } from "./command/display.ts";
import { BridgeOptionError } from "./options.ts";

/** The package's version; the file lies one level up both in `src/` and in `dist/`. */
function version(): string {
  const text = readFileSync(new URL("../package.json", import.meta.url), "utf8");
  return /"version":\s*"([^"]+)"/.exec(text)?.[1] ?? "unknown";
}

async function main(): Promise<void> {
  const line: CommandLine = parseCommandLine(process.argv.slice(2), version());
  const display = new Display(line.display, process.stdout);
  const log = pino({ level: line.logLevel, base: null }, display.logStream);
  const bridge = await startBridge({ ...line.bridge, log });
  display.follow(bridge, log, line.statusIntervalMs);
  const stop = (): void => {
    display.stop();
    void bridge.close();
  };
  process.once("SIGINT", stop);
  process.once("SIGTERM", stop);
}

try {
  await main();
} catch (error) {
  if (!(error instanceof BridgeOptionError)) throw error;
  process.stderr.write(`edgepool-bridge: ${error.message}\n`);
  process.exitCode = 1;
}
