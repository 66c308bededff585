import type { Block } from "../../../core/api/answers.ts";
import { count, percent, rewardCoins, shortHex } from "../data/format.ts";
import { useTicker } from "../data/pool-facts.ts";
import { useNow } from "../data/preferences.ts";
import { Ago, Table } from "./parts.tsx";

/** A block with what has become of it. */
export type StatedBlock = Block & { readonly state: "candidate" | "immature" | "matured" };

/** Blocks of one list with what has become of them. */
export function stated(blocks: readonly Block[], state: StatedBlock["state"]): StatedBlock[] {
  return blocks.map((block) => Object.assign({ state }, block));
}

const BADGES = { candidate: "badge-info", immature: "badge-warning", matured: "badge-success" } as const;

/** Blocks, newest first; a skeleton while they are not known. */
export function BlockTable({
  blocks,
  caption,
  empty,
}: {
  blocks: readonly StatedBlock[] | null;
  caption: string;
  empty: string;
}) {
  const now = useNow(5000);
  const unit = useTicker();
  if (!blocks) return <div class="skeleton h-24 w-full" role="status" aria-label="Loading" />;
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
      <td class="font-mono" title={block.hash}>
        {block.hash.length > 10 ? shortHex(block.hash) : ""}
      </td>
    </tr>
  ));
  return (
    <Table
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
