import type { Logger } from "../log.ts";
import type { PoolTerms } from "./block-terms.ts";
import type { ChainNode, NodeStatus } from "./chain-node.ts";
import type { PayoutBooks } from "./payout-books.ts";
import type { UnlockerEvents } from "./unlocker-events.ts";
import type { RewardRules } from "./reward-schedule.ts";

/** The reference's settings, and what it lacks. */
export interface UnlockerSettings {
  /** Lower-case addresses that the nodes mine for. A block of any other is nobody's credit. */
  readonly accounts: readonly string[];
  /** Heights after which a candidate becomes immature, and after which it matures. */
  readonly immatureDepth: number;
  readonly depth: number;
  /** Heights for which matured blocks are watched. */
  readonly finalDepth: number;
  /** A node with fewer peers cannot say that a block is not in the chain. */
  readonly requirePeers: number;
  /** `merge`: an orphan's round goes back into the open round. */
  readonly orphanedRounds: "merge" | "drop";
  /** For blocks that are seen for the first time and were found without terms of their own: their closed round is what there is. */
  readonly terms: PoolTerms;
  /** Under `pplns`, as in the settings; null under another scheme. */
  readonly pplnsWindow: string | null;
}

export interface UnlockerDeps extends UnlockerEvents {
  readonly books: PayoutBooks;
  /** In the operator's order. */
  readonly nodes: readonly ChainNode[];
  readonly rules: RewardRules;
  readonly settings: UnlockerSettings;
  readonly nowMs: () => number;
  readonly log: Logger;
}

/** A node that answered this run. */
export interface WellNode {
  readonly node: ChainNode;
  readonly status: NodeStatus & { readonly kind: "well" };
}
