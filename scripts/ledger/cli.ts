/** `npm run -s ledger -- export|import|backup|restore|recover|audit|serve|unresolved|reconcile`: moves the books, checks them, opens them to others, settles what is open. */
import { createReadStream, createWriteStream } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { createInterface } from "node:readline";
import { pipeline } from "node:stream/promises";
import { Command } from "commander";
import { Ethash } from "@edgepool/ethash-wasm";
import { loadKernel } from "@edgepool/ethash-wasm/node";
import { auditBooks } from "../../core/ledger/books/audit.ts";
import { auditWallet, type WalletTerms } from "../../core/ledger/books/audit-wallet.ts";
import type { WorthTerms } from "../../core/ledger/books/audit-worth.ts";
import { DumpError, exportBooks, readDump } from "../../core/ledger/books/dump.ts";
import { importBooks } from "../../core/ledger/books/import.ts";
import { RedisReplyError, RedisUnreachableError } from "../../core/ledger/contract/redis-port.ts";
import { createNodeRpc } from "../../core/work/node-rpc.ts";
import { httpPost } from "../../durable-objects/platform/http-post.ts";
import { AdminError } from "../admin/ask-pool.ts";
import { backupCommand, restoreCommand } from "./backup.ts";
import { openLedger } from "./open-ledger.ts";
import { recoverCommand } from "./recover.ts";
import { serveLedger } from "./serve/serve.ts";
import { listUnresolved, reconcile, settleUnresolved } from "./unresolved.ts";

const HELP = `
A ledger is one of
  https://pool.example/redis       the pool's own embedded ledger (secret REDIS_TOKEN of the pool)
  https://….upstash.io             an Upstash database
  redis://host:6379, rediss://…    a Redis; unix:/path/to/socket works too
A pool is its address, https://pool.example; its secret ADMIN_TOKEN is read from the environment variable of that name.
The token of an https ledger is read from the environment variable LEDGER_TOKEN, never from the command line.
Those of an \`npm start\` on this machine are known without: npm run -s ledger -- audit http://127.0.0.1:8787/redis

Examples
  LEDGER_TOKEN=… npm run -s ledger -- export https://pool.example/redis --out books.jsonl
  npm run -s ledger -- import redis://127.0.0.1:6379 --in books.jsonl
  ADMIN_TOKEN=… LEDGER_TOKEN=… npm run -s ledger -- backup https://pool.example/redis --pool https://pool.example --to backups --every 6h
  LEDGER_TOKEN=… npm run -s ledger -- restore https://new.example/redis --in backups/eth-20261126T220000Z.jsonl.gz
  ADMIN_TOKEN=… LEDGER_TOKEN=… npm run -s ledger -- recover https://pool.example --at 2026-11-27T01:30:00Z --note "the import was wrong"
  ADMIN_TOKEN=… npm run -s ledger -- unresolved list https://pool.example
  ADMIN_TOKEN=… npm run -s ledger -- unresolved credit https://pool.example 2:7 --note "outage of the 3rd"
  npm run -s ledger -- audit redis://127.0.0.1:6379      exit code 1 when something does not add up
  LEDGER_TOKEN=… npm run -s ledger -- serve https://pool.example/redis --port 6379 --write`;

async function exportCommand(where: string, { coin, out }: { coin: string; out?: string }): Promise<void> {
  const ledger = await openLedger(where);
  try {
    if (out === undefined) {
      return await pipeline(exportBooks(ledger.redis, coin), withNewlines, process.stdout, { end: false });
    }
    // Under its own name only when it is whole.
    const partial = `${out}.partial`;
    await writeLines(partial, exportBooks(ledger.redis, coin)).catch(async (error: unknown) => {
      await rm(partial, { force: true });
      throw error;
    });
    await rename(partial, out);
  } finally {
    await ledger.close();
  }
}

async function writeLines(path: string, lines: AsyncIterable<string>): Promise<void> {
  // A file that cannot be opened or is full ends the reading, too, and is this promise's error.
  await pipeline(lines, withNewlines, createWriteStream(path, { mode: 0o600 }));
}

