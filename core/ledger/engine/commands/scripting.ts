import { read, type Call, type CommandTable, type Reply } from "../command.ts";
import { NO_SCRIPT, NOT_AN_INTEGER, refuse } from "../errors.ts";
import type { Keyspace } from "../keyspace.ts";
import { countArgument } from "../numbers.ts";
import { RECORD_BLOCK } from "../../contract/scripts/record-block.ts";
import { RECORD_SHARES } from "../../contract/scripts/record-shares.ts";
import type { LedgerScript } from "../../contract/scripts/script.ts";
import { recordBlock } from "../twins/record-block.ts";
import { recordShares } from "../twins/record-shares.ts";

type Twin = (space: Keyspace, keys: readonly string[], argv: readonly string[]) => Reply;

/** The scripts that the embedded ledger runs, each by its native twin; docs/decisions/0004-native-twins-of-the-scripts.md says why there is no Lua. */
const TWINS: readonly (readonly [script: LedgerScript, twin: Twin])[] = [
  [RECORD_SHARES, recordShares],
  [RECORD_BLOCK, recordBlock],
];

const UNKNOWN_SCRIPT = "ERR the embedded ledger runs only the pool's own scripts (record-shares, record-block)";

function run(twin: Twin, { space, args: [, count = "", ...rest] }: Call): Reply {
  const keys = countArgument(count, NOT_AN_INTEGER);
  if (keys > rest.length) throw refuse("ERR Number of keys can't be greater than number of args");
  if (keys < 0) throw refuse("ERR Number of keys can't be negative");
  return twin(space, rest.slice(0, keys), rest.slice(keys));
}

function evaluate(call: Call): Reply {
  const found = TWINS.find(([script]) => script.text === call.args[0]);
  if (!found) throw refuse(UNKNOWN_SCRIPT);
  return run(found[1], call);
}

function evaluateSha(call: Call): Reply {
  const sha1 = (call.args[0] ?? "").toLowerCase();
  const found = TWINS.find(([script]) => script.sha1 === sha1);
  if (!found) throw refuse(NO_SCRIPT);
  return run(found[1], call);
}

function manage({ args: [subcommand = "", ...rest] }: Call): Reply {
  switch (subcommand.toUpperCase()) {
    case "LOAD": {
      const found = TWINS.find(([known]) => known.text === rest[0]);
      if (!found) throw refuse(UNKNOWN_SCRIPT);
      return found[0].sha1;
    }
    case "EXISTS":
      return rest.map((sha1) => (TWINS.some(([known]) => known.sha1 === sha1.toLowerCase()) ? 1 : 0));
    case "FLUSH":
      // There is nothing to forget: the scripts are part of the program.
      return "OK";
    default:
      throw refuse(`ERR unknown subcommand '${subcommand}'. Try SCRIPT HELP.`);
  }
}

// Not marked as writing: the twins open their transaction behind the sweep, which stays also when a batch is refused.
export const SCRIPT_COMMANDS: CommandTable = {
  eval: read(-3, evaluate),
  evalsha: read(-3, evaluateSha),
  script: read(-2, manage),
};
