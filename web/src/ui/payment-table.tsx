import type { Payment } from "../../../core/api/answers.ts";
import { coinsAligned, count as counted } from "../data/format.ts";
import type { Live } from "../data/live.ts";
import { usePoolFacts, useTicker } from "../data/pool-facts.ts";
import { useNow } from "../data/preferences.ts";
import { AddressLink, Ago, Hash } from "./parts.tsx";
import { Table } from "./table.tsx";

const count = (confirmations: number | undefined) => confirmations !== undefined && counted(confirmations);

/**
 * Payments, newest first; with the address where they are the pool's and not one login's.
 * @param total how many there are in all
 * @param known confirmations by transaction, where they are known
 */
export function PaymentTable({
  live,
  payments,
  total,
  known,
  withAddress,
}: {
  live: Live<unknown>;
  payments: readonly Payment[];
  total: number;
  known: ReadonlyMap<string, number>;
  withAddress: boolean;
}) {
  const now = useNow(5000);
  const unit = useTicker();
  const explorer = usePoolFacts()?.explorer?.transaction ?? null;
  const rows = payments.map(({ address, amount, timestamp, tx }) => ({
    key: tx + (address ?? ""),
    cells: [
      <Ago atS={timestamp} nowMs={now} />,
      ...(withAddress ? [address && <AddressLink login={address} />] : []),
      `${coinsAligned(amount)} ${unit}`,
      ...(known.size > 0 ? [count(known.get(tx))] : []),
      <Hash hash={tx} explorer={explorer} name="Transaction" whole />,
    ],
  }));
  const transaction = { title: "Transaction", as: "wide" } as const;
  const columns = [
    "Paid",
    ...(withAddress ? [{ title: "Address", as: "wide" } as const] : []),
    { title: "Amount", as: "wide" } as const,
    ...(known.size > 0 ? ["Confirmations"] : []),
    transaction,
  ];
  return (
    <Table
      live={live}
      caption="Payments"
      columns={columns}
      rows={rows}
      empty="Nothing has been paid yet."
      total={total}
    />
  );
}
