import type { Payment } from "../../../core/api/answers.ts";
import { coins } from "../data/format.ts";
import type { Live } from "../data/live.ts";
import { usePoolFacts, useTicker } from "../data/pool-facts.ts";
import { useNow } from "../data/preferences.ts";
import { AddressLink, Ago, Hash, Table } from "./parts.tsx";

/** Payments, newest first; with the address where they are the pool's and not one login's. */
export function PaymentTable({
  live,
  payments,
  withAddress,
}: {
  live: Live<unknown>;
  payments: readonly Payment[];
  withAddress: boolean;
}) {
  const now = useNow(5000);
  const unit = useTicker();
  const explorer = usePoolFacts()?.explorer?.transaction ?? null;
  const rows = payments.map(({ address, amount, timestamp, tx }) => (
    <tr key={tx + (address ?? "")}>
      <td>
        <Ago atS={timestamp} nowMs={now} />
      </td>
      {withAddress && <td>{address && <AddressLink login={address} />}</td>}
      <td>{`${coins(amount)} ${unit}`}</td>
      <td>
        <Hash hash={tx} explorer={explorer} name="Transaction" />
      </td>
    </tr>
  ));
  const columns = withAddress ? ["Paid", "Address", "Amount", "Transaction"] : ["Paid", "Amount", "Transaction"];
  return <Table live={live} caption="Payments" columns={columns} rows={rows} empty="Nothing has been paid yet." />;
}
