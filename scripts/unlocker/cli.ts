/** `npm run -s unlocker -- replay|book-fallen`: checks what a chain paid an account; takes back what a block brought that fell out of the chain. */
import { Command, InvalidArgumentError } from "commander";
import { bookFallen } from "../../core/payouts/book-fallen.ts";
import { createChainNode } from "../../core/payouts/chain-node.ts";
import { PayoutBooks } from "../../core/payouts/payout-books.ts";
import { replay } from "../../core/payouts/replay.ts";
import { rewardRulesOf } from "../../core/payouts/reward-schedule.ts";
import { createNodeRpc } from "../../core/work/node-rpc.ts";
import { httpPost } from "../../durable-objects/platform/http-post.ts";
import { openLedger } from "../ledger/open-ledger.ts";

const EXAMPLE = `
Block by block, balance(n) - balance(n - 1) of the account is compared with rewards + what came in - what went out. The node must
have the state of these blocks: --gcmode archive, or the last 128. Exit code 1 when a block is not explained to the Wei.

Example
  npm run -s unlocker -- replay --from 1 --to 1000 --node http://127.0.0.1:8545 --etherbase 0x… --chain classic`;

function height(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError("a height is a whole number from 1");
  return value;
}

function address(text: string): string {
  if (!/^0x[0-9a-fA-F]{40}$/.test(text)) throw new InvalidArgumentError("an address is 0x and 40 hex digits");
  return text.toLowerCase();
}

function nodeUrl(text: string): string {
  if (!/^https?:\/\//.test(text) || !URL.canParse(text))
    throw new InvalidArgumentError("an http:// or https:// URL is needed");
  return text;
}

function blockHash(text: string): string {
  if (!/^0x[0-9a-fA-F]{64}$/.test(text)) throw new InvalidArgumentError("a block hash is 0x and 64 hex digits");
  return text.toLowerCase();
}

interface FallenArguments {
  readonly height: number;
  readonly hash: string;
  readonly coin: string;
}

async function bookFallenCommand(where: string, { height: at, hash, coin }: FallenArguments): Promise<void> {
  const ledger = await openLedger(where);
  try {
    const books = new PayoutBooks(ledger.redis, coin);
    const result = await bookFallen(books, at, hash, Math.floor(Date.now() / 1000));
    if (result.kind === "done")
      process.stdout.write(`block ${at} is an orphan now, and what it brought is taken back\n`);
    else {
      const why = result.kind === "gone" ? "no matured block of that height and hash is listed" : result.reason;
      process.stderr.write(`unlocker: nothing was booked: ${why}\n`);
      process.exitCode = 1;
    }
  } finally {
    await ledger.close();
  }
}

interface ReplayArguments {
  readonly from: number;
  readonly to: number;
  readonly node: string;
  readonly etherbase: string;
  readonly chain: string;
}

async function replayCommand({ from, to, node: url, etherbase, chain }: ReplayArguments): Promise<void> {
  const rules = rewardRulesOf(chain);
  if (rules === undefined) throw new Error(`chain: found ${chain}, allowed: classic, mordor, ethereum or ethereum-pow`);
  const rpc = createNodeRpc({ name: "node", url, timeoutMs: 30_000, secretHeaders: {} }, httpPost);
  const node = createChainNode("node", rpc);
  let [blocks, earned, wrong] = [0, 0n, 0];
  for await (const block of replay({ rpc, node, rules, etherbase, from, to })) {
    blocks += 1;
    earned += block.earnedWei;
    if (block.unexplainedWei === 0n) continue;
    wrong += 1;
    const { height: at, earnedWei, receivedWei, spentWei, movedWei, unexplainedWei } = block;
    process.stdout.write(
      `WRONG block ${at}: the balance moved by ${movedWei} Wei, explained are ${earnedWei} + ${receivedWei} - ${spentWei}; ${unexplainedWei} are not\n`,
    );
  }
  process.stdout.write(
    `${blocks} blocks, ${earned} Wei earned, ${wrong === 0 ? "every block to the Wei" : `${wrong} blocks not explained`}\n`,
  );
  if (wrong > 0) process.exitCode = 1;
}

const program = new Command("unlocker").description("Tools around the unlocker");
program
  .command("replay")
  .description("compare what a chain paid an account with the account's balance, block by block")
  .requiredOption("--from <height>", "first block", height)
  .requiredOption("--to <height>", "last block", height)
  .requiredOption("--node <url>", "JSON-RPC of a node that has the state of these blocks", nodeUrl)
  .requiredOption("--etherbase <address>", "the account", address)
  .option("--chain <name>", "whose rewards: classic, mordor, ethereum, ethereum-pow", "classic")
  .addHelpText("after", EXAMPLE)
  .action(replayCommand);

program
  .command("book-fallen <ledger>")
  .description(
    "a matured block is no longer in the chain (/health names it): make it an orphan and take back what it brought",
  )
  .requiredOption("--height <height>", "the block's height as it is listed", height)
  .requiredOption("--hash <hash>", "its hash", blockHash)
  .option("--coin <prefix>", "prefix of the keys", "eth")
  .addHelpText(
    "after",
    "\nA ledger is named as for `npm run -s ledger`; the token of an https ledger is in LEDGER_TOKEN.",
  )
  .action(bookFallenCommand);

try {
  await program.parseAsync();
} catch (error) {
  process.stderr.write(`unlocker: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
}
