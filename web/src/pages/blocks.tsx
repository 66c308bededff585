import type { Blocks } from "../../../core/api/answers.ts";
import { count } from "../data/format.ts";
import { useLive } from "../data/live.ts";
import { BlockTable, stated } from "../ui/block-table.tsx";
import { LuckTable } from "../ui/luck-table.tsx";
import { Downloads, PageTitle, Panel } from "../ui/parts.tsx";

/** Blocks come rarely; half a minute is soon enough. */
const INTERVAL_MS = 30_000;
/** Rows that a table shows at most; the newest ones. */
const SHOWN = 100;

const LISTS = [
  {
    list: "candidates",
    total: "candidatesTotal",
    state: "candidate",
    title: "Candidates",
    empty: "No block is waiting to be confirmed.",
  },
  { list: "immature", total: "immatureTotal", state: "immature", title: "Immature", empty: "No block is maturing." },
  { list: "matured", total: "maturedTotal", state: "matured", title: "Matured", empty: "No block has matured yet." },
] as const;

/** Every block that the pool has found, by what has become of it. */
export function BlocksPage() {
  const live = useLive<Blocks>("/api/blocks", INTERVAL_MS);
  const blocks = live.data;
  return (
    <>
      <PageTitle title="Blocks" live={live}>
        <Downloads json="/api/blocks" csv="/api/blocks.csv" />
      </PageTitle>
      <Panel title="Luck" class="mb-4">
        <LuckTable live={live} luck={blocks?.luck ?? {}} />
      </Panel>
      {LISTS.map(({ list, total, state, title, empty }) => (
        <Panel key={list} title={blocks ? `${title} (${count(blocks[total])})` : title} class="mb-4">
          <BlockTable
            live={live}
            caption={title}
            blocks={stated(blocks?.[list].slice(0, SHOWN) ?? [], state)}
            empty={empty}
            total={blocks?.[total] ?? 0}
          />
        </Panel>
      ))}
    </>
  );
}
