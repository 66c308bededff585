import type { Block } from "../../../core/api/answers.ts";
import { Link } from "wouter-preact";
import { count, feeText, percent, rewardCoins } from "../data/format.ts";
import type { Live } from "../data/live.ts";
import { usePoolFacts, useTicker } from "../data/pool-facts.ts";
import { useNow } from "../data/preferences.ts";
import { AddressLink, Ago, Hash } from "./parts.tsx";
import { Table } from "./table.tsx";

/** A block with what has become of it. */
export type StatedBlock = Block & { readonly state: "candidate" | "immature" | "matured" };

/** Blocks of one list with what has become of them. */
export function stated(blocks: readonly Block[], state: StatedBlock["state"]): StatedBlock[] {
  return blocks.map((block) => Object.assign({ state }, block));
}

const BADGES = { candidate: "badge-info", immature: "badge-warning", matured: "badge-success" } as const;

const COLUMNS = [
  "Height",
  { title: "State", as: "badge" },
  "Found",
  "Effort",
  "Reward",
  "Fee",
  { title: "Finder", as: "wide" },
  { title: "Hash", as: "wide" },
] as const;

/** Blocks, newest first. @param total how many there are in all, where it is to be said that these are not */
export function BlockTable({
  live,
  blocks,
  caption,
  empty,
  total = 0,
}: {
  live: Live<unknown>;
  blocks: readonly StatedBlock[];
  caption: string;
  empty: string;
  total?: number;
}) {
  const now = useNow(5000);
  const unit = useTicker();
  const explorer = usePoolFacts()?.explorer?.block ?? null;
  const rows = blocks.map((block) => ({
    key: `${block.state}${block.height}${block.hash}${block.timestamp}`,
    cells: [
      <BlockLink block={block} />,
      <StateBadge block={block} />,
      <Ago atS={block.timestamp} nowMs={now} />,
      block.difficulty > 0 && percent(block.effort, 0),
      block.reward !== "" && !block.orphan && `${rewardCoins(block.reward)} ${unit}`,
      block.fee !== null && feeText(block.fee),
      block.finder !== null && <AddressLink login={block.finder} />,
      block.hash.length > 10 && <Hash hash={block.hash} explorer={explorer} name="Block" />,
    ],
  }));
  return <Table live={live} caption={caption} columns={COLUMNS} rows={rows} empty={empty} total={total} />;
}

/** Leads to who was credited for it, where somebody was. */
function BlockLink({ block: { height, hash, orphan, state } }: { block: StatedBlock }) {
  if (orphan || state === "candidate") return count(height);
  return (
    <Link href={`/block/${height}/${hash}`} class="link link-primary">
      {count(height)}
    </Link>
  );
}

/** What has become of a block, in words as well as in colour. */
export function StateBadge({ block }: { block: Pick<StatedBlock, "orphan" | "uncle" | "state"> }) {
  if (block.orphan) return <span class="badge badge-sm badge-error">orphan</span>;
  return (
    <>
      <span class={`badge badge-sm ${BADGES[block.state]}`}>{block.state}</span>
      {block.uncle && <span class="badge badge-sm badge-outline ml-1">uncle</span>}
    </>
  );
}
