import type { Payment } from "../../../core/api/answers.ts";
import { coinsAligned } from "../data/format.ts";
import type { Live } from "../data/live.ts";
import { usePoolFacts, useTicker } from "../data/pool-facts.ts";
import { useNow } from "../data/preferences.ts";
import { AddressLink, Ago, Hash } from "./parts.tsx";
import { Table } from "./table.tsx";

/** Payments, newest first; with the address where they are the pool's and not one login's. @param total how many there are in all */
export function PaymentTable({
  live,
  payments,
  total,
  withAddress,
}: {
  live: Live<unknown>;
  payments: readonly Payment[];
  total: number;
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
      <Hash hash={tx} explorer={explorer} name="Transaction" />,
    ],
  }));
  const transaction = { title: "Transaction", as: "wide" } as const;
  const columns = withAddress
    ? (["Paid", { title: "Address", as: "wide" }, { title: "Amount", as: "wide" }, transaction] as const)
    : (["Paid", { title: "Amount", as: "wide" }, transaction] as const);
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
