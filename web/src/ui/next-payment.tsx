import type { AccountPayout } from "../../../core/api/answers.ts";
import { coins, coinsShort, inTime, moment } from "../data/format.ts";
import type { Live } from "../data/live.ts";
import { useTicker } from "../data/pool-facts.ts";
import { useNow } from "../data/preferences.ts";
import { Figure, Figures } from "./parts.tsx";

/** When a miner is paid next, how much, and what is missing to it. */
export function NextPayment({ live }: { live: Live<AccountPayout> }) {
  const unit = useTicker();
  const now = useNow(5000);
  const payout = live.data;
  const isDue = payout !== null && payout.missing === 0;
  return (
    <Figures live={live}>
      <Figure
        name="Next payment"
        value={payout && (payout.expected === null ? "unknown" : inTime(payout.expected, now))}
        note={payout && whenNote(payout)}
      />
      <Figure
        name="Amount"
        value={payout && `${coinsShort(isDue ? payout.balance : payout.threshold)} ${unit}`}
        note={payout && (isDue ? "all of the balance" : "or a little more: all of the balance then")}
      />
      <Figure
        name="Missing"
        value={payout && (isDue ? "nothing" : `${coinsShort(payout.missing)} ${unit}`)}
        note={payout && `paid above ${coins(payout.threshold)} ${unit}`}
      />
    </Figures>
  );
}

function whenNote({ paused, reason, expected, missing }: AccountPayout): string {
  if (paused !== null) return `payments are paused: ${paused}`;
  if (reason !== null) return reason;
  if (expected === null) return "at this hashrate nobody can tell";
  return missing === 0 ? moment(expected) : `${moment(expected)}, by the estimate a day`;
}