async function* withNewlines(lines: AsyncIterable<string>): AsyncGenerator<string> {
  for await (const line of lines) yield `${line}\n`;
}

async function importCommand(where: string, options: { in?: string; replace?: boolean }): Promise<void> {
  const source = options.in === undefined ? process.stdin : createReadStream(options.in);
  const dump = await readDump(createInterface({ input: source, crlfDelay: Infinity }));
  const ledger = await openLedger(where);
  try {
    const keys = await importBooks(ledger.redis, dump, { replace: options.replace === true });
    process.stdout.write(`${keys} keys of ${dump.coin} written and read back\n`);
  } finally {
    await ledger.close();
  }
}

interface AuditOptions {
  readonly coin: string;
  readonly json?: boolean;
  readonly difficulty?: string;
  readonly networkDifficulty: string;
  readonly node?: string;
  readonly wallet?: readonly string[];
  readonly payments: string;
}

/** The chain, where the operator names a node of it. @throws DumpError */
function walletTerms({ node, wallet = [], payments }: AuditOptions): WalletTerms | null {
  if (node === undefined) return null;
  if (!/^https?:\/\//.test(node)) throw new DumpError(`"${node}" is no node; it begins with http:// or https://`);
  const wrong = wallet.find((address) => !/^0x[0-9a-fA-F]{40}$/.test(address));
  if (wallet.length === 0 || wrong !== undefined)
    throw new DumpError(`"${wrong ?? "nothing"}" is no address; --wallet names those that hold the miners' money`);
  if (!/^\d{1,9}$/.test(payments)) throw new DumpError(`"${payments}" is no number of payments`);
  const rpc = createNodeRpc({ name: "node", url: node, timeoutMs: 30_000, secretHeaders: {} }, httpPost);
  return { rpc, wallets: wallet.map((address) => address.toLowerCase()), payments: Number(payments) };
}

/** What the shares of the last heights are worth by, where the operator says it. @throws DumpError */
function worthTerms({ difficulty, networkDifficulty }: AuditOptions): WorthTerms | null {
  if (difficulty === undefined) return null;
  for (const given of [difficulty, networkDifficulty])
    if (!/^[1-9]\d{0,18}$/.test(given))
      throw new DumpError(`"${given}" is no difficulty; a number of hashes is needed`);
  const keccak = Ethash.instantiate(loadKernel());
  return {
    poolDifficulty: BigInt(difficulty),
    classTable: 1,
    networkDifficulty: BigInt(networkDifficulty),
    resultOf: (header, nonce, mixDigest) => keccak.resultOf(header, nonce, mixDigest),
  };
}

async function auditCommand(where: string, options: AuditOptions): Promise<void> {
  const { coin, json } = options;
  const terms = worthTerms(options);
  const ledger = await openLedger(where);
  try {
    const wallet = walletTerms(options);
    const findings = [
      ...(await auditBooks(ledger.redis, coin, terms)),
      ...(wallet === null ? [] : await auditWallet(ledger.redis, coin, wallet)),
    ];
    const ok = findings.every((finding) => finding.ok);
    if (json) process.stdout.write(`${JSON.stringify({ ok, findings })}\n`);
    else
      for (const { ok: fine, check, detail } of findings)
        process.stdout.write(`${fine ? "ok   " : "WRONG"} ${check}: ${detail}\n`);
    if (!ok) process.exitCode = 1;
  } finally {
    await ledger.close();
  }
}

/** What went wrong without a stack: the operator's input or the ledger, not the program. */
function explain(error: unknown): string {
  if (
    error instanceof RedisUnreachableError ||
    error instanceof RedisReplyError ||
    error instanceof DumpError ||
    error instanceof AdminError
  )
    return error.message;
  if (error instanceof Error && "code" in error && typeof error.code === "string") return error.message;
  throw error;
}

const program = new Command("ledger")
  .description("Moves a pool's books between ledgers, and checks them")
  .addHelpText("after", HELP);
program
  .command("export <ledger>")
  .description("write every key of a coin as JSON lines")
  .option("--coin <prefix>", "prefix of the keys", "eth")
  .option("--out <file>", "file to write; standard output without it")
  .action(exportCommand);
program
  .command("import <ledger>")
  .description("write an export into a ledger and read it back")
  .option("--in <file>", "file to read; standard input without it")
  .option("--replace", "delete what the ledger holds of the coin first")
  .action(importCommand);
program
  .command("serve <ledger>")
  .description("a Redis on a port of this machine over a ledger, for open-ethereum-pool's API, unlocker and payouts")
  .option("--port <port>", "port to listen on; 0: any free one", "6379")
  .option("--host <address>", "a loopback address", "127.0.0.1")
  .option(
    "--write",
    "take commands that write; the API of open-ethereum-pool needs it as well, because it purges",
    false,
  )
  .action(serveLedger);
program
  .command("backup <ledger>")
  .description("copy the books into a folder; each copy is restored into memory and audited before it gets its name")
  .option("--coin <prefix>", "prefix of the keys", "eth")
  .requiredOption("--to <folder>", "where the files go")
  .option("--pool <url>", "the pool that writes: paused for the seconds that the copy takes (secret ADMIN_TOKEN)")
  .option("--keep <files>", "older files than so many are deleted", "60")
  .option("--every <duration>", "go on for ever, a copy every so often; one copy without it")
  .option("--r2 <bucket>", "put each file into this bucket too")
  .option("--r2-local <folder>", "with --r2: the R2 that `wrangler dev` keeps in this folder, to try it")
  .action(backupCommand);
program
  .command("restore <ledger>")
  .description("write a backup into an empty ledger, read it back and audit it")
  .requiredOption("--in <file>", "a file of backup, or of export")
  .action(restoreCommand);
program
  .command("recover <pool>")
  .description(
    "the embedded ledger goes back to what it was at a moment of the last 30 days; the pool is paused and stays so",
  )
  .option("--at <time>", "the moment, such as 2026-11-27T01:30:00Z")
  .option("--bookmark <bookmark>", "a state by its bookmark, which a recovery before has named: the way back")
  .requiredOption("--note <text>", "why; kept in a log that is never cut")
  .option("--coin <prefix>", "prefix of the keys", "eth")
  .option("--to <folder>", "where a copy of the books as they are now goes", "backups")
  .action(recoverCommand);
const unresolved = program
  .command("unresolved")
  .description("records that an outage left to you: may be missing from the ledger");
unresolved
  .command("list <pool>")
  .description("what waits for a decision")
  .option("--log", "what was decided, the latest first")
  .option("--json", "one JSON object instead of lines")
  .action(listUnresolved);
for (const action of ["credit", "drop"] as const)
  unresolved
    .command(`${action} <pool> [ids...]`)
    .description(
      action === "credit" ? "write them, unless the ledger still knows the proof of work" : "leave them uncredited",
    )
    .option("--all", "every one that is listed")
    .requiredOption("--note <text>", "why; kept in a log that is never cut")
    .action((pool: string, ids: string[], options: { all?: boolean; note: string }) =>
      settleUnresolved(action, pool, ids, options),
    );
program
  .command("reconcile <pool>")
  .description("after a failover of Redis: send what it acknowledged in the last minute again")
  .action(reconcile);
program
  .command("audit <ledger>")
  .description("recompute every sum that must agree; exit code 1 when one does not")
  .option("--coin <prefix>", "prefix of the keys", "eth")
  .option("--json", "one JSON object instead of lines")
  .option(
    "--difficulty <hashes>",
    "the pool's share difficulty: proves the credits of the last heights from their nonces",
  )
  .option("--node <url>", "a node of the chain: the wallets must have what is owed, and payments must be in the chain")
  .option("--wallet <address...>", "with --node: the accounts that hold the miners' money and pay it")
  .option("--payments <count>", "with --node: how many of the newest payments are looked up", "1000")
  .option("--network-difficulty <hashes>", "where the network's is less than that of some class", "9223372036854775807")
  .action(auditCommand);

try {
  await program.parseAsync();
} catch (error) {
  process.stderr.write(`ledger: ${explain(error)}\n`);
  process.exitCode = 2;
}
