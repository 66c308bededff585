import { sleep, type Clock } from "../clock.ts";
import { backOffMs } from "../back-off.ts";
import type { BlockRecord } from "../ledger/contract/records.ts";
import type { BlockSearch } from "../work/block-search.ts";
import type { NodeClient } from "../work/node-client.ts";

/** A node takes work that is at most so many heights old (docs/protocol.md, section 6). */
const YOUNG_HEIGHTS = 7;

/**
 * From this round of offers on, some ten seconds after the first, the chain is asked beside them: another node may have the block by
 * now, and while nobody mines nobody says that its header has become too old.
 */
const ASK_FROM_ROUND = 7;

/** A node, as far as a found block is concerned. */
export type BlockNode = Pick<NodeClient, "name" | "submitWork" | "findBlock">;

export interface BlockPathOptions {
  readonly nodes: readonly BlockNode[];
  readonly clock: Clock;
  readonly random: () => number;
  /** Height of the work of now, or less; it falls where nodes go back. */
  readonly workHeight: () => number;
  /** What nodes said to an offer, for the log. */
  readonly onAnswer: (record: BlockRecord, node: string, answer: string) => void;
  /** What nodes know of a block whose fate is open, for the log; only what is new. */
  readonly onSearch: (record: BlockRecord, node: string, answer: string) => void;
}

type Offer = "accepted" | "rejected" | "retry";

/** Who has the block: a node took it, a node's chain has it, or no node and no chain. */
export type BlockFate = "accepted" | "inChain" | "nobody";

/** Brings found blocks to the nodes, and asks their chains where an answer may have been lost. Safe to begin again: nodes answer `true` to a block that they have. */
export class BlockPath {
  readonly #options: BlockPathOptions;

  constructor(options: BlockPathOptions) {
    this.#options = options;
  }

  /**
   * Offers the block until a node accepts it, all reject it, or it has grown too old. A node's `false` is the last word only
   * where no offer of the block can have reached one: a node that took it and was started again knows its work no more, and
   * rejects it. Else the chain has the last word. Takes as long as that takes.
   * @param offeredBefore a node may have been offered it, and may have taken it
   */
  async fate(record: BlockRecord, offeredBefore: boolean): Promise<BlockFate> {
    const { clock, random, nodes, workHeight } = this.#options;
    const said = new Map<string, string>();
    let open = [...nodes];
    let mayHaveReached = offeredBefore;
    for (let round = 1; ; round++) {
      if (open.length > 0) {
        const answers = await this.#offerOnce(record, open);
        if (answers === "accepted") return "accepted";
        mayHaveReached ||= answers.length > 0;
        if (!mayHaveReached) return "nobody";
        open = workHeight() - record.height > YOUNG_HEIGHTS ? [] : answers;
      }
      if (open.length === 0 || round >= ASK_FROM_ROUND) {
        const search = await this.#searchOnce(record, said);
        if (search !== "error") return search === "found" ? "inChain" : "nobody";
      }
      await sleep(clock, backOffMs(round, random()));
    }
  }

  /** Whether the block is in the chain. Takes as long as it takes until that is certain. */
  async confirm(record: BlockRecord): Promise<Exclude<BlockFate, "accepted">> {
    const { clock, random } = this.#options;
    const said = new Map<string, string>();
    for (let round = 1; ; round++) {
      const search = await this.#searchOnce(record, said);
      if (search !== "error") return search === "found" ? "inChain" : "nobody";
      await sleep(clock, backOffMs(round, random()));
    }
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

  /**
   * What the nodes' chains say together. A node that gives no answer is not waited for where another one knows the chain and lacks
   * the block: what is not in the chain is not paid, whoever has it.
   */
  async #searchOnce(record: BlockRecord, said: Map<string, string>): Promise<BlockSearch["kind"]> {
    const answers = await Promise.all(this.#options.nodes.map((node) => this.#search(node, record, said)));
    if (answers.includes("found")) return "found";
    return answers.includes("absent") ? "absent" : "error";
  }

  /** @param said the last answer of each node */
  async #search(node: BlockNode, record: BlockRecord, said: Map<string, string>): Promise<BlockSearch["kind"]> {
    const search = await node.findBlock(record.height, record.nonce, record.mixDigest);
    const answer =
      search.kind === "error" ? search.reason : search.kind === "found" ? `found as ${search.as}` : search.kind;
    // An outage of hours gives the same answer every few seconds.
    if (said.get(node.name) !== answer) this.#options.onSearch(record, node.name, answer);
    said.set(node.name, answer);
    return search.kind;
  }
}
