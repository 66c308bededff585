// A simulated node on the command line: npm run -s devnet -- node --port 8545
import { once } from "node:events";
import { Command, Option } from "commander";
import type { ChainSpec } from "@edgepool/ethash-wasm/chain-spec";
import { DEFAULT_DIFFICULTY, startNode, type NodeEvent } from "../node/node.ts";
import { chainOption, hashes, timeOption, wholeNumber } from "./arguments.ts";
import { failed } from "./failure.ts";

const options = new Command("devnet-node")
  .description("Simulated Ethash node: hands out work and really checks what miners send")
  .option("--host <address>", "address to listen on", "127.0.0.1")
  .option("--port <number>", "port to listen on", wholeNumber, 8545)
  .addOption(chainOption())
  .option("--start-height <number>", "height of the first block", wholeNumber, 1_000)
  .addOption(
    // Said in words: commander writes a default as JSON, which knows no bigint.
    new Option("--difficulty <hashes>", "network difficulty")
      .argParser(hashes)
      .default(DEFAULT_DIFFICULTY, DEFAULT_DIFFICULTY.toString()),
  )
  .addOption(timeOption("--target-block-time", "let the difficulty follow the block times; 0s: it stays", 0))
  .addOption(timeOption("--block-time", "somebody else finds a block after this long, e.g. 15s; 0s: never", 0))
  .addOption(timeOption("--recommit", "new header for the same height at this interval; 0s: never", 3_000))
  .option("--notify <url...>", "push new work there by POST")
  .option("--seed <text>", "the same seed gives the same headers")
  .parse()
  .opts<{
    host: string;
    port: number;
    chain: ChainSpec;
    startHeight: number;
    difficulty: bigint;
    targetBlockTime: number;
    blockTime: number;
    recommit: number;
    notify?: string[];
    seed?: string;
  }>();

const node = await startNode({
  host: options.host,
  port: options.port,
  spec: options.chain,
  startHeight: options.startHeight,
  difficulty: options.difficulty,
  targetBlockTimeMs: options.targetBlockTime || null,
  blockTimeMs: options.blockTime || null,
  recommitMs: options.recommit || null,
  ...(options.notify && { notify: options.notify }),
  ...(options.seed !== undefined && { seed: options.seed }),
  onEvent: (event) => console.log(line(event)),
}).catch((error: unknown) => failed("devnet-node", error));
console.log(`node listens on ${node.url}`);
await Promise.race([once(process, "SIGINT"), once(process, "SIGTERM")]);
await node.close();

function line(event: NodeEvent): string {
  switch (event.kind) {
    case "work":
      return `work ${event.work.height} ${event.work.header} (${event.why})`;
    case "block":
      return `block ${event.height} accepted, nonce ${event.nonce}${event.canonical ? "" : ", not in the chain"}`;
    case "notifyFailed":
      return `push to ${event.url} failed: ${event.reason}`;
  }
}
