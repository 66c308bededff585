import { Command, InvalidArgumentError, Option } from "commander";
import { waitingTime } from "../cli/arguments.ts";

/** What `npm start` was asked to do. */
export interface StartOptions {
  /** JSON-RPC URL of a real node; null starts the simulated one. */
  readonly geth: string | null;
  readonly chain: string;
  /** Upstash REST endpoint; null keeps the books in the embedded ledger. */
  readonly upstashUrl: string | null;
  readonly upstashToken: string | null;
  /** Keep the books on a redis-server of this machine, in the state folder. */
  readonly withRedis: boolean;
  /** Secret in the URL that a node pushes its work to; null: one that the state folder keeps. */
  readonly notifyToken: string | null;
  /** Where the pool's notifications go: a URL of a webhook, or true to print them; null: nowhere. */
  readonly notify: string | true | null;
  /** Built-in CPU miner. */
  readonly miner: boolean;
  readonly threads: number;
  /** Address that the built-in miner mines for, lower case. */
  readonly login: string;
  /** Share difficulty in hashes. */
  readonly difficulty: number;
  /** Block difficulty of the simulated node in hashes. */
  readonly blockDifficulty: number;
  /** Time after which the simulated chain advances by itself, ms; 0: only when a block is found. */
  readonly blockTimeMs: number;
  readonly host: string;
  readonly port: number;
  readonly stratumPort: number;
  readonly nodePort: number;
  /** Folder for the embedded ledger and the other objects' storage. */
  readonly state: string;
  /** Forget what an earlier run left in the state folder. */
  readonly fresh: boolean;
  /** Stop by itself after this long, ms; null runs until Ctrl-C. */
  readonly forMs: number | null;
  /** Print one JSON object as the last line of standard output. */
  readonly json: boolean;
}

function port(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0 || value > 65_535)
    throw new InvalidArgumentError("a port is a whole number from 0 (any free one) to 65535");
  return value;
}

function positive(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1)
    throw new InvalidArgumentError("a whole number of at least 1 is needed");
  return value;
}

function httpUrl(text: string): string {
  if (!/^https?:\/\//.test(text) || !URL.canParse(text))
    throw new InvalidArgumentError("an http:// or https:// URL is needed");
  return text;
}

function address(text: string): string {
  if (!/^0x[0-9a-fA-F]{40}$/.test(text)) throw new InvalidArgumentError("an address is 0x and 40 hex digits");
  return text.toLowerCase();
}

function secret(text: string): string {
  if (!/^[\x21-\x7e]{16,}$/.test(text))
    throw new InvalidArgumentError("a token has at least 16 ASCII characters and no spaces");
  return text;
}

const EXAMPLES = `
Examples:
  npm start                                        everything built in
  npm start -- --no-miner --host 0.0.0.0           for the rigs on your LAN
  npm start -- --geth http://127.0.0.1:8545 --chain mordor --difficulty 100000000
  npm start -- --with-redis                        the books on a real redis-server
  npm start -- --notify                            prints what the operator would be told
  npm start -- --for 120s --json                   a self-test with a verdict`;

/** What has no default is not there: a default of null would stand in the help. */
type Optional =
  | "geth"
  | "state"
  | "notify"
  | "upstashUrl"
  | "upstashToken"
  | "notifyToken"
  | "withRedis"
  | "fresh"
  | "json";
/** Options as commander names them, after the option's own parser. */
type Parsed = Omit<StartOptions, "forMs" | "blockTimeMs" | Optional> & {
  readonly for?: number;
  readonly blockTime: number;
} & { readonly [Name in Optional]?: NonNullable<StartOptions[Name]> };

function startCommand(): Command {
  return (
    new Command("npm start --")
      .description("Runs the whole pool on this machine: node, pool (workerd), stratum bridge and a CPU miner.")
      .addOption(new Option("--geth <url>", "use a real node instead of the simulated one").argParser(httpUrl))
      .addOption(
        new Option("--chain <name>", "epoch rules")
          .choices(["ethereum", "classic", "mordor", "ethereum-pow"])
          .default("classic"),
      )
      // The URL has to be said: taking it from the environment could write play shares into a pool's real books.
      .addOption(new Option("--upstash-url <url>", "keep the ledger on Upstash").argParser(httpUrl))
      .addOption(new Option("--upstash-token <token>", "its token").env("UPSTASH_REDIS_REST_TOKEN"))
      .option("--with-redis", "keep the ledger on a redis-server, which has to be installed")
      .option(
        "--notify-token <text>",
        "secret in the URL for geth's --miner.notify; without it one is made once",
        secret,
      )
      .option("--notify [url]", "tell a webhook what an operator wants to know, or print it here", httpUrl)
      .option("--no-miner", "leave the built-in CPU miner out: point your own at the pool")
      .option("--threads <n>", "threads of the built-in miner", positive, 1)
      .option("--login <address>", "address to mine for", address, "0xb85150eb365e7df0941f0cf08235f987ba91506a")
      .option("--difficulty <hashes>", "share difficulty", positive, 400)
      .option("--block-difficulty <hashes>", "block difficulty of the simulated node", positive, 8_000)
      .addOption(
        new Option("--block-time <duration>", "the simulated chain advances by itself after this long; 0s: never")
          .argParser(waitingTime(0))
          .default(60_000, "60s"),
      )
      .option("--host <ip>", "address to listen on", "127.0.0.1")
      .option("--port <port>", "pool: dashboard, API, WebSocket stratum", port, 8_787)
      .option("--stratum-port <port>", "bridge: TCP stratum for miners", port, 8_008)
      .option("--node-port <port>", "simulated node: JSON-RPC", port, 8_545)
      .option(
        "--state <folder>",
        `where the books and the rest are kept (default: ${SIMULATED}; with --geth ${OWN_NODE})`,
      )
      .option("--fresh", "begin with an empty ledger")
      .option(
        "--for <duration>",
        "stop by itself after this long; exit code 0 only if shares and a block were recorded",
        waitingTime(1),
      )
      .option("--json", "print one JSON object as the last line")
      .addHelpText("after", EXAMPLES)
  );
}

/** A folder each: a real node knows nothing of the simulated one's blocks. */
const [SIMULATED, OWN_NODE] = [".edgepool/state", ".edgepool/geth"];

const ABSENT: Pick<StartOptions, Exclude<Optional, "state">> = {
  geth: null,
  upstashUrl: null,
  upstashToken: null,
  notifyToken: null,
  notify: null,
  withRedis: false,
  fresh: false,
  json: false,
};

/**
 * Reads the command line. Prints help or what is wrong with it and exits, as commander does.
 * @param argv arguments without the program
 */
export function parseStartOptions(argv: readonly string[]): StartOptions {
  const program = startCommand().parse([...argv], { from: "user" });
  const { for: forMs = null, blockTime: blockTimeMs, ...options } = program.opts<Parsed>();
  if (options.upstashUrl !== undefined && options.upstashToken === undefined)
    program.error("error: --upstash-url needs --upstash-token, or UPSTASH_REDIS_REST_TOKEN in the environment");
  if (options.upstashUrl !== undefined && options.withRedis === true)
    program.error("error: --with-redis and --upstash-url are two places for one ledger");
  const state = options.geth === undefined ? SIMULATED : OWN_NODE;
  return { ...ABSENT, state, ...options, forMs, blockTimeMs };
}
