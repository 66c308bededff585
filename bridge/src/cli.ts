#!/usr/bin/env node
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { pino } from "pino";
import { startBridge } from "./bridge.ts";
import { parseCommandLine, readInstall, type Program } from "./command/command-line.ts";
import { Display } from "./command/display.ts";
import { serviceFile } from "./command/service-files.ts";
import { BridgeOptionError } from "./options.ts";
import { PoolAddress } from "./pool-side/pool-address.ts";

/** Put there by the build of the single file. */
declare const SINGLE_FILE_VERSION: string | undefined;

const isSingleFile = typeof SINGLE_FILE_VERSION === "string";

function program(): Program {
  const file = basename(process.argv[1] ?? "");
  const name = isSingleFile ? `node ${file}` : file === "cli.ts" ? "npm run bridge --" : "edgepool-bridge";
  return { name, version: isSingleFile ? SINGLE_FILE_VERSION : packageVersion() };
}

/** The file lies one level up both in `src/` and in `dist/`. */
function packageVersion(): string {
  const text = readFileSync(new URL("../package.json", import.meta.url), "utf8");
  return /"version":\s*"([^"]+)"/.exec(text)?.[1] ?? "unknown";
}

/** @returns false when the bridge is to run */
function printServices(argv: readonly string[], called: Program): boolean {
  const install = readInstall(argv, called);
  if (install === null) return false;
  const { bridge } = parseCommandLine(install.args, called);
  const [pool = ""] = bridge.pools;
  const { label } = PoolAddress.parse(pool, bridge.allowInsecure ?? false);
  const origin = label.replace(/^ws/, "http");
  const own = isSingleFile ? readFileSync(process.argv[1] ?? "") : null;
  const sha256 = own === null ? null : createHash("sha256").update(own).digest("hex");
  const plan = { args: install.args, files: install.files, node: process.execPath, origin, sha256 };
  process.stdout.write(install.services.map((service) => serviceFile(service, plan)).join("\n"));
  return true;
}

async function main(): Promise<void> {
  const [argv, called] = [process.argv.slice(2), program()];
  if (printServices(argv, called)) return;
  const line = parseCommandLine(argv, called);
  const display = new Display(line.display, process.stdout);
  const log = pino({ level: line.logLevel, base: null }, display.logStream);
  const bridge = await startBridge({ ...line.bridge, log });
  display.follow(bridge, log, line.statusIntervalMs);
  let stopped = false;
  const stop = (): void => {
    if (stopped) return;
    stopped = true;
    display.stop();
    void bridge.close();
  };
  // Nobody reads what it says any more.
  process.stdout.on("error", stop);
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
