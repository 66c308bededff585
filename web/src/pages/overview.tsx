import type { Blocks, Overview, PoolFacts } from "../../../core/api/answers.ts";
import { ago, count, duration, hashes, hashrate } from "../data/format.ts";
import { useLive, type Live } from "../data/live.ts";
import { useLiveInterval, usePoolFacts } from "../data/pool-facts.ts";
import { useNow } from "../data/preferences.ts";
import { BlockTable, stated, type StatedBlock } from "../ui/block-table.tsx";
import { PoolCharts } from "../ui/history-charts.tsx";
import { LuckTable } from "../ui/luck-table.tsx";
import { Ago, Figure, Figures, Missing, PageTitle, Panel, Table } from "../ui/parts.tsx";
import { Round } from "../ui/round.tsx";

/** The list is fetched again when a total changes; this is for what changes without one. */
const BLOCKS_INTERVAL_MS = 120_000;

/** The network's difficulty as the best node tells it; 0 while no node has told. */
function networkOf(overview: Overview | null): { height: number; difficulty: number } {
  const nodes = (overview?.nodes ?? []).map(({ height, difficulty }) => ({
    height: Number(height ?? 0),
    difficulty: Number(difficulty ?? 0),
  }));
  return nodes.toSorted((a, b) => b.height - a.height)[0] ?? { height: 0, difficulty: 0 };
}

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
  const network = networkOf(overview);
  return (
    <>
      <PageTitle title="Pool" live={live} />
      <OverviewFigures live={live} network={network} />
      <Panel title="History" class="mb-4">
        <PoolCharts />
      </Panel>
      <div class="mb-4 grid gap-4 lg:grid-cols-2">
        <Panel title="Current round">
          {overview ? (
            <Round
              shares={Number(overview.stats["roundShares"] ?? 0)}
              difficulty={network.difficulty}
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
  return `too low still: ${duration(sinceS)} of the first 10 min`;
}

function OverviewFigures({ live, network }: { live: Live<Overview>; network: ReturnType<typeof networkOf> }) {
  const now = useNow(1000);
  const facts = usePoolFacts();
  const overview = live.data;
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
              network.difficulty > 0 &&
              `a block in ${duration(network.difficulty / overview.hashrate)} on average`))
        }
      />
      <Figure
        name="Workers online"
        value={overview && count(overview.workersOnline)}
        note={overview && `${count(overview.minersOnline)} ${overview.minersOnline === 1 ? "miner" : "miners"}`}
      />
      <Figure
        name="Network difficulty"
        value={overview && hashes(network.difficulty)}
        note={
          network.height > 0 &&
          `height ${count(network.height)}${facts ? `, next epoch in ${count(blocksToEpoch(network.height, facts))} blocks` : ""}`
        }
      />
      <Figure
        name="Last block"
        value={overview && (found ? ago(found, now) : "none yet")}
        note={overview && `${count(blocksOf(overview))} found in all`}
      />
    </Figures>
  );
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
  const rows = nodes.map(({ name, height, difficulty, lastBeat }) => (
    <tr key={name}>
      <th scope="row">{name}</th>
      <td>{count(Number(height ?? 0))}</td>
      <td>{hashes(Number(difficulty ?? 0))}</td>
      <td>{lastBeat ? <Ago atS={Number(lastBeat)} nowMs={now} /> : "never"}</td>
    </tr>
  ));
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
