// A CPU miner on the command line: npm run -s devnet -- miner --port 8008 --login 0x…
import { once } from "node:events";
import { availableParallelism } from "node:os";
import { Command, Option } from "commander";
import type { ChainSpec } from "@edgepool/ethash-wasm/chain-spec";
import { startMiner, type MinerEvent } from "../miner/miner.ts";
import { chainOption, timeOption, wholeNumber } from "./arguments.ts";

const options = new Command("devnet-miner")
  .description("CPU miner that speaks TCP stratum")
  .option("--host <address>", "the pool or its LAN bridge", "127.0.0.1")
  .option("--port <number>", "TCP port", wholeNumber, 8008)
  .requiredOption("--login <address>", "0x address that is credited")
  .option("--worker <name>", "name of this rig", "devnet")
  .option("--threads <number>", "search threads", wholeNumber, Math.max(1, availableParallelism() - 1))
  .addOption(chainOption())
  .addOption(
    new Option("--dialect <name>", "how to speak").choices(["eth-proxy", "ethereum-stratum"]).default("eth-proxy"),
  )
  .addOption(timeOption("--response-timeout", "give the connection up when an answer takes longer", 10_000))
  .parse()
  .opts<{
    host: string;
    port: number;
    login: string;
    worker: string;
    threads: number;
    chain: ChainSpec;
    dialect: "eth-proxy" | "ethereum-stratum";
    responseTimeout: number;
  }>();

const miner = startMiner({
  ...options,
  responseTimeoutMs: options.responseTimeout,
  onEvent: (event) => console.log(line(event)),
});
const summary = setInterval(() => {
  const { hashrate, accepted, stale, duplicate, invalid, rejected, wasted } = miner.stats;
  console.log(
    `${Math.round(hashrate)} H/s, shares: ${accepted} accepted, ${stale} stale, ${duplicate} duplicate, ` +
      `${invalid} invalid, ${rejected} rejected, ${wasted} wasted`,
  );
}, 10_000);
await Promise.race([once(process, "SIGINT"), once(process, "SIGTERM")]);
clearInterval(summary);
await miner.close();

function line(event: MinerEvent): string {
  switch (event.kind) {
    case "connected":
      return "connected";
    case "loggedIn":
      return "logged in";
    case "disconnected":
      return `disconnected: ${event.reason}; next try in ${event.retryInMs / 1_000} s`;
    case "job":
      return `job 0x${event.header}`;
    case "cache":
      return `light cache of epoch ${event.epoch}: ${Math.round(event.progress * 100)} %`;
    case "share":
      return `share ${event.nonce} ${event.outcome}${event.reason === "" ? "" : `: ${event.reason}`}`;
    case "failure":
      return `failure: ${event.reason}`;
  }
}
