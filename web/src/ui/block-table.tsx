import type { Block } from "../../../core/api/answers.ts";
import { count, percent, rewardCoins } from "../data/format.ts";
import type { Live } from "../data/live.ts";
import { usePoolFacts, useTicker } from "../data/pool-facts.ts";
import { useNow } from "../data/preferences.ts";
import { Ago, Hash, Table } from "./parts.tsx";

/** A block with what has become of it. */
export type StatedBlock = Block & { readonly state: "candidate" | "immature" | "matured" };

/** Blocks of one list with what has become of them. */
export function stated(blocks: readonly Block[], state: StatedBlock["state"]): StatedBlock[] {
  return blocks.map((block) => Object.assign({ state }, block));
}

const BADGES = { candidate: "badge-info", immature: "badge-warning", matured: "badge-success" } as const;

/** Blocks, newest first. */
export function BlockTable({
  live,
  blocks,
  caption,
  empty,
}: {
  live: Live<unknown>;
  blocks: readonly StatedBlock[];
  caption: string;
  empty: string;
}) {
  const now = useNow(5000);
  const unit = useTicker();
  const explorer = usePoolFacts()?.explorer?.block ?? null;
  const rows = blocks.map((block) => (
    <tr key={`${block.state}${block.height}${block.hash}${block.timestamp}`}>
      <th scope="row">{count(block.height)}</th>
      <td>
        <StateBadge block={block} />
      </td>
      <td>
        <Ago atS={block.timestamp} nowMs={now} />
      </td>
      <td>{block.difficulty > 0 ? percent(block.shares / block.difficulty, 0) : ""}</td>
      <td>{block.reward === "" ? "" : `${rewardCoins(block.reward)} ${unit}`}</td>
      <td>{block.hash.length > 10 && <Hash hash={block.hash} explorer={explorer} name="Block" />}</td>
    </tr>
  ));
  return (
    <Table
      live={live}
      caption={caption}
      columns={["Height", "State", "Found", "Effort", "Reward", "Hash"]}
      rows={rows}
      empty={empty}
    />
  );
}

function StateBadge({ block }: { block: StatedBlock }) {
  if (block.orphan) return <span class="badge badge-sm badge-error">orphan</span>;
  return (
    <>
      <span class={`badge badge-sm ${BADGES[block.state]}`}>{block.state}</span>
      {block.uncle && <span class="badge badge-sm badge-outline ml-1">uncle</span>}
    </>
  );
}
