import type { ListedBlock } from "./block-members.ts";
import type { UnlockerDeps, WellNode } from "./unlocker-deps.ts";
import type { UnlockerState } from "./unlocker-state.ts";

/**
 * Watches what has matured. One question a run: is the anchor, a block `depth` below the head that everything older stands on, still in the
 * chain? Only where no node has it any more was the chain reorganised deeper than that; then each matured block of the last `finalDepth`
 * heights is looked for. What has fallen out is named, payments pause, and an operator's command books it: nothing is taken back by itself.
 */
export async function watchChain(deps: UnlockerDeps, well: readonly WellNode[], state: UnlockerState): Promise<void> {
  const { settings, log } = deps;
  const { anchor } = state;
  const head = Math.max(...well.map(({ status }) => status.head));
  const moved = anchor !== null && (await hasLost(well, anchor));
  if (moved)
    log.error("the chain was reorganised deeper than unlocker.depth", { height: anchor.height, hash: anchor.hash });
  if (moved) state.fallen = await fallenOf(deps, well, state, head);
  else if (state.fallen.length > 0) state.fallen = await stillFallen(deps, well, state);
  const height = head - settings.depth;
  if (height < 1 || (anchor !== null && !moved && anchor.height >= height)) return;
  for (const { node } of well) {
    const read = await node.hashAt(height);
    if (!read.ok) continue;
    state.anchor = { height, hash: read.hash };
    return;
  }
}

/** Matured blocks that no node has in its chain. A block that is still there stands on everything older. */
async function fallenOf(
  { books, settings, nowMs }: UnlockerDeps,
  well: readonly WellNode[],
  state: UnlockerState,
  head: number,
): Promise<UnlockerState["fallen"]> {
  const { blocks } = await books.due("matured", head, Math.max(0, head - settings.finalDepth));
  const known = new Map(state.fallen.map((block) => [block.member, block]));
  const fallen: UnlockerState["fallen"] = [];
  for (const block of blocks.toReversed()) {
    if (block.list === "candidates" || block.orphan) continue;
    if (await isHeld(well, block)) break;
    const { member, height, hash } = block;
    fallen.push(known.get(member) ?? { member, height, hash, sinceMs: nowMs() });
  }
  return fallen;
}

/** Those that have not come back, and that nobody has booked since. */
async function stillFallen(
  { books }: UnlockerDeps,
  well: readonly WellNode[],
  state: UnlockerState,
): Promise<UnlockerState["fallen"]> {
  const still: UnlockerState["fallen"] = [];
  for (const block of state.fallen) {
    const listed = await books.due("matured", block.height, block.height);
    const found = listed.blocks.find(({ member }) => member === block.member);
    if (found !== undefined && found.list !== "candidates" && !(await isHeld(well, found))) still.push(block);
  }
  return still;
}

/** Whether every node that answers has another block there, and at least one answers. */
async function hasLost(
  well: readonly WellNode[],
  anchor: { readonly height: number; readonly hash: string },
): Promise<boolean> {
  let answered = false;
  for (const { node } of well) {
    const read = await node.hashAt(anchor.height);
    if (!read.ok) continue;
    if (read.hash === anchor.hash) return false;
    answered = true;
  }
  return answered;
}

/** Whether a node has the block in its chain, or none can tell. */
async function isHeld(well: readonly WellNode[], block: ListedBlock): Promise<boolean> {
  let denied = false;
  for (const { node } of well) {
    const search = await node.search({
      from: Math.max(0, block.height - 1),
      to: block.height,
      height: block.height,
      isIt: (header) => header.hash === block.hash,
    });
    if (search.kind === "found") return true;
    if (search.kind === "absent") denied = true;
  }
  return !denied;
}
