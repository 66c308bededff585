import { FATE_HEIGHTS } from "../work/block-search.ts";
import type { ChainPlace, ChainQuery, SealedHeader } from "../work/chain-search.ts";
import { parseQuantity } from "../work/node-work.ts";
import { minedHeight, NO_HASH, type BlockFate, type PoolBlock } from "./block-members.ts";
import { decodeMove, type BlockMove } from "./block-move.ts";
import { revenueOf, type BlockRevenue } from "./block-revenue.ts";
import type { BlockTerms } from "./block-terms.ts";
import { judge, type NodeTestimony, type Verdict } from "./block-verdict.ts";
import { watchChain } from "./chain-watch.ts";
import { news } from "./unlocker-events.ts";
import type { StepResult } from "./payout-books.ts";
import { windowOf } from "./schemes.ts";
import type { UnlockerDeps, WellNode } from "./unlocker-deps.ts";
import type { UnlockerState } from "./unlocker-state.ts";

/** Blocks that one run takes on: some hundred requests to each node. What is left comes at once after it. */
const BLOCKS_A_RUN = 40;
/** Heights either side of a candidate where books of another pool may mean the block (the reference looks as far). */
const WIDE_HEIGHTS = 16;

/** What one run did. */
export interface RunResult {
  readonly state: UnlockerState;
  /** More blocks are due: the next run may come at once. */
  readonly more: boolean;
}

/** What became of one block in one run; null: nothing was due. */
type Outcome = StepResult | null;

/** Takes every block as far as the chain and the books allow. A failure concerns the block that it happens to; nothing is thrown for it. */
export class BlockUnlocker {
  readonly #deps: UnlockerDeps;

  constructor(deps: UnlockerDeps) {
    this.#deps = deps;
  }

  /** One run. @returns what is to be remembered; never throws for what nodes or the ledger do */
  async run(before: UnlockerState): Promise<RunResult> {
    const { nowMs, log } = this.#deps;
    const state: UnlockerState = { ...before, lastRunMs: nowMs(), waiting: { ...before.waiting }, problems: [] };
    try {
      const well = await this.#askNodes(state);
      await this.#settleOwed(state);
      await this.#endMoves(state);
      const head = Math.max(-1, ...well.map(({ status }) => status.head));
      const more = head < 0 ? false : await this.#advanceAll(state, well, head);
      if (well.length > 0) await watchChain(this.#deps, well, state);
      await this.#keepWindow(state);
      // A run is a success when a node and the ledger answered; what single blocks wait for is told beside it.
      if (well.length > 0) state.lastSuccessMs = nowMs();
      this.#tell(before, state);
      return { state, more };
    } catch (error) {
      const reason = messageOf(error);
      log.warn("the unlocker's run ended early; the next one takes it up", { reason });
      state.problems = [...state.problems, `the run ended early: ${reason}`];
      this.#tell(before, state);
      return { state, more: false };
    }
  }

  #tell(before: UnlockerState, state: UnlockerState): void {
    const { nowMs, onEvent, log } = this.#deps;
    for (const event of news(before, state, nowMs())) {
      if (event.kind === "stuck") log.error("a block has waited for an hour", { ...event });
      onEvent?.(event);
    }
  }

