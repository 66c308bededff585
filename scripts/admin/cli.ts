/** `npm run -s admin -- <pool-url> …`: what the operator changes in a running pool. Every change is written down there, for good. */
import { Command } from "commander";
import { AdminError, askPool } from "./ask-pool.ts";

const HELP = `
The token is read from the environment variable ADMIN_TOKEN (the pool's secret of that name), never from the command line.
That of an \`npm start\` on this machine is known without.

Examples
  npm run -s admin -- https://pool.example state
  npm run -s admin -- https://pool.example bans
  npm run -s admin -- https://pool.example ban 192.0.2.7 --for 12h --note "scans the API"
  npm run -s admin -- https://pool.example lift 192.0.2.7 --login 0x… --note "its rig is mended"
  npm run -s admin -- https://pool.example whitelist add 198.51.100.0 --note "the farm at Malmö"
  npm run -s admin -- https://pool.example pause --note "the books move to Upstash"
  npm run -s admin -- https://pool.example resume --note "they are there"
  npm run -s admin -- https://pool.example notify
  npm run -s admin -- https://pool.example notify test ops --note "is the new channel right?"
  npm run -s admin -- https://pool.example audit

Shares whose fate is open: npm run -s ledger -- unresolved --help`;

interface Why {
  readonly note?: string;
  readonly login?: string;
  readonly for?: string;
}

const program = new Command("admin")
  .description("Looks at a running pool and changes what only its operator may")
  .argument("<pool>", "the pool's URL, such as https://pool.example")
  .argument("<command>", "state, bans, ban, lift, blacklist, whitelist, lists, pause, resume, notify, audit")
  .argument(
    "[operands...]",
    "a client for ban and lift; add or remove and an address or login for the lists; test and a target for notify",
  )
  .option("--login <login>", "only this login: of a ban, of a pause")
  .option("--for <time>", "how long a ban lasts", "24h")
  .option("--note <text>", "why, for the log: every change needs one")
  .option("--before <id>", "audit: entries older than this one")
  .addHelpText("after", HELP)
  .action(async (pool: string, command: string, operands: string[], options: Why & { readonly before?: string }) => {
    const { login = null, note = "" } = options;
    const [first = "", second = ""] = operands;
    const ask = async (path: string, body?: unknown): Promise<void> => await askPool(pool, path, body);
    switch (command) {
      case "state":
      case "bans":
      case "lists":
        return await ask(command);
      case "audit":
        return await ask(options.before === undefined ? "audit" : `audit?before=${encodeURIComponent(options.before)}`);
      case "ban":
        return await ask("bans", { action: "add", client: first, login, for: options.for, note });
      case "lift":
        return await ask("bans", { action: "lift", client: first, login, note });
      case "blacklist":
      case "whitelist":
        return await ask("lists", { list: command, action: first, who: second, note });
      case "pause":
      case "resume":
        return await ask("pause", { paused: command === "pause", login, note });
      case "notify":
        if (first === "") return await ask("notifications");
        if (first !== "test") throw new AdminError(`"notify ${first}" is no command; see --help`);
        return await ask("notifications/test", { target: second || null, note });
      default:
        throw new AdminError(`"${command}" is no command; see --help`);
    }
  });

try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof AdminError)) throw error;
  process.stderr.write(`admin: ${error.message}\n`);
  process.exitCode = 2;
}
