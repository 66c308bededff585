import { targetOf } from "@edgepool/ethash-wasm";
import type { ChainSpec } from "@edgepool/ethash-wasm/chain-spec";
import type { RewardRules } from "../../core/payouts/reward-schedule.ts";
import { ProofOfWork } from "./proof-of-work.ts";
import { easedDifficulty, nextDifficulty } from "./retarget.ts";
import type { BlockContents } from "./transactions.ts";

/** How the simulated chain begins and how hard it is. */
export interface ChainOptions {
  readonly spec: ChainSpec;
  /** Height of the first block to be mined. */
  readonly startHeight: number;
  /** Network difficulty in hashes. */
  readonly difficulty: bigint;
  /** The difficulty follows the block times, so that a block comes about this often; null: it stays. */
  readonly targetBlockTimeMs: number | null;
  /** Headers are Keccak-256 of this, the height and a counter: two chains with one seed give the same work. */
  readonly seed: string;
  /** What each block holds. */
  readonly contents: (height: number) => BlockContents;
  /** What miners are paid, for balances. */
  readonly rewards: RewardRules;
  /** Blocks of an earlier life that the chain goes on from, lowest first; empty: it begins. */
  readonly resume: readonly ChainBlock[];
  /** Called for each height that is closed. */
  readonly onClosed: (block: ChainBlock) => void;
  /** Called for each height that a reorganisation takes back, before others take its place. */
  readonly onGone: (block: ChainBlock) => void;
  /** Clock for block times and the record of what was accepted. */
  readonly now: () => number;
  /** Called for each block that `eth_submitWork` brings in, when the chain has moved on already. */
  readonly onAccepted: (block: AcceptedBlock) => void;
}

/** One header that the node would seal. Hex strings are lower case with `0x`. */
export interface Work {
  readonly header: string;
  readonly seedHash: string;
  readonly height: number;
  /** Network difficulty in hashes. */
  readonly difficulty: bigint;
  readonly target: bigint;
  readonly timeMs: number;
}

/** A block that the node took through `eth_submitWork`. */
export interface AcceptedBlock extends Work {
  readonly nonce: string;
  readonly mixDigest: string;
  /** When it was accepted, Unix time in ms. */
  readonly acceptedAtMs: number;
  /** False: the height had a block already, this one is an uncle at best. The node said `true` all the same. */
  readonly canonical: boolean;
}

/** A height that is closed: by one of our blocks, or by somebody else's when the timer ran out. */
export interface ChainBlock {
  readonly height: number;
  readonly hash: string;
  readonly parentHash: string;
  readonly timeMs: number;
  readonly difficulty: bigint;
  readonly totalDifficulty: bigint;
  readonly mined: AcceptedBlock | null;
  /** Our blocks that came too late for their height, as far as this block takes them in. */
  readonly uncles: readonly Uncle[];
  readonly contents: BlockContents;
}

/** A block off the chain that a later one includes. */
export interface Uncle extends AcceptedBlock {
  readonly hash: string;
  readonly parentHash: string;
}

/** Age in heights up to which a node still takes a header (docs/protocol.md, section 6). */
const MAX_WORK_AGE = 7;
/** How many uncles a block takes in, and how many heights older they are at most (Yellow Paper, 11.1). */
const MAX_UNCLES = 2;
const MAX_UNCLE_AGE = 6;
/** Closed heights that can be asked for. */
const KEPT_BLOCKS = 10_000;
const ZERO_HASH = `0x${"0".repeat(64)}`;

/** The chain of one simulated node: current work, work still good, closed heights. No sockets, no timers. */
export class DevChain {
  readonly pow: ProofOfWork;
  readonly #options: ChainOptions;
  readonly #accepted: AcceptedBlock[] = [];
  readonly #blocks = new Map<number, ChainBlock>();
  readonly #works = new Map<string, Work>();
  /** Blocks off the chain that no block has taken in so far. */
  #siblings: Uncle[] = [];
  #head: ChainBlock;
  #current: Work;
  #difficulty: bigint;
  #counter = 0;
  /** Grows with each reorganisation: other blocks of a height have other hashes. */
  #branch = 0;

