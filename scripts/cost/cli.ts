/** `npm run cost -- --miners 500 --rigs 1500`: what a month of a pool costs, line by line, and how it grows. */
import { Command, InvalidArgumentError, Option } from "commander";
import { writeFile } from "node:fs/promises";
import { chartOf } from "./chart.ts";
import { behaviourBefore, behaviourOf, billOf, type LedgerKind, type PoolSize } from "./model.ts";
import { PRICES_OF } from "./prices.ts";

const atLeast = (least: number) => (text: string) => {
  const value = Number(text);
  if (!(value >= least)) throw new InvalidArgumentError(`a number from ${least} on`);
  return value;
};

const part = (text: string) => {
  const value = atLeast(0)(text);
  if (value > 1) throw new InvalidArgumentError("a number from 0 to 1");
  return value;
};

const LEDGERS: readonly LedgerKind[] = ["embedded", "upstash", "upstash-payg", "redis"];

interface Options extends Omit<PoolSize, "shareIntervalS" | "blockTimeS"> {
  readonly shareInterval: number;
  readonly blockTime: number;
  readonly chart?: string;
}

const usd = (value: number): string => `$${value.toFixed(2)}`.padStart(11);

new Command("cost")
  .description("What a month of a pool costs, computed from what its parts do in a second")
  .option("--miners <number>", "logins", atLeast(1), 20)
  .option("--rigs <number>", "connections of all of them", atLeast(1), 40)
  .option("--share-interval <seconds>", "between two shares of a rig; vardiff aims at 30", atLeast(0.1), 30)
  .option("--block-time <seconds>", "of the chain", atLeast(1), 13)
  .addOption(new Option("--ledger <kind>", "where the books are").choices(LEDGERS).default("upstash"))
  .option("--shards <number>", "verifier.shards", atLeast(1), 1)
  .option("--no-notify", "the nodes are only polled")
  .option("--viewers <number>", "pages that are open on average", atLeast(0), 1)
  .option("--unclaimed <part>", "of the shares, what claims no mix digest (EthereumStratum/1), 0 to 1", part, 0)
  .option("--chart <file.svg>", "writes the bill over the number of rigs as a chart")
  .addHelpText(
    "after",
    `
Examples
  npm run -s cost -- --miners 20 --rigs 40
  npm run -s cost -- --miners 500 --rigs 1500 --ledger embedded
  npm run -s cost -- --miners 10000 --rigs 40000 --chart bill.svg`,
  )
  .action(async ({ shareInterval, blockTime, chart, ...rest }: Options) => {
    const size: PoolSize = { ...rest, shareIntervalS: shareInterval, blockTimeS: blockTime };
    const [before, now] = [
      billOf({ ...size, shards: Math.max(4, size.shards) }, behaviourBefore({ ...size, shards: 4 })),
      billOf(size, behaviourOf(size)),
    ];
    console.log(
      `${size.miners} miners, ${size.rigs} rigs, a share every ${size.shareIntervalS} s a rig; prices of ${PRICES_OF}\n`,
    );
    console.log(`${"".padEnd(32)}${"before".padStart(11)}${"now".padStart(11)}`);
    for (const [at, { name, usd: value }] of now.lines.entries())
      console.log(`${name.padEnd(32)}${usd(before.lines[at]?.usd ?? 0)}${usd(value)}`);
    console.log(`${"a month".padEnd(32)}${usd(before.totalUsd)}${usd(now.totalUsd)}`);
    if (chart !== undefined) await writeFile(chart, await chartOf(size));
  })
  .parse();