  async #askNodes(state: UnlockerState): Promise<WellNode[]> {
    const { nodes, settings } = this.#deps;
    const asked = await Promise.all(nodes.map(async (node) => ({ node, status: await node.status() })));
    const well: WellNode[] = [];
    for (const { node, status } of asked) {
      if (status.kind === "failed") {
        state.problems.push(`node ${node.name}: ${status.reason}`);
        continue;
      }
      well.push({ node, status });
      const { etherbase } = status;
      if (etherbase !== null && !settings.accounts.includes(etherbase))
        state.problems.push(`node ${node.name} mines for ${etherbase}, which is not one of unlocker.accounts`);
    }
    return well;
  }

  async #settleOwed(state: UnlockerState): Promise<void> {
    const { books } = this.#deps;
    const still: string[] = [];
    for (const login of await books.owed()) if (!(await this.#trySettle(login))) still.push(login);
    state.owed = still;
  }

  async #trySettle(login: string): Promise<boolean> {
    try {
      return await this.#deps.books.settleOwed(login);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      return false;
    }
  }

  /** The log of shares under `pplns` is kept for windows of twice the difficulty that the network has now. */
  async #keepWindow(state: UnlockerState): Promise<void> {
    const { books, settings } = this.#deps;
    try {
      if (settings.pplnsWindow === null) {
        state.windowElements = null;
        return await books.dropWindow();
      }
      const difficulty = await books.networkDifficulty();
      if (difficulty === null) return;
      state.windowElements = await books.trimWindow(windowOf(settings.pplnsWindow, 2n * difficulty));
    } catch (error) {
      if (!isRefusal(error)) throw error;
      state.problems.push(`the log of the window cannot be trimmed: ${messageOf(error)}`);
    }
  }

  /** Moves of several parts that an earlier run began. */
  async #endMoves(state: UnlockerState): Promise<void> {
    const { books } = this.#deps;
    for (const [member, plan] of await books.moves()) {
      const move = decodeMove(plan);
      if (move === null) {
        state.problems.push(`the plan of ${member.slice(0, 80)} was written by another version and is left alone`);
        continue;
      }
      await this.#record(state, move.block, () => this.#carryOut(move, plan));
    }
  }

  /** @returns whether more is due */
  async #advanceAll(state: UnlockerState, well: readonly WellNode[], head: number): Promise<boolean> {
    const { books, settings } = this.#deps;
    const immature = await books.due("immature", head - settings.depth);
    const candidates = await books.due("candidates", head - settings.immatureDepth);
    state.problems.push(...immature.unreadable, ...candidates.unreadable);
    const unfinished = await books.moves();
    const due = [...immature.blocks, ...candidates.blocks].filter(({ member }) => !unfinished.has(member));
    // Those that could not be helped last time come last: a stuck block stands in nobody's way.
    const tried = ({ member }: PoolBlock) => state.waiting[member]?.triedMs ?? -1;
    const turn = due.toSorted((a, b) => tried(a) - tried(b) || a.height - b.height);
    for (const block of turn.slice(0, BLOCKS_A_RUN)) await this.#record(state, block, () => this.#advance(block, well));
    const listed = new Set([...due.map(({ member }) => member), ...unfinished.keys()]);
    for (const member of Object.keys(state.waiting)) if (!listed.has(member)) delete state.waiting[member];
    state.oldestCandidate = await books.lowest("candidates");
    return turn.slice(BLOCKS_A_RUN).some(({ member }) => state.waiting[member] === undefined);
  }

  /** Runs a block's step and writes down what it waits for. */
  async #record(state: UnlockerState, block: PoolBlock, step: () => Promise<Outcome>): Promise<void> {
    const { nowMs, log } = this.#deps;
    const outcome = await step().catch((error: unknown): Outcome => {
      if (!isRefusal(error)) throw error;
      return { kind: "refused", reason: `the ledger refused: ${messageOf(error)}` };
    });
    if (outcome?.kind !== "refused") {
      delete state.waiting[block.member];
      if (outcome?.kind === "done") state.owed = [...new Set([...state.owed, ...outcome.owed])];
      return;
    }
    const known = state.waiting[block.member];
    const { list, height } = block;
    const { reason } = outcome;
    if (known?.reason !== reason) log.warn("a block waits", { list, height, nonce: block.nonce, reason });
    const since = { sinceMs: known?.sinceMs ?? nowMs(), triedMs: nowMs() };
    state.waiting[block.member] = { list, height, reason, ...since, ...(known?.told === true ? { told: true } : {}) };
  }

  async #advance(block: PoolBlock, well: readonly WellNode[]): Promise<Outcome> {
    const { books, settings } = this.#deps;
    const mixDigest = block.list === "candidates" ? block.mixDigest : null;
    const terms = await books.terms(block, { ...settings.terms, mixDigest, finder: null, window: null, weights: null });
    if (terms === null) return refused(`its terms in ${books.keys.blockTerms} cannot be read`);
    const strict = block.list === "immature";
    const deep = well.filter(
      ({ status }) => status.head >= block.height + (strict ? settings.depth : settings.immatureDepth),
    );
    const verdict = await this.#verdictOn(block, terms, deep, strict);
    switch (verdict.kind) {
      case "open":
        return refused(verdict.reason);
      case "absent":
        return await this.#orphan(block, terms);
      case "found":
        return await this.#credit(block, terms, verdict, deep);
    }
  }

  async #verdictOn(block: PoolBlock, terms: BlockTerms, deep: readonly WellNode[], strict: boolean): Promise<Verdict> {
    const { nodes, settings } = this.#deps;
    const height = minedHeight(block);
    const isIt = recogniser(block, terms, settings.accounts);
    const narrow: ChainQuery = { from: height, to: height + FATE_HEIGHTS, height, isIt };
    const testimonies = await Promise.all(
      deep.map(async ({ node, status }): Promise<NodeTestimony> => {
        const first = await node.search(narrow);
        // Books that another pool wrote may have the wrong height; this pool writes down who found a block.
        const wide: ChainQuery = {
          from: Math.max(1, height - WIDE_HEIGHTS),
          to: Math.min(status.head, height + WIDE_HEIGHTS),
          height,
          isIt: (header) => isIt(header, null),
        };
        const search = first.kind === "absent" && terms.finder === null ? await node.search(wide) : first;
        return { node: node.name, search, cannotDeny: whyNotDeny(status, settings.requirePeers) };
      }),
    );
    // A node that is away is waited for until the block is twice as deep as it has to be.
    const away = nodes.filter((node) => !deep.some((other) => other.node === node));
    const head = Math.max(...deep.map(({ status }) => status.head));
    const patient = strict && head < block.height + 2 * settings.depth;
    const silent = away.map(({ name }): NodeTestimony => ({
      node: name,
      search: { kind: "error", reason: "does not answer, or does not know the chain that far" },
      cannotDeny: null,
    }));
    return judge([...testimonies, ...silent], { strict, patient });
  }

  async #orphan(block: PoolBlock, terms: BlockTerms): Promise<Outcome> {
    const { settings, nowMs } = this.#deps;
    const known = block.list === "candidates" ? { hash: NO_HASH, uncleHeight: 0 } : block;
    const fate: BlockFate = {
      height: block.height,
      uncleHeight: known.uncleHeight,
      orphan: true,
      hash: known.hash,
      rewardWei: 0n,
    };
    const to = block.list === "candidates" ? "immature" : "orphan";
    const merge = to === "orphan" && settings.orphanedRounds === "merge" && terms.scheme === "prop";
    return await this.#carryOut({ to, block, fate, payout: null, merge, ts: Math.floor(nowMs() / 1000) }, null);
  }

  async #credit(
    block: PoolBlock,
    terms: BlockTerms,
    verdict: Verdict & { readonly kind: "found" },
    deep: readonly WellNode[],
  ): Promise<Outcome> {
    const { nowMs } = this.#deps;
    const read = await this.#revenueOf(verdict, deep);
    if (!read.ok) return refused(read.reason);
    const { place } = verdict;
    const { revenue } = read;
    const kept = terms.keepTxFees ? 0n : revenue.feesWei + revenue.ownFeesWei;
    const fate: BlockFate = {
      height: place.height,
      uncleHeight: place.as === "uncle" ? read.minedHeight : 0,
      orphan: false,
      hash: place.header.hash,
      rewardWei: revenue.rewardWei + kept,
    };
    const to = block.list === "candidates" ? "immature" : "matured";
    const payout = { revenue, terms };
    return await this.#carryOut({ to, block, fate, payout, merge: false, ts: Math.floor(nowMs() / 1000) }, null);
  }

  /** From the first node that has the block and can tell. */
  async #revenueOf(
    { place, nodes }: { readonly place: ChainPlace; readonly nodes: readonly string[] },
    deep: readonly WellNode[],
  ): Promise<
    | { readonly ok: true; readonly revenue: BlockRevenue; readonly minedHeight: number }
    | { readonly ok: false; readonly reason: string }
  > {
    const { rules, settings } = this.#deps;
    const problems: string[] = [];
    for (const { node } of deep.filter((well) => nodes.includes(well.node.name))) {
      const read = await node.read(place);
      if (!read.ok) {
        problems.push(`${node.name}: ${read.reason}`);
        continue;
      }
      if (!settings.accounts.includes(read.miner))
        return {
          ok: false,
          reason: `mined for ${read.miner}, which is not one of unlocker.accounts: nobody is credited`,
        };
      const result = revenueOf(rules, read.block, settings.accounts);
      const mined = read.block.as === "uncle" ? read.block.uncleHeight : read.block.height;
      if (result.ok) return { ok: true, revenue: result.revenue, minedHeight: mined };
      problems.push(`${node.name}: ${result.reason}`);
    }
    return { ok: false, reason: problems.join("; ") };
  }

  /** @param plan of a move that was begun before */
  async #carryOut(move: BlockMove, plan: string | null): Promise<StepResult> {
    const { books, log, onEvent } = this.#deps;
    const { block, fate, to } = move;
    let weights: ReadonlyMap<string, bigint> = new Map();
    if (move.payout !== null) {
      const found = await this.#weights(move);
      if (!found.ok) return { kind: "refused", reason: found.reason };
      weights = found.weights;
    }
    const result = await books.carryOut(move, weights, plan);
    if (result.kind !== "done") return result;
    const { height, hash, orphan, rewardWei } = fate;
    const moved = { height, nonce: block.nonce, hash, uncle: fate.uncleHeight > 0, rewardWei };
    log.info(`a block is ${orphan ? "an orphan" : to}`, { ...moved, list: to === "immature" ? to : "matured" });
    onEvent?.({ kind: "moved", to: orphan || to === "taken" ? "orphan" : to, ...moved });
    return result;
  }

  async #weights(move: BlockMove) {
    const { books, settings } = this.#deps;
    const terms = await books.terms(move.block, {
      ...settings.terms,
      mixDigest: null,
      finder: null,
      window: null,
      weights: null,
    });
    if (terms === null) return { ok: false, reason: `its terms in ${books.keys.blockTerms} cannot be read` } as const;
    return await books.weights(move.block, terms);
  }
}

