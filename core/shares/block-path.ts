import { sleep, type Clock } from "../clock.ts";
import { backOffMs } from "../ledger/back-off.ts";
import type { HeldSubmission, OutboxStore } from "../ledger/outbox-store.ts";
import type { BlockRecord, RecordOutcome } from "../ledger/records.ts";
import type { NodeClient } from "../work/node-client.ts";
import type { GroupCommit } from "./group-commit.ts";

/** A node takes work that is at most so many heights old (protocol.md, 6). */
const YOUNG_HEIGHTS = 7;

/** A node, as far as a found block is concerned. */
export type BlockNode = Pick<NodeClient, "name" | "submitWork">;

/** What became of a found block. `invalid`: no node took it, and its proof of work turned out to be wrong. */
export type BlockOutcome =
  | { readonly kind: "block" | "share"; readonly outcome: RecordOutcome }
  | { readonly kind: "invalid" };

export interface BlockPathOptions {
  readonly store: OutboxStore;
  readonly commit: GroupCommit;
  readonly nodes: readonly BlockNode[];
  readonly clock: Clock;
  readonly random: () => number;
  /** The greatest height of any work seen. */
  readonly newestHeight: () => number;
  /** The full verification of a record that only passed the cheap test: whether its mix digest is the right one. */
  readonly proves: (record: BlockRecord) => Promise<boolean>;
  /** A node accepted a block: there is new work. */
  readonly onAccepted: (record: BlockRecord) => void;
  /** What nodes said, for the log. */
  readonly onAnswer: (record: BlockRecord, node: string, answer: string) => void;
}

type Offer = "accepted" | "rejected" | "retry";

/**
 * From a found block to its place in the books. The block is durable before this begins, so that every step can be taken
 * again after a crash: nodes answer `true` to a block that they have already, and the ledger writes once.
 */
export class BlockPath {
  readonly #options: BlockPathOptions;

  constructor(options: BlockPathOptions) {
    this.#options = options;
  }

  /**
   * Offers the block to every node until one accepts, and records it; or, when all reject it or it has grown too old, its
   * share. Takes as long as that takes.
   * @param recovered an earlier life of this object may have come further than is known
   */
  async settle(held: HeldSubmission, recovered: boolean): Promise<BlockOutcome> {
    const { store, commit, onAccepted, proves } = this.#options;
    const { id: heldId, record } = held;
    if (held.stage !== "sealed") {
      if (await this.#offer(record)) {
        store.setStage(held, "sealed");
        onAccepted(record);
      } else {
        if (held.stage === "foundClaimed" && !(await proves(record))) {
          store.dropHeld(heldId);
          return { kind: "invalid" };
        }
        const outcome = await commit.commit({ kind: "share", record, retry: recovered, heldId });
        return { kind: "share", outcome };
      }
    }
    const outcome = await commit.commit({ kind: "block", record, retry: recovered, heldId });
    return { kind: "block", outcome };
  }

  /** @returns whether a node accepted it */
  async #offer(record: BlockRecord): Promise<boolean> {
    const { clock, random, nodes, newestHeight } = this.#options;
    let open = [...nodes];
    for (let round = 1; open.length > 0; round++) {
      const answers = await this.#offerOnce(record, open);
      if (answers === "accepted") return true;
      open = answers;
      if (open.length === 0 || newestHeight() - record.height > YOUNG_HEIGHTS) return false;
      await sleep(clock, backOffMs(round, random()));
    }
    return false;
  }

  /** To all of `nodes` at once. @returns as soon as one accepts; else which of them may still accept it */
  #offerOnce(record: BlockRecord, nodes: readonly BlockNode[]): Promise<"accepted" | BlockNode[]> {
    return new Promise((resolve) => {
      const askAll = nodes.map(async (node) => {
        const offer = await this.#ask(node, record);
        if (offer === "accepted") resolve("accepted");
        return offer === "retry" ? [node] : [];
      });
      void Promise.all(askAll).then((open) => resolve(open.flat()));
    });
  }

  async #ask(node: BlockNode, record: BlockRecord): Promise<Offer> {
    const { onAnswer } = this.#options;
    const answer = await node.submitWork(record.nonce, record.header, record.mixDigest);
    onAnswer(record, node.name, answer.kind === "error" ? answer.reason : answer.kind);
    return answer.kind === "error" ? "retry" : answer.kind;
  }
}
