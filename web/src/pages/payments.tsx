import type { Payments } from "../../../core/api/answers.ts";
import { count } from "../data/format.ts";
import { useLive } from "../data/live.ts";
import { Downloads, PageTitle, Panel } from "../ui/parts.tsx";
import { PaymentTable } from "../ui/payment-table.tsx";

const INTERVAL_MS = 60_000;

/** What the pool has paid. */
export function PaymentsPage() {
  const live = useLive<Payments>("/api/payments", INTERVAL_MS);
  return (
    <>
      <PageTitle title="Payments" live={live} />
      <Panel
        aside={<Downloads json="/api/payments" csv="/api/payments.csv" />}
        title={live.data ? `${count(live.data.paymentsTotal)} in all` : "Payments"}
      >
        <PaymentTable
          live={live}
          payments={live.data?.payments ?? []}
          total={live.data?.paymentsTotal ?? 0}
          withAddress
        />
      </Panel>
    </>
  );
}
