import type { Blocks, Overview, PoolFacts } from "../../../core/api/answers.ts";
import {
  ago,
  coinsShort,
  count,
  duration,
  feeText,
  hashes,
  hashrate,
  percent,
  plural,
  rewardCoins,
  seconds,
} from "../data/format.ts";
import { useLive, type Live } from "../data/live.ts";
import { useLiveInterval, usePoolFacts, useTicker } from "../data/pool-facts.ts";
import { useNow } from "../data/preferences.ts";
import { BlockTable, stated, type StatedBlock } from "../ui/block-table.tsx";
import { PoolCharts } from "../ui/history-charts.tsx";
import { LuckTable } from "../ui/luck-table.tsx";
import { Ago, Figure, Figures, Missing, PageTitle, Panel } from "../ui/parts.tsx";
import { Table } from "../ui/table.tsx";
import { Round } from "../ui/round.tsx";

/** The list is fetched again when a total changes; this is for what changes without one. */
const BLOCKS_INTERVAL_MS = 120_000;

/** Blocks until every rig makes a new dataset. */
function blocksToEpoch(height: number, { epochLength, ecip1099Block }: PoolFacts): number {
  const length = ecip1099Block !== null && height >= ecip1099Block ? 2 * epochLength : epochLength;
  const next = (Math.floor(height / length) + 1) * length;
  return (ecip1099Block !== null && height < ecip1099Block ? Math.min(next, ecip1099Block) : next) - height;
}

const blocksOf = (overview: Overview) => overview.candidatesTotal + overview.immatureTotal + overview.maturedTotal;

/** The pool at a glance. */
export function OverviewPage() {
  const live = useLive<Overview>("/api/overview", useLiveInterval());
  const overview = live.data;
  const totals = overview ? `${overview.candidatesTotal} ${overview.immatureTotal} ${overview.maturedTotal}` : "";
  const blocks = useLive<Blocks>("/api/blocks", BLOCKS_INTERVAL_MS, totals);
  return (
    <>
      <PageTitle title="Pool" live={live} />
      <OverviewFigures live={live} />
      <Panel title="History" class="mb-4">
        <PoolCharts />
      </Panel>
      <div class="mb-4 grid grid-cols-1 gap-4 lg:grid-cols-2">
        <Panel title="Current round">
          {overview ? (
            <Round
              shares={Number(overview.stats["roundShares"] ?? 0)}
              difficulty={overview.network.difficulty}
              hashrate={overview.hashrate}
            />
          ) : (
            <Missing live={live} />
          )}
        </Panel>
        <Panel title="Luck">
          <LuckTable live={live} luck={overview?.luck ?? {}} />
        </Panel>
      </div>
      <Panel title="Last blocks" class="mb-4">
        <BlockTable
          live={blocks}
          blocks={newest(blocks.data)}
          caption="Last blocks"
          empty="No block has been found yet."
        />
      </Panel>
      <Panel title="Nodes">
        <NodeTable live={live} nodes={overview?.nodes ?? []} />
      </Panel>
    </>
  );
}

/** Until then a hashrate is counted over this long, although nothing was mined for most of it (the API's rule, as the reference's). */
const FILLING_S = 600;

/** What is missing before the hashrate can be believed; null when nothing is. */
export function filling(firstShareS: number, nowMs: number): string | null {
  const sinceS = nowMs / 1000 - firstShareS;
  if (firstShareS === 0 || sinceS >= FILLING_S) return null;
  return `too low still: ${duration(sinceS)} of the first ${duration(FILLING_S)}`;
}

