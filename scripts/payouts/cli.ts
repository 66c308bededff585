/** `npm run -s payouts -- <pool-url> …`: what is being paid, and what the operator changes. Every change is written down in the pool. */
import { Command } from "commander";
import { AdminError, askPool } from "../admin/ask-pool.ts";

const HELP = `
The token is read from the environment variable ADMIN_TOKEN (the pool's secret of that name), never from the command line.

Examples
  npm run -s payouts -- https://pool.example status          what is under way, what waits and why, the wallet
  npm run -s payouts -- https://pool.example plan            who would be paid by a run that began now
  npm run -s payouts -- https://pool.example show 17         one payment with its transactions
  npm run -s payouts -- https://pool.example pause --note "the fork of the 3rd"
  npm run -s payouts -- https://pool.example resume --note "both nodes are over it"
  npm run -s payouts -- https://pool.example approve 0x… --note "asked the miner"      its next payment passes the caps
  npm run -s payouts -- https://pool.example hold 0x… --note "disputed"                and release
  npm run -s payouts -- https://pool.example cancel 17 --note "…"                      its nonce is used up, the balance comes back
  npm run -s payouts -- https://pool.example resolve 17 --as unpaid --note "…"         where status says that it needs you
  npm run -s payouts -- https://pool.example unlock --note "back to the old payer"     after pause, when nothing is under way`;

interface Options {
  readonly note: string;
  readonly as?: string;
}

function numberOf(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new AdminError(`"${text}" is no payment's number`);
  return Number(text);
}

const program = new Command("payouts")
  .description("Looks at a pool's payments and does with them what only its operator may")
  .argument("<pool>", "the pool's URL, such as https://pool.example")
  .argument("<command>", "status, plan, show, pause, resume, approve, hold, release, cancel, resolve, unlock")
  .argument("[operand]", "a payment's number, or a login")
  .option("--note <text>", "why, for the log: every change needs one", "")
  .option("--as <what>", "resolve: paid or unpaid")
  .addHelpText("after", HELP)
  .action(async (pool: string, command: string, operand: string | undefined, { note, as }: Options) => {
    const change = async (body: object): Promise<void> => await askPool(pool, "payouts", { ...body, note });
    switch (command) {
      case "status":
        return await askPool(pool, "payouts");
      case "plan":
        return await askPool(pool, "payouts/plan");
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
      case "cancel":
        return await change({ kind: command, id: numberOf(operand ?? "") });
      case "resolve":
        return await change({ kind: command, id: numberOf(operand ?? ""), as });
      default:
        throw new AdminError(`"${command}" is no command; see --help`);
    }
  });

try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof AdminError)) throw error;
  process.stderr.write(`payouts: ${error.message}\n`);
  process.exitCode = 2;
}
