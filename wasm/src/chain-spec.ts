import { ArgumentError } from "./errors.ts";
import { cacheBytesOf, datasetBytesOf, MAX_EPOCH } from "./sizes.ts";

export { MAX_EPOCH } from "./sizes.ts";

/** Blocks that share one seed in the original specification ("Definitions": EPOCH_LENGTH). */
export const EPOCH_LENGTH = 30_000;

/** What differs between the chains that use Ethash. */
export interface ChainSpec {
  readonly name: string;
  /** Blocks an epoch; before {@link ecip1099Block} where there is one. */
  readonly epochLength: number;
  /** First block whose epochs are twice as long (ECIP-1099, "Etchash"); null for a chain without that fork. */
  readonly ecip1099Block: number | null;
}

/** One epoch: what a light cache is built from and how long it serves. */
export interface Epoch {
  /** The epoch that the sizes are computed from: block / epoch length. */
  readonly number: number;
  /** How many times Keccak-256 is applied to 32 zero bytes to get the seed hash. */
  readonly seedRounds: number;
  readonly cacheBytes: number;
  readonly datasetBytes: number;
  /** First block of the epoch. */
  readonly firstBlock: number;
  /** Last block of the epoch, itself included. */
  readonly lastBlock: number;
}

/** The chains that are known by name. Sources: ECIP-1099, "Specification" for classic and mordor. */
export const CHAINS: readonly ChainSpec[] = [
  { name: "ethereum", epochLength: EPOCH_LENGTH, ecip1099Block: null },
  { name: "classic", epochLength: EPOCH_LENGTH, ecip1099Block: 11_700_000 },
  { name: "mordor", epochLength: EPOCH_LENGTH, ecip1099Block: 2_520_000 },
  { name: "ethereum-pow", epochLength: EPOCH_LENGTH, ecip1099Block: null },
];

/** The chain of that name, undefined where there is none. */
export function chainByName(name: string): ChainSpec | undefined {
  return CHAINS.find((chain) => chain.name === name);
}

/**
 * A chain of one's own.
 * @throws ArgumentError where the epoch length is not a positive whole number, or the fork block not a multiple of
 *   twice that length (epochs would be cut in the middle)
 */
export function customChain(chain: { name: string; epochLength?: number; ecip1099Block?: number | null }): ChainSpec {
  const { name, epochLength = EPOCH_LENGTH, ecip1099Block = null } = chain;
  if (typeof name !== "string" || !name) throw new ArgumentError("name", "empty");
  if (!Number.isSafeInteger(epochLength) || epochLength < 1) {
    throw new ArgumentError("epochLength", `${epochLength} is not a whole number of blocks above 0`);
  }
  if (ecip1099Block !== null && (!Number.isSafeInteger(ecip1099Block) || ecip1099Block < 0)) {
    throw new ArgumentError("ecip1099Block", `${ecip1099Block} is not a block number`);
  }
  if (ecip1099Block !== null && ecip1099Block % (2 * epochLength) !== 0) {
    throw new ArgumentError(
      "ecip1099Block",
      `${ecip1099Block} is not a multiple of the longer epoch, ${2 * epochLength}`,
    );
  }
  return Object.freeze({ name, epochLength, ecip1099Block });
}

/**
 * The epoch that a block belongs to.
 * @throws ArgumentError where the number is no block number or its epoch lies above {@link MAX_EPOCH}
 */
export function epochOf(chain: ChainSpec, blockNumber: number): Epoch {
  if (!Number.isSafeInteger(blockNumber) || blockNumber < 0) {
    throw new ArgumentError("blockNumber", `${blockNumber} is not a block number`);
  }
  const { epochLength, ecip1099Block } = chain;
  const doubled = ecip1099Block !== null && blockNumber >= ecip1099Block;
  const length = doubled ? 2 * epochLength : epochLength;
  const number = Math.floor(blockNumber / length);
  if (number > MAX_EPOCH) {
    throw new ArgumentError(
      "blockNumber",
      `${blockNumber} is in epoch ${number}, and ${MAX_EPOCH} is the last supported`,
    );
  }
  const lastOfLength = (number + 1) * length - 1;
  return {
    number,
    // The seed always advances once in 30,000 blocks, whatever the epoch's length (core-geth, seedHash).
    seedRounds: Math.floor((number * length + 1) / EPOCH_LENGTH),
    cacheBytes: cacheBytesOf(number),
    datasetBytes: datasetBytesOf(number),
    firstBlock: number * length,
    lastBlock: doubled || ecip1099Block === null ? lastOfLength : Math.min(lastOfLength, ecip1099Block - 1),
  };
}
