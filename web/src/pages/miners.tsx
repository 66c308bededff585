import { useMemo, useState } from "preact/hooks";
import type { Miners } from "../../../core/api/answers.ts";
import { hashrate, plural } from "../data/format.ts";
import { useLive } from "../data/live.ts";
import { useLiveInterval, useWindows } from "../data/pool-facts.ts";
import { useNow } from "../data/preferences.ts";
import { AddressLink, Ago, Choice, OnlineBadge, PageTitle, Panel } from "../ui/parts.tsx";
import { Table } from "../ui/table.tsx";
import { filling } from "./overview.tsx";

const PAGE_SIZE = 50;
const FILTERS = [
  { value: "all", label: "All" },
  { value: "online", label: "Online" },
  { value: "offline", label: "Offline" },
] as const;
type Filter = (typeof FILTERS)[number]["value"];

/** Everyone with a share in the time that a hashrate is counted over, strongest first. */
export function MinersPage() {
  const live = useLive<Miners>("/api/miners", useLiveInterval());
  const [filter, setFilter] = useState<Filter>("all");
  const [page, setPage] = useState(0);
  const { small } = useWindows();
  const now = useNow(5000);
  const tooLow = filling(live.data?.firstShare ?? 0, now) ?? "";
  const miners = useMemo(
    () => Object.entries(live.data?.miners ?? {}).toSorted(([, a], [, b]) => b.hr - a.hr),
    [live.data],
  );
  const shown = miners.filter(([, { offline }]) => filter === "all" || offline === (filter === "offline"));
  const last = Math.max(0, Math.ceil(shown.length / PAGE_SIZE) - 1);
  const first = Math.min(page, last) * PAGE_SIZE;
  const rows = shown.slice(first, first + PAGE_SIZE).map(([login, { hr, lastBeat, offline }]) => ({
    key: login,
    cells: [
      <AddressLink login={login} />,
      <OnlineBadge offline={offline} />,
      hashrate(hr),
      <Ago atS={lastBeat} nowMs={now} />,
    ],
  }));
  return (
    <>
      <PageTitle title="Miners" live={live} />
      <Panel
        title={
          live.data
            ? `${plural(live.data.minersTotal, "miner")} with a share in the last ${small}, ${hashrate(live.data.hashrate)} together${tooLow && ` (${tooLow})`}`
            : "Miners"
        }
        aside={<Choice name="Which miners" options={FILTERS} value={filter} onChange={setFilter} />}
      >
        <Table
          live={live}
          caption="Miners"
          columns={["Address", { title: "State", as: "badge" }, "Hashrate", "Last share"]}
          rows={rows}
          empty={filter === "all" ? `Nobody has sent a share in the last ${small}.` : "Nobody to show here."}
        />
        {last > 0 && <Pages page={first / PAGE_SIZE} last={last} onChange={setPage} />}
      </Panel>
    </>
  );
}

function Pages({ page, last, onChange }: { page: number; last: number; onChange: (page: number) => void }) {
  return (
    <nav aria-label="Pages of miners" class="mt-3 flex items-center justify-center gap-3 text-sm">
      <button type="button" class="btn btn-sm" disabled={page === 0} onClick={() => onChange(page - 1)}>
        Previous
      </button>
      <span class="figures">
        {page + 1} of {last + 1}
      </span>
      <button type="button" class="btn btn-sm" disabled={page === last} onClick={() => onChange(page + 1)}>
        Next
      </button>
    </nav>
  );
}
