import type { Luck } from "../../../core/api/answers.ts";
import { count, percent } from "../data/format.ts";
import type { Live } from "../data/live.ts";
import { Table } from "./table.tsx";

/** Luck over the last blocks. Below 100 % blocks came sooner than their difficulty says. */
export function LuckTable({ live, luck }: { live: Live<unknown>; luck: Readonly<Record<string, Luck>> }) {
  const rows = Object.entries(luck)
    .filter(([blocks]) => Number(blocks) > 0)
    .map(([blocks, { luck: effort, uncleRate, orphanRate }]) => ({
      key: blocks,
      cells: [
        count(Number(blocks)),
        <span class={`font-semibold ${effort <= 1 ? "text-success" : "text-warning"}`}>{percent(effort)}</span>,
        percent(uncleRate),
        percent(orphanRate),
      ],
    }));
  return (
    <>
      <Table
        live={live}
        caption="Luck"
        columns={["Last blocks", "Effort", "Uncles", "Orphans"]}
        rows={rows}
        narrow
        empty="Luck is known once blocks have been confirmed."
      />
      <p class="text-muted mt-2 text-sm">
        Effort is the work that a block took, of the work that it should take: less is luckier.
      </p>
    </>
  );
}
