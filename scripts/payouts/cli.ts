/** `npm run -s payouts -- <pool-url> …`: what is being paid, and what the operator changes. Every change is written down in the pool. */
import { Command } from "commander";
import { DumpError } from "../../core/ledger/books/dump.ts";
import { ImportError, importPending, type ImportTerms } from "../../core/payouts/payer/import-pending.ts";
import { createNodeRpc } from "../../core/work/node-rpc.ts";
import { httpPost } from "../../durable-objects/platform/http-post.ts";
import { AdminError, askPool } from "../admin/ask-pool.ts";
import { openLedger } from "../ledger/open-ledger.ts";
import { mendAll } from "./mend-all.ts";

const HELP = `
The token is read from the environment variable ADMIN_TOKEN (the pool's secret of that name), never from the command line.

Examples
  npm run -s payouts -- https://pool.example status          what is under way, what waits and why, the wallet
  npm run -s payouts -- https://pool.example waiting         all that waits, and why
  npm run -s payouts -- https://pool.example plan            who would be paid by a run that began now
  npm run -s payouts -- https://pool.example audit           every nonce of the account against the chain; audit 100: from that one on
  npm run -s payouts -- https://pool.example show 17         one payment with its transactions
  npm run -s payouts -- https://pool.example pause --note "the fork of the 3rd"
  npm run -s payouts -- https://pool.example resume --note "both nodes are over it"
  npm run -s payouts -- https://pool.example approve 0x… --note "asked the miner"      its next payment passes the caps
  npm run -s payouts -- https://pool.example hold 0x… --note "disputed"                and release
  npm run -s payouts -- https://pool.example cancel 17 --note "…"                      its nonce is used up, the balance comes back
  npm run -s payouts -- https://pool.example resolve 17 --as unpaid --note "…"         where status says that it needs you
  npm run -s payouts -- https://pool.example mend --all --dry-run        after a restored ledger: what it has forgotten
  npm run -s payouts -- https://pool.example mend --all --note "…"       shows that, then writes again what the chain proves of it
  npm run -s payouts -- https://pool.example mend 0x… --note "…"         one login, by the payer's own rows
  npm run -s payouts -- import redis://127.0.0.1:6379 --node http://127.0.0.1:8545 --account 0x…   coming from open-ethereum-pool
  npm run -s payouts -- https://pool.example unlock --note "back to the old payer"     after pause, when nothing is under way`;

interface Options {
  readonly note: string;
  readonly as?: string;
  readonly all?: true;
  readonly dryRun?: true;
}

function numberOf(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new AdminError(`"${text}" is no payment's number`);
  return Number(text);
}

const program = new Command("payouts")
  .description("Looks at a pool's payments and does with them what only its operator may")
  .argument("<pool>", "the pool's URL, such as https://pool.example")
  .argument(
    "<command>",
    "status, waiting, plan, audit, show, pause, resume, approve, hold, release, cancel, resolve, mend, unlock",
  )
  .argument("[operand]", "a payment's number, or a login")
  .option("--note <text>", "why, for the log: every change needs one", "")
  .option("--as <what>", "resolve: paid or unpaid")
  .option("--all", "mend: every login of which the ledger has forgotten what the chain proves")
  .option("--dry-run", "mend --all: only show what would be written")
  .addHelpText("after", HELP)
  .action(async (pool: string, command: string, operand: string | undefined, options: Options) => {
    const { note, as } = options;
    const change = async (body: object): Promise<void> => await askPool(pool, "payouts", { ...body, note });
    switch (command) {
      case "status":
        return await askPool(pool, "payouts");
      case "waiting":
        return await askPool(pool, "payouts/waiting");
      case "plan":
        return await askPool(pool, "payouts/plan");
      case "audit":
        return await askPool(pool, `payouts/audit${operand === undefined ? "" : `?from=${numberOf(operand)}`}`);
      case "show":
        return await askPool(pool, `payouts/${numberOf(operand ?? "")}`);
      case "pause":
      case "resume":
      case "unlock":
        return await change({ kind: command });
      case "approve":
      case "hold":
      case "release":
        return await change({ kind: command, login: operand ?? "" });
      case "mend":
        if (options.all === true) return await mendAll(pool, note, options.dryRun === true);
        return await change({ kind: command, login: operand ?? "" });
      case "cancel":
        return await change({ kind: command, id: numberOf(operand ?? "") });
      case "resolve":
        return await change({ kind: command, id: numberOf(operand ?? ""), as });
      default:
        throw new AdminError(`"${command}" is no command; see --help`);
    }
  });

interface ImportOptions {
  readonly node: string;
  readonly account: string;
  readonly coin: string;
  readonly confirmations: string;
  readonly finalDepth: string;
}

/** Whole numbers and addresses, checked before anything is asked. @throws ImportError */
function importTerms({ node, account, confirmations, finalDepth }: ImportOptions): ImportTerms {
  if (!/^https?:\/\//.test(node)) throw new ImportError(`"${node}" is no node; it begins with http:// or https://`);
  if (!/^0x[0-9a-fA-F]{40}$/.test(account)) throw new ImportError(`"${account}" is no address`);
  if (![confirmations, finalDepth].every((depth) => /^[1-9]\d{0,6}$/.test(depth)))
    throw new ImportError("--confirmations and --final-depth are whole numbers from 1");
  return {
    rpc: createNodeRpc({ name: "node", url: node, timeoutMs: 30_000, secretHeaders: {} }, httpPost),
    account: account.toLowerCase(),
    confirmations: Number(confirmations),
    finalDepth: Number(finalDepth),
    nowS: Math.floor(Date.now() / 1000),
  };
}

program
  .command("import <ledger>")
  .description("end what open-ethereum-pool's payer left pending, by nonce and chain; that pool must be stopped")
  .requiredOption("--node <url>", "JSON-RPC of a node of the chain")
  .requiredOption("--account <address>", "the account that it paid from")
  .option("--coin <prefix>", "prefix of the keys", "eth")
  .option("--confirmations <heights>", "depth at which a payment counts", "20")
  .option("--final-depth <heights>", "depth at which a nonce is used for good", "10000")
  .addHelpText(
    "after",
    "\nA ledger is named as for `npm run -s ledger`; the token of an https ledger is in LEDGER_TOKEN. Run it again while something waits.",
  )
  .action(async (where: string, options: ImportOptions) => {
    const terms = importTerms(options);
    const ledger = await openLedger(where);
    try {
      const imported = await importPending(ledger.redis, options.coin, terms);
      for (const { login, amount, became, why } of imported)
        process.stdout.write(`${became.padEnd(8)} ${login} ${amount} Shannon: ${why}\n`);
      process.stdout.write(`${imported.length} payment(s) were pending; the lock is free\n`);
      if (imported.some(({ became }) => became === "waits")) process.exitCode = 1;
    } finally {
      await ledger.close();
    }
  });

try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof AdminError || error instanceof ImportError || error instanceof DumpError)) throw error;
  process.stderr.write(`payouts: ${error.message}\n`);
  process.exitCode = 2;
}
