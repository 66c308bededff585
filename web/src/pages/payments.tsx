import type { ComponentChildren } from "preact";
import type { Payments, Payouts } from "../../../core/api/answers.ts";
import { count, inTime } from "../data/format.ts";
import { useLive } from "../data/live.ts";
import { usePoolFacts } from "../data/pool-facts.ts";
import { useNow } from "../data/preferences.ts";
import { Downloads, PageTitle, Panel } from "../ui/parts.tsx";
import { PaymentTable } from "../ui/payment-table.tsx";
import { depths, onTheirWay, PayoutTable } from "../ui/payout-table.tsx";

const INTERVAL_MS = 60_000;
const PAYOUTS_INTERVAL_MS = 15_000;

/** What the pool has paid, and what is on its way. */
export function PaymentsPage() {
  const facts = usePoolFacts();
  // A pool that pays nobody itself has none on their way: it is not asked before that is known.
  return facts === null || facts.payoutThreshold === null ? <Paid known={new Map()} /> : <PaidAndOpen />;
}

function PaidAndOpen() {
  const live = useLive<Payouts>("/api/payments/open", PAYOUTS_INTERVAL_MS);
  const now = useNow(5000);
  const payments = live.data?.payments ?? [];
  const open = onTheirWay(payments);
  return (
    <Paid known={depths(payments)}>
      <Panel
        title={live.data && open.length > 0 ? `On their way (${count(open.length)})` : "On their way"}
        class="mb-4"
        aside={<Downloads json="/api/payments/open" />}
      >
        <PayoutTable live={live} payments={open} needed={live.data?.confirmations ?? 0} withAddress />
        {live.data && (
          <p class="text-muted mt-2 text-sm">
            {live.data.paused === null
              ? `Payments are begun again ${inTime(live.data.nextRun, now)}; one counts when it is ${count(live.data.confirmations)} blocks deep.`
              : `Payments are paused: ${live.data.paused}.`}
          </p>
        )}
      </Panel>
    </Paid>
  );
}

function Paid({ known, children }: { known: ReadonlyMap<string, number>; children?: ComponentChildren }) {
  const live = useLive<Payments>("/api/payments", INTERVAL_MS);
  return (
    <>
      <PageTitle title="Payments" live={live} />
      {children}
      <Panel
        aside={<Downloads json="/api/payments" csv="/api/payments.csv" />}
        title={live.data ? `Paid (${count(live.data.paymentsTotal)} in all)` : "Paid"}
      >
        <PaymentTable
          live={live}
          payments={live.data?.payments ?? []}
          total={live.data?.paymentsTotal ?? 0}
          known={known}
          withAddress
        />
      </Panel>
    </>
  );
}
