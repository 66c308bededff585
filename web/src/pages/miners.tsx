import { useMemo } from "preact/hooks";
import type { Miners } from "../../../core/api/answers.ts";
import { hashrate, plural } from "../data/format.ts";
import { useLive } from "../data/live.ts";
import { useLiveInterval, useWindows } from "../data/pool-facts.ts";
import { useNow } from "../data/preferences.ts";
import { AddressLink, Ago, OnlineBadge, PageTitle, Panel } from "../ui/parts.tsx";
import { useShownRows } from "../ui/shown-rows.tsx";
import { Table } from "../ui/table.tsx";
import { filling } from "./overview.tsx";

/** Everyone with a share in the time that a hashrate is counted over, strongest first. */
export function MinersPage() {
  const live = useLive<Miners>("/api/miners", useLiveInterval());
  const { small } = useWindows();
  const now = useNow(5000);
  const tooLow = filling(live.data?.firstShare ?? 0, now) ?? "";
  const miners = useMemo(
    () => Object.entries(live.data?.miners ?? {}).toSorted(([, a], [, b]) => b.hr - a.hr),
    [live.data],
  );
  const { shown, isWhole, filter, pager } = useShownRows(miners, "miners");
  const rows = shown.map(([login, { hr, lastBeat, offline }]) => ({
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
        aside={filter}
      >
        <Table
          live={live}
          caption="Miners"
          columns={["Address", { title: "State", as: "badge" }, "Hashrate", "Last share"]}
          rows={rows}
          empty={isWhole ? `Nobody has sent a share in the last ${small}.` : "Nobody to show here."}
        />
        {pager}
      </Panel>
    </>
  );
}
