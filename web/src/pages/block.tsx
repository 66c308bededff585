import { Link } from "wouter-preact";
import type { Credits } from "../../../core/api/answers.ts";
import { ago, coinsAligned, count, feeText, percent, rewardCoins } from "../data/format.ts";
import { useLive, type Live } from "../data/live.ts";
import { usePoolFacts, useTicker } from "../data/pool-facts.ts";
import { useNow } from "../data/preferences.ts";
import { StateBadge } from "../ui/block-table.tsx";
import { AddressLink, Downloads, Figure, Figures, Hash, PageTitle, Panel } from "../ui/parts.tsx";
import { Table } from "../ui/table.tsx";

const INTERVAL_MS = 60_000;
/** Rows that are shown at first: of a large pool there are thousands. */
const SHOWN = 100;

/** One block: what it brought, and to whom. */
export function BlockPage({ height, hash }: { height: number; hash: string }) {
  const path = `/api/blocks/${height}/${hash}`;
  const live = useLive<Credits>(path, INTERVAL_MS);
  const explorer = usePoolFacts()?.explorer?.block ?? null;
  if (live.status === 404 && live.data === null) return <UnknownBlock height={height} />;
  const block = live.data;
  const listed =
    block && block.creditsTotal > block.credits.length ? `the ${count(block.credits.length)} largest of ` : "";
  return (
    <>
      <PageTitle title={`Block ${count(height)}`} live={live}>
        {block && <StateBadge block={{ ...block, state: block.immature ? "immature" : "matured" }} />}
      </PageTitle>
      <p class="mb-4 min-w-0 break-all">
        <Hash hash={hash} explorer={explorer} name="Block" whole />
      </p>
      <BlockFigures live={live} />
      <Panel
        title={block ? `Credits (${listed}${count(block.creditsTotal)})` : "Credits"}
        aside={<Downloads json={path} />}
      >
        <CreditTable live={live} />
      </Panel>
    </>
  );
}

function UnknownBlock({ height }: { height: number }) {
  return (
    <>
      <PageTitle title={`Block ${count(height)}`} />
      <p class="mb-4">The lists of blocks no longer show it, or the pool has not found it.</p>
      <Link href="/blocks" class="btn btn-primary">
        Blocks of this pool
      </Link>
    </>
  );
}

function BlockFigures({ live }: { live: Live<Credits> }) {
  const unit = useTicker();
  const now = useNow(5000);
  const block = live.data;
  return (
    <Figures live={live}>
      <Figure
        name="Reward"
        value={block && `${rewardCoins(block.reward)} ${unit}`}
        note={
          block &&
          (block.uncle ? `an uncle of height ${count(block.uncleHeight)}` : "fees of its transactions included")
        }
      />
      <Figure name="Effort" value={block && percent(block.effort, 0)} note="of the work that it should take" />
      <Figure
        name="Pool fee"
        value={block && (block.fee === null ? "not known" : feeText(block.fee))}
        note={block?.scheme && `by ${block.scheme.toUpperCase()}`}
      />
      <Figure
        name="Found"
        value={block && ago(block.timestamp, now)}
        note={
          block?.finder && (
            <>
              by <AddressLink login={block.finder} />
            </>
          )
        }
      />
    </Figures>
  );
}

function CreditTable({ live }: { live: Live<Credits> }) {
  const unit = useTicker();
  const block = live.data;
  const whole = Number(block?.reward ?? 0) / 1e9;
  const rows = (block?.credits ?? []).slice(0, SHOWN).map(({ login, amount }) => ({
    key: login,
    cells: [<AddressLink login={login} />, `${coinsAligned(amount)} ${unit}`, whole > 0 && percent(amount / whole, 2)],
  }));
  return (
    <>
      <Table
        live={live}
        caption="Credits"
        columns={["Address", { title: "Credit", as: "wide" }, "Of the reward"]}
        rows={rows}
        empty="Nobody has been credited for it."
      />
      {block && block.credits.length > SHOWN && (
        <p class="text-muted mt-2 text-sm">The {count(SHOWN)} largest are shown; the rest is in the JSON.</p>
      )}
    </>
  );
}
