/** A block as `blocks:candidates` has it. Hex is lower case with `0x`. */
export interface Candidate {
  readonly list: "candidates";
  /** The member as it stands in the list. */
  readonly member: string;
  /** The list's score. */
  readonly height: number;
  /** 8 bytes. */
  readonly nonce: string;
  /** 32 bytes: the header hash without the seal. */
  readonly powHash: string;
  /** 32 bytes. */
  readonly mixDigest: string;
  /** Unix time in seconds. */
  readonly ts: string;
  readonly difficulty: string;
  /** Sum of the closed round. */
  readonly totalShares: string;
}

/** A block as `blocks:immature` and `blocks:matured` have it. */
export interface ListedBlock {
  readonly list: "immature" | "matured";
  readonly member: string;
  /** The list's score: for an uncle, the height of the block that includes it. */
  readonly height: number;
  /** 0 for a block of the chain. */
  readonly uncleHeight: number;
  readonly orphan: boolean;
  readonly nonce: string;
  /** 32 bytes; `0x0` for an orphan that was never found. */
  readonly hash: string;
  readonly ts: string;
  readonly difficulty: string;
  readonly totalShares: string;
  readonly rewardWei: string;
}

export type PoolBlock = Candidate | ListedBlock;

/** What stands for a block that was never found in the chain: the reference's text for no hash. */
export const NO_HASH = "0x0";

const DIGITS = /^\d{1,30}$/;
const HEX = /^0x[0-9a-f]+$/;

function heightOf(score: string): number | null {
  const height = Number(score);
  return Number.isSafeInteger(height) && height >= 0 ? height : null;
}

/** `nonce:powHash:mixDigest:ts:roundDiff:totalShares` @returns null for anything else */
export function parseCandidate(member: string, score: string): Candidate | null {
  const [nonce = "", powHash = "", mixDigest = "", ts = "", difficulty = "", totalShares = "", more] =
    member.split(":");
  const height = heightOf(score);
  const hex = [nonce, powHash, mixDigest].map((part) => part.toLowerCase());
  if (height === null || more !== undefined || !hex.every((part) => HEX.test(part))) return null;
  if (![ts, difficulty, totalShares].every((part) => DIGITS.test(part))) return null;
  return { list: "candidates", member, height, nonce, powHash, mixDigest, ts, difficulty, totalShares };
}

/** `uncleHeight:orphan:nonce:blockHash:ts:diff:totalShares:rewardWei` @returns null for anything else */
export function parseListed(list: ListedBlock["list"], member: string, score: string): ListedBlock | null {
  const [
    uncle = "",
    orphan = "",
    nonce = "",
    hash = "",
    ts = "",
    difficulty = "",
    totalShares = "",
    reward = "",
    more,
  ] = member.split(":");
  const height = heightOf(score);
  if (height === null || more !== undefined || !/^[01]$/.test(orphan)) return null;
  if (![nonce, hash].every((part) => HEX.test(part.toLowerCase()))) return null;
  if (![uncle, ts, difficulty, totalShares, reward].every((part) => DIGITS.test(part))) return null;
  return {
    list,
    member,
    height,
    uncleHeight: Number(uncle),
    orphan: orphan === "1",
    nonce,
    hash,
    ts,
    difficulty,
    totalShares,
    rewardWei: reward,
  };
}

/** What a block becomes: where it was found, or nothing of it. */
export interface BlockFate {
  readonly height: number;
  /** 0 for a block of the chain. */
  readonly uncleHeight: number;
  readonly orphan: boolean;
  readonly hash: string;
  readonly rewardWei: bigint;
}

/** The member that a block gets in `blocks:immature` or `blocks:matured`. */
export function listedMember(block: PoolBlock, fate: BlockFate): string {
  const { nonce, ts, difficulty, totalShares } = block;
  const parts = [fate.uncleHeight, fate.orphan ? 1 : 0, nonce, fate.hash, ts, difficulty, totalShares, fate.rewardWei];
  return parts.join(":");
}

/** What names a block from the moment it is found to its last list: both parts stand in every member. */
export function blockId(block: Pick<PoolBlock, "nonce" | "ts">): string {
  return `${block.nonce}:${block.ts}`;
}

/** The height at which the block itself was mined. */
export function minedHeight(block: PoolBlock): number {
  return block.list === "candidates" || block.uncleHeight === 0 ? block.height : block.uncleHeight;
}
