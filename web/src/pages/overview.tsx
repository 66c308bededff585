import type { Blocks, Overview } from "../../../core/api/answers.ts";
import { ago, count, duration, hashes, hashrate } from "../data/format.ts";
import { useLive } from "../data/live.ts";
import { useLiveInterval } from "../data/pool-facts.ts";
import { useNow } from "../data/preferences.ts";
import { BlockTable, stated, type StatedBlock } from "../ui/block-table.tsx";
import { PoolCharts } from "../ui/history-charts.tsx";
import { LuckTable } from "../ui/luck-table.tsx";
import { Ago, Figure, Figures, PageTitle, Panel, Table } from "../ui/parts.tsx";
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

const blocksOf = (overview: Overview) => overview.candidatesTotal + overview.immatureTotal + overview.maturedTotal;

/** The pool at a glance. */
export function OverviewPage() {
  const live = useLive<Overview>("/api/overview", useLiveInterval());
  const overview = live.data;
  const totals = overview ? `${overview.candidatesTotal} ${overview.immatureTotal} ${overview.maturedTotal}` : "";
  const blocks = useLive<Blocks>("/api/blocks", BLOCKS_INTERVAL_MS, totals).data;
  const network = networkOf(overview);
  return (
    <>
      <PageTitle title="Pool" live={live} />
      <OverviewFigures overview={overview} network={network} />
      <Panel title="History" class="mb-4">
        <PoolCharts />
      </Panel>
      <div class="mb-4 grid gap-4 lg:grid-cols-2">
        <Panel title="Current round">
          <Round
            shares={Number(overview?.stats["roundShares"] ?? 0)}
            difficulty={network.difficulty}
            hashrate={overview?.hashrate ?? 0}
          />
        </Panel>
        <Panel title="Luck">
          <LuckTable luck={overview?.luck ?? {}} />
        </Panel>
      </div>
      <Panel title="Last blocks" class="mb-4">
        <BlockTable blocks={newest(blocks)} caption="Last blocks" empty="No block has been found yet." />
      </Panel>
      <Panel title="Nodes">
        <NodeTable nodes={overview?.nodes ?? []} />
      </Panel>
    </>
  );
}

function OverviewFigures({ overview, network }: { overview: Overview | null; network: ReturnType<typeof networkOf> }) {
  const now = useNow(1000);
  const found = Number(overview?.stats["lastBlockFound"] ?? 0);
  return (
    <Figures>
      <Figure
        name="Pool hashrate"
        value={overview && hashrate(overview.hashrate)}
        note={
          overview &&
          overview.hashrate > 0 &&
          network.difficulty > 0 &&
          `a block in ${duration(network.difficulty / overview.hashrate)} on average`
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
        note={network.height > 0 && `height ${count(network.height)}`}
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
function newest(blocks: Blocks | null): StatedBlock[] | null {
  if (!blocks) return null;
  const all = [
    ...stated(blocks.candidates, "candidate"),
    ...stated(blocks.immature, "immature"),
    ...stated(blocks.matured, "matured"),
  ];
  return all.toSorted((a, b) => b.height - a.height || b.timestamp - a.timestamp).slice(0, 10);
}

function NodeTable({ nodes }: { nodes: Overview["nodes"] }) {
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
      caption="Nodes"
      columns={["Node", "Height", "Difficulty", "Last heard"]}
      rows={rows}
      empty="No node has reported yet."
    />
  );
}
