import type { Payout } from "../../../core/api/answers.ts";
import { coinsAligned } from "../data/format.ts";
import type { Live } from "../data/live.ts";
import { usePoolFacts, useTicker } from "../data/pool-facts.ts";
import { useNow } from "../data/preferences.ts";
import { AddressLink, Ago, Hash } from "./parts.tsx";
import { Table } from "./table.tsx";

/** What a stage means to whoever waits for the money. */
const STAGES: Readonly<Record<Payout["stage"], { readonly title: string; readonly badge: string }>> = {
  planned: { title: "planned", badge: "badge-info" },
  debited: { title: "to be signed", badge: "badge-info" },
  signed: { title: "signed", badge: "badge-info" },
  sent: { title: "sent", badge: "badge-info" },
  mined: { title: "in a block", badge: "badge-success" },
  reverted: { title: "refused", badge: "badge-error" },
  foreign: { title: "held up", badge: "badge-warning" },
  cancelled: { title: "cancelled", badge: "badge-warning" },
  asking: { title: "held up", badge: "badge-warning" },
  settled: { title: "paid", badge: "badge-success" },
  final: { title: "final", badge: "badge-success" },
  refunded: { title: "back in the balance", badge: "badge-warning" },
  dropped: { title: "not begun", badge: "badge-warning" },
};

/** The ledger says paid, or the balance has it back. */
const ENDED: ReadonlySet<Payout["stage"]> = new Set(["settled", "final", "refunded", "dropped"]);

/** Those that are still on their way, the oldest first. */
export const onTheirWay = (payments: readonly Payout[]): readonly Payout[] =>
  payments.filter(({ stage }) => !ENDED.has(stage)).toReversed();

/** Confirmations by transaction, of those that the payer still knows. */
export const depths = (payments: readonly Payout[]): ReadonlyMap<string, number> =>
  new Map(
    payments.flatMap(({ tx, confirmations }) => (tx === null || confirmations === null ? [] : [[tx, confirmations]])),
  );

/** A stage in words as well as in colour. */
export function Stage({ stage }: { stage: Payout["stage"] }) {
  const { title, badge } = STAGES[stage];
  return <span class={`badge badge-sm ${badge}`}>{title}</span>;
}

const wide = (title: string) => ({ title, as: "wide" }) as const;

/** Payments that are on their way: how far they are, and what they wait for. @param needed confirmations at which one counts */
export function PayoutTable({
  live,
  payments,
  needed,
  withAddress,
}: {
  live: Live<unknown>;
  payments: readonly Payout[];
  needed: number;
  withAddress: boolean;
}) {
  const now = useNow(5000);
  const unit = useTicker();
  const explorer = usePoolFacts()?.explorer?.transaction ?? null;
  const isReasoned = payments.some(({ reason }) => reason !== null);
  const rows = payments.map(({ address, amount, timestamp, stage, tx, confirmations, reason }) => ({
    key: `${address}${timestamp}`,
    cells: [
      <Ago atS={timestamp} nowMs={now} />,
      <Stage stage={stage} />,
      ...(withAddress ? [<AddressLink login={address} />] : []),
      `${coinsAligned(amount)} ${unit}`,
      confirmations !== null && `${confirmations} of ${needed}`,
      tx !== null && <Hash hash={tx} explorer={explorer} name="Transaction" />,
      ...(isReasoned
        ? [reason !== null && <span class="whitespace-normal break-words max-md:wrap-anywhere">{reason}</span>]
        : []),
    ],
  }));
  const columns = [
    "Begun",
    { title: "State", as: "badge" } as const,
    ...(withAddress ? [wide("Address")] : []),
    wide("Amount"),
    "Confirmations",
    wide("Transaction"),
    ...(isReasoned ? [wide("Waits because")] : []),
  ];
  return (
    <Table live={live} caption="On their way" columns={columns} rows={rows} empty="No payment is on its way now." />
  );
}
