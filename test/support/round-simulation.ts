import { isLate } from "../../core/shares/share.ts";
import { seeded } from "./credit-simulation.ts";

/** What is known of a share's job, and of the pool, when the share is handed in. */
interface HandIn {
  readonly height: number;
  /** The job was public when the round of its height was closed. */
  readonly roundClosed: boolean;
  /** Of the newest work. */
  readonly workHeight: number;
  /** Greatest height of a block of the pool's; -1 before the first. */
  readonly closedHeight: number;
}

/** Whether a share counts in the round that is open when it is handed in; otherwise it is stale. */
export type RoundRule = (share: HandIn) => boolean;

/** The reference's rule: whatever is in the backlog counts. */
export const anyRound: RoundRule = () => true;

/** What closes only when newer work is out: a node that is slow with it leaves the door open. */
export const untilNewWork: RoundRule = ({ height, workHeight, closedHeight }) =>
  height >= workHeight || height > closedHeight;

/** This pool's rule: `core/shares/share.ts`, then `record-shares.lua`. */
export const ownRound: RoundRule = ({ height, roundClosed, workHeight, closedHeight }) =>
  !isLate({ job: { height, roundClosed } }, workHeight) || height > closedHeight;

/** When a miner hands in what it has found. */
export interface Timing {
  readonly name: string;
  /** It holds its shares back for so many heights after their own; null: not at all. */
  readonly holdsFor: number | null;
  /** It hands in what it holds when a block of the pool's closes the round, before newer work is out. */
  readonly inTheGap: boolean;
  /** It hands in what it holds before a block of its own: nobody else knows as early that one comes. */
  readonly beforeOwnBlock: boolean;
  /** It keeps a block of its own to itself until its next share. */
  readonly keepsBlocks: boolean;
}

const honest: Timing = {
  name: "hands in at once",
  holdsFor: null,
  inTheGap: false,
  beforeOwnBlock: false,
  keepsBlocks: false,
};

export const HONEST = honest;

export const TIMINGS: readonly Timing[] = [
  { ...honest, name: "holds shares until their height is over", holdsFor: 0 },
  { ...honest, name: "holds shares for as long as the backlog takes them", holdsFor: 2 },
  { ...honest, name: "hands in what it holds after the block and before newer work", holdsFor: 0, inTheGap: true },
  { ...honest, name: "keeps its block until its next share", keepsBlocks: true },
  { ...honest, name: "holds shares until its own block", holdsFor: 2, beforeOwnBlock: true },
  { name: "holds all of it, its block too", holdsFor: 2, inTheGap: true, beforeOwnBlock: true, keepsBlocks: true },
];

/** How a block is shared out. */
export interface Scheme {
  /** A share is credited. */
  readonly add: (isOwn: boolean) => void;
  /** A block is recorded. @returns the miner's part of it; null where it does not count yet */
  readonly pay: () => number | null;
}

/** The shares since the last block. */
function prop(): Scheme {
  let [own, all] = [0, 0];
  return {
    add: (isOwn) => {
      all += 1;
      if (isOwn) own += 1;
    },
    pay: () => {
      const part = own / all;
      [own, all] = [0, 0];
      return part;
    },
  };
}

/** The last `shares` of them, over blocks; the first blocks, before there are so many, are left out. */
export function pplns(shares: number): Scheme {
  const window = new Uint8Array(shares);
  let [added, own] = [0, 0];
  return {
    add: (isOwn) => {
      const at = added % shares;
      own += (isOwn ? 1 : 0) - (window[at] ?? 0);
      window[at] = isOwn ? 1 : 0;
      added += 1;
    },
    pay: () => (added < shares ? null : own / shares),
  };
}

/** Shares that a window of so many network difficulties holds. */
export function windowOf(pool: Pool, times: number): number {
  return Math.round((times * pool.sharesPerHeight) / pool.ofNetwork);
}

export interface Pool {
  /** Part of the network's hashrate. */
  readonly ofNetwork: number;
  /** Shares of the pool while one height lasts, on average. */
  readonly sharesPerHeight: number;
  /** Shares that are found on the old work, on average, until the node has new work after the pool's block. */
  readonly sharesUntilNewWork: number;
}

/**
 * Blocks of a pool with one miner of `part` of the pool's hashrate that times what it hands in.
 * @returns what it is paid over what its work is worth
 */
export function paid(
  rule: RoundRule,
  timing: Timing,
  pool: Pool,
  part: number,
  shares: number,
  seed: number,
  scheme: Scheme = prop(),
): number {
  const random = seeded(seed);
  const others = (1 - pool.ofNetwork) / pool.sharesPerHeight;
  const isBlock = pool.ofNetwork / pool.sharesPerHeight;
  let [workHeight, closedHeight, closedWork] = [0, -1, -1];
  let [revenue, blocks] = [0, 0];
  let keptBlock = false;
  let held: number[] = [];

  const handIn = (height: number, isOwn: boolean): void => {
    if (rule({ height, roundClosed: height <= closedWork, workHeight, closedHeight })) scheme.add(isOwn);
  };
  const handInHeld = (which: (height: number) => boolean): void => {
    for (const height of held.filter(which)) handIn(height, true);
    held = held.filter((height) => !which(height));
  };
  const close = (isOwn: boolean): void => {
    if (isOwn && timing.beforeOwnBlock) handInHeld(() => true);
    handIn(workHeight, isOwn);
    const paidPart = scheme.pay();
    if (paidPart !== null) [revenue, blocks] = [revenue + paidPart, blocks + 1];
    [closedHeight, closedWork] = [workHeight, workHeight];
    // The node goes on giving the old work for a while, and everybody goes on with it.
    for (let left = -Math.log(1 - random()) * pool.sharesUntilNewWork; left > 1; left -= 1)
      if (random() >= part) handIn(workHeight, false);
      else if (timing.holdsFor === null) handIn(workHeight, true);
      else held.push(workHeight);
    if (timing.inTheGap) handInHeld(() => true);
  };
  const newWork = (): void => {
    workHeight += 1;
    const { holdsFor } = timing;
    if (holdsFor !== null) handInHeld((height) => height + holdsFor < workHeight);
  };

  for (let found = 0; found < shares;) {
    if (random() < others / (1 + others)) {
      // Somebody else's block: one that was kept back is worth a share by now.
      if (keptBlock) handIn(workHeight, true);
      keptBlock = false;
      newWork();
      continue;
    }
    found += 1;
    const isOwn = random() < part;
    const mayClose = random() < isBlock;
    if (isOwn && mayClose && timing.keepsBlocks && !keptBlock) keptBlock = true;
    else if (mayClose || (isOwn && keptBlock)) {
      if (!mayClose) handIn(workHeight, true);
      close(isOwn);
      keptBlock = false;
      newWork();
    } else if (isOwn && timing.holdsFor !== null) held.push(workHeight);
    else handIn(workHeight, isOwn);
  }
  return revenue / blocks / part;
}