const refused = (reason: string): StepResult => ({ kind: "refused", reason });

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** A refusal concerns what was to be written; anything else (the ledger is away) concerns the run. */
function isRefusal(error: unknown): boolean {
  return error instanceof Error && error.name === "RedisReplyError";
}

/** Why this node's word that a block is not in the chain does not count; null where it does. */
function whyNotDeny(status: WellNode["status"], requirePeers: number): string | null {
  if (status.syncing) return "it is syncing";
  if (requirePeers === 0) return null;
  if (status.peers === null) return "it does not say how many peers it has (its net API is off)";
  return status.peers < requirePeers ? `it has ${status.peers} peers, ${requirePeers} are required` : null;
}

/** Ours is what has our nonce and our mix digest. Where only the hash was kept, the hash; where neither was, nonce, difficulty and account. */
function recogniser(
  block: PoolBlock,
  terms: BlockTerms,
  accounts: readonly string[],
): (header: SealedHeader, at: number | null) => boolean {
  const nonce = block.nonce.toLowerCase();
  const mix = (block.list === "candidates" ? block.mixDigest : terms.mixDigest)?.toLowerCase() ?? null;
  const hash = block.list === "candidates" || block.hash === NO_HASH ? null : block.hash.toLowerCase();
  const height = minedHeight(block);
  return (header, at) => {
    if (at !== null && at !== height) return false;
    if (header.nonce !== nonce) return false;
    if (hash !== null) return header.hash === hash;
    if (mix !== null) return header.mixHash === mix;
    const miner = header.fields["miner"];
    const difficulty = parseQuantity(header.fields["difficulty"]);
    return (
      String(difficulty) === block.difficulty && typeof miner === "string" && accounts.includes(miner.toLowerCase())
    );
  };
}
