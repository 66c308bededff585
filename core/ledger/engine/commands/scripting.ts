import { LEDGER_SCRIPTS } from "../../contract/scripts/embedded.ts";
import type { LedgerScript } from "../../contract/scripts/script.ts";
import type { Call, Reply } from "../command.ts";
import { NO_SCRIPT, NOT_AN_INTEGER, refuse } from "../errors.ts";
import type { Keyspace } from "../keyspace.ts";
import { changeSettings } from "../twins/change-settings.ts";
import { execUnchanged } from "../twins/exec-unchanged.ts";
import { foldHashrate } from "../twins/fold-hashrate.ts";
import { closePayment, debitPayment, lockPayments } from "../twins/payments.ts";
import { recordBlock } from "../twins/record-block.ts";
import { recordShares } from "../twins/record-shares.ts";
import { settleOwed } from "../twins/settle-owed.ts";
import { toImmature } from "../twins/to-immature.ts";
import { toMatured } from "../twins/to-matured.ts";
import { toOrphan } from "../twins/to-orphan.ts";
import { trimWindow } from "../twins/trim-window.ts";
import { countArgument } from "../values.ts";

type Twin = (space: Keyspace, keys: readonly string[], argv: readonly string[], run: Call["run"]) => Reply;

/** What the embedded ledger runs in the place of each script; docs/decisions/0004-native-twins-of-the-scripts.md says why there is no Lua. */
const TWINS: Readonly<Record<keyof typeof LEDGER_SCRIPTS, Twin>> = {
  "record-shares": recordShares,
  "record-block": recordBlock,
  "fold-hashrate": foldHashrate,
  "to-immature": toImmature,
  "to-matured": toMatured,
  "to-orphan": toOrphan,
  "settle-owed": settleOwed,
  "exec-unchanged": (_, keys, argv, inner) => execUnchanged(inner, keys, argv),
  "trim-window": trimWindow,
  "lock-payments": lockPayments,
  "debit-payment": debitPayment,
  "close-payment": closePayment,
  "change-settings": changeSettings,
};
const twins = new Map<string, Twin>(Object.entries(TWINS));
const scripts = Object.values(LEDGER_SCRIPTS);

function run(
  script: LedgerScript | undefined,
  unknown: string,
  { space, args: [, count = "", ...rest], run: inner }: Call,
): Reply {
  const twin = twins.get(script?.name ?? "");
  if (!twin) throw refuse(unknown);
  const keys = countArgument(count, NOT_AN_INTEGER);
  if (keys > rest.length) throw refuse("ERR Number of keys can't be greater than number of args");
  if (keys < 0) throw refuse("ERR Number of keys can't be negative");
  return twin(space, rest.slice(0, keys), rest.slice(keys), inner);
}

export function evaluate(call: Call): Reply {
  const names = scripts.map(({ name }) => name).join(", ");
  const script = scripts.find(({ text }) => text === call.args[0]);
  return run(script, `ERR the embedded ledger runs only the pool's own scripts (${names})`, call);
}

export function evaluateSha(call: Call): Reply {
  const wanted = (call.args[0] ?? "").toLowerCase();
  return run(
    scripts.find(({ sha1 }) => sha1 === wanted),
    NO_SCRIPT,
    call,
  );
}