  constructor(options: ChainOptions) {
    this.#options = options;
    this.#difficulty = options.difficulty;
    this.pow = new ProofOfWork(options.spec);
    this.#head = {
      height: options.startHeight - 1,
      hash: this.pow.keccak(`${options.seed}/genesis`),
      parentHash: ZERO_HASH,
      timeMs: options.now(),
      difficulty: options.difficulty,
      totalDifficulty: options.difficulty,
      mined: null,
      uncles: [],
      contents: options.contents(options.startHeight - 1),
    };
    this.#blocks.set(this.#head.height, this.#head);
    for (const block of options.resume) this.#blocks.set(block.height, block);
    this.#head = options.resume.at(-1) ?? this.#head;
    this.#branch = options.resume.length;
    this.#current = this.#commit();
  }

  get chainName(): string {
    return this.#options.spec.name;
  }

  /** What `eth_getWork` gives now. */
  get current(): Work {
    return this.#current;
  }

  get head(): ChainBlock {
    return this.#head;
  }

  /** Every block accepted by `eth_submitWork`, oldest first. */
  get accepted(): readonly AcceptedBlock[] {
    return this.#accepted;
  }

  /** What miners are paid on this chain. */
  get rewards(): RewardRules {
    return this.#options.rewards;
  }

  /** Closed heights that are still kept, lowest first. */
  blocks(): readonly ChainBlock[] {
    return [...this.#blocks.values()].toSorted((a, b) => a.height - b.height);
  }

  block(height: number): ChainBlock | undefined {
    return this.#blocks.get(height);
  }

  /** Network difficulty of work that is made from now on; the current work may still have another. */
  get difficulty(): bigint {
    return this.#difficulty;
  }

  /** Holds from the next work on. */
  setDifficulty(difficulty: bigint): void {
    this.#difficulty = difficulty;
  }

  /** New header for the same height, as a node makes when its transactions changed. Older headers of the height stay good. */
  recommit(): Work {
    this.#current = this.#commit();
    return this.#current;
  }

  /**
   * The newest blocks give way to somebody else's, one more than they were.
   * @param depth how many
   * @param ours what becomes of our own among them: later blocks take them in as uncles, or they are lost
   */
  reorganise(depth: number, ours: "uncles" | "lost"): Work {
    const parent = this.#blocks.get(this.#head.height - depth);
    if (parent === undefined) throw new RangeError(`depth: found ${depth}, allowed: what the chain still has`);
    for (let height = parent.height + 1; height <= this.#head.height; height += 1) {
      const gone = this.#blocks.get(height);
      if (gone) this.#options.onGone(gone);
      this.#blocks.delete(height);
      if (ours === "lost" || !gone) continue;
      this.#siblings.push(...gone.uncles);
      const { mined, hash, parentHash } = gone;
      if (mined !== null) this.#siblings.push({ ...mined, canonical: false, hash, parentHash });
    }
    this.#branch += 1;
    this.#head = parent;
    for (let closed = 0; closed <= depth; closed += 1) this.#append(this.#head.height + 1, this.#difficulty, null);
    return this.recommit();
  }

  /** Somebody else found the block: the height is closed and the next one is worked on. */
  advance(): Work {
    return this.#close(this.#current.difficulty, null);
  }

  /** Goes on at another height, for tests that cross an epoch boundary. Work of before is forgotten. */
  jumpTo(height: number): Work {
    this.#works.clear();
    this.#head = { ...this.#head, height: height - 1 };
    this.#blocks.set(this.#head.height, this.#head);
    return this.recommit();
  }

  /**
   * `eth_submitWork`: true for a valid proof of work on a header up to {@link MAX_WORK_AGE} heights old, also when it was
   * submitted before or the header was sealed already; false for everything else. Arguments are lower-case hex with `0x`.
   */
  async submit(nonce: string, header: string, mixDigest: string): Promise<boolean> {
    const work = this.#works.get(header);
    if (work === undefined) return false;
    if (!(await this.pow.check({ header, nonce, mixDigest, height: work.height, target: work.target }))) return false;
    if (this.#accepted.some((block) => block.header === header)) return true;
    const canonical = work.height === this.#current.height;
    const block = { ...work, nonce, mixDigest, acceptedAtMs: this.#options.now(), canonical };
    this.#accepted.push(block);
    if (canonical) this.#close(work.difficulty, block);
    else this.#siblings.push({ ...block, hash: this.#hashOf(block), parentHash: this.#hashAt(work.height - 1) });
    this.#options.onAccepted(block);
    return true;
  }

  #hashOf(mined: AcceptedBlock): string {
    return this.pow.keccak(`${mined.header}/${mined.nonce}`);
  }

  #hashAt(height: number): string {
    return this.#blocks.get(height)?.hash ?? ZERO_HASH;
  }

  /** The uncles of the block that is being made at this height. */
  #takeUncles(height: number): Uncle[] {
    this.#siblings = this.#siblings.filter((sibling) => sibling.height >= height - MAX_UNCLE_AGE);
    const taken = this.#siblings.filter((sibling) => sibling.height < height).slice(0, MAX_UNCLES);
    this.#siblings = this.#siblings.filter((sibling) => !taken.includes(sibling));
    return taken;
  }

  #close(difficulty: bigint, mined: AcceptedBlock | null): Work {
    const { height } = this.#current;
    const timeMs = this.#options.now();
    const { targetBlockTimeMs } = this.#options;
    if (targetBlockTimeMs !== null) {
      this.#difficulty = nextDifficulty(difficulty, timeMs - this.#head.timeMs, targetBlockTimeMs);
    }
    this.#append(height, difficulty, mined);
    return this.recommit();
  }

  #append(height: number, difficulty: bigint, mined: AcceptedBlock | null): void {
    const others = `${this.#options.seed}/${height}/others${this.#branch === 0 ? "" : `/${this.#branch}`}`;
    this.#head = {
      height,
      hash: mined === null ? this.pow.keccak(others) : this.#hashOf(mined),
      parentHash: this.#head.hash,
      timeMs: this.#options.now(),
      difficulty,
      totalDifficulty: this.#head.totalDifficulty + difficulty,
      mined,
      uncles: this.#takeUncles(height),
      contents: this.#options.contents(height),
    };
    this.#blocks.set(height, this.#head);
    this.#blocks.delete(height - KEPT_BLOCKS);
    this.#options.onClosed(this.#head);
  }

  #commit(): Work {
    const height = this.#head.height + 1;
    const timeMs = this.#options.now();
    const { targetBlockTimeMs } = this.#options;
    const difficulty =
      targetBlockTimeMs === null
        ? this.#difficulty
        : easedDifficulty(this.#difficulty, timeMs - this.#head.timeMs, targetBlockTimeMs);
    const work: Work = {
      header: this.pow.keccak(`${this.#options.seed}/${height}/${this.#counter++}`),
      seedHash: this.pow.seedHash(height),
      height,
      difficulty,
      target: targetOf(difficulty),
      timeMs,
    };
    this.#works.set(work.header, work);
    for (const [header, old] of this.#works) if (old.height < height - MAX_WORK_AGE) this.#works.delete(header);
    return work;
  }
}