function OverviewFigures({ live }: { live: Live<Overview> }) {
  const now = useNow(1000);
  const overview = live.data;
  const network = overview?.network;
  const found = Number(overview?.stats["lastBlockFound"] ?? 0);
  return (
    <Figures live={live}>
      <Figure
        name="Pool hashrate"
        value={overview && hashrate(overview.hashrate)}
        note={
          overview &&
          (filling(overview.firstShare, now) ??
            (overview.hashrate > 0 &&
              overview.network.difficulty > 0 &&
              `a block in ${duration(overview.network.difficulty / overview.hashrate)} on average`))
        }
      />
      <Figure
        name="Workers online"
        value={overview && count(overview.workersOnline)}
        note={overview && plural(overview.minersOnline, "miner")}
      />
      <Figure
        name="Current effort"
        value={overview && (overview.network.difficulty > 0 ? percent(overview.effort) : "unknown")}
        note="of the work that a block takes"
      />
      <Figure
        name="Last block"
        value={overview && (found ? ago(found, now) : "none yet")}
        note={overview && `${count(blocksOf(overview))} found in all`}
      />
      <Figure
        name="Network hashrate"
        value={network ? known(network.hashrate, hashrate) : null}
        note={network && network.difficulty > 0 && `difficulty ${hashes(network.difficulty)}`}
      />
      <HeightFigure network={network} />
      <TermsFigures reward={network?.reward ?? null} />
    </Figures>
  );
}

const known = (value: number | null, format: (value: number) => string) => (value === null ? "unknown" : format(value));

function HeightFigure({ network }: { network: Overview["network"] | undefined }) {
  const facts = usePoolFacts();
  const next = network && network.height > 0 && facts ? blocksToEpoch(network.height, facts) : null;
  const inTime = next !== null && network?.blockTime ? ` (${duration(next * network.blockTime)})` : "";
  return (
    <Figure
      name="Height"
      value={network ? (network.height > 0 ? count(network.height) : "unknown") : null}
      note={
        network && (
          <>
            {network.blockTime !== null && `a block in ${seconds(network.blockTime)}; `}
            {next !== null && `next epoch in ${plural(next, "block")}${inTime}`}
          </>
        )
      }
    />
  );
}

/** What the pool keeps and how it shares out. @param reward of a block of now, Wei */
function TermsFigures({ reward }: { reward: string | null }) {
  const facts = usePoolFacts();
  const unit = useTicker();
  return (
    <>
      <Figure
        name="Pool fee"
        value={facts && (facts.poolFee === null ? "not set" : feeText(facts.poolFee))}
        note={facts && (facts.scheme === null ? "this pool credits nobody itself" : schemeText(facts))}
      />
      {facts?.payoutThreshold ? (
        <Figure
          name="Minimum payout"
          value={`${coinsShort(facts.payoutThreshold)} ${unit}`}
          note={reward !== null && `a block pays ${rewardCoins(reward)} ${unit}`}
        />
      ) : (
        <Figure
          name="Block reward"
          value={reward === null ? facts && "unknown" : `${rewardCoins(reward)} ${unit}`}
          note="and the fees of its transactions"
        />
      )}
    </>
  );
}

function schemeText(facts: PoolFacts): string {
  return facts.soloFee === null
    ? sharingText(facts)
    : `${sharingText(facts)}; solo on request: ${feeText(facts.soloFee)}`;
}

function sharingText({ scheme, pplnsWindow }: PoolFacts): string {
  if (scheme === "pplns") return `PPLNS, the last ${pplnsWindow ?? "?"} × difficulty`;
  return scheme === "solo" ? "solo: the finder gets it" : "PROP: by shares in the round";
}

/** The ten newest, whatever has become of them. */
function newest(blocks: Blocks | null): StatedBlock[] {
  if (!blocks) return [];
  const all = [
    ...stated(blocks.candidates, "candidate"),
    ...stated(blocks.immature, "immature"),
    ...stated(blocks.matured, "matured"),
  ];
  return all.toSorted((a, b) => b.height - a.height || b.timestamp - a.timestamp).slice(0, 10);
}

function NodeTable({ live, nodes }: { live: Live<unknown>; nodes: Overview["nodes"] }) {
  const now = useNow(1000);
  const rows = nodes.map(({ name, height, difficulty, lastBeat }) => ({
    key: name ?? "",
    cells: [
      name,
      count(Number(height ?? 0)),
      hashes(Number(difficulty ?? 0)),
      lastBeat ? <Ago atS={Number(lastBeat)} nowMs={now} /> : "never",
    ],
  }));
  return (
    <Table
      live={live}
      caption="Nodes"
      columns={["Node", "Height", "Difficulty", "Last heard"]}
      rows={rows}
      empty="No node has reported yet."
    />
  );
}
