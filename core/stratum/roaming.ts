import { classOf, PREFIX_DIGITS, type ClassTable } from "../shares/difficulty-classes.ts";

/** Where a miner searches that chooses its nonces itself. Plain data. */
export interface Region {
  /** First digits of a nonce in the class that it is to be told of, hex without `0x`; empty: the pool's own difficulty. */
  readonly prefix: string;
  /** Submits in a row from harder classes; null before the first submit. */
  readonly strays: number | null;
}

export const UNKNOWN_REGION: Region = { prefix: "", strays: null };

/** So many submits in a row must be from a harder class before a miner is told of that one. */
const MOVED = 4;

/**
 * Looks at the nonce of a submit. The first one tells: programs draw a place once and stay there. After that an easier class counts
 * at once, because told a harder one the miner would keep shares back that are worth something; a harder one only when nothing else
 * comes, because one card of many may be there. Told too easy a one, a miner loses nothing.
 * @param nonce 16 hex digits
 */
export function noteNonce(region: Region, nonce: string, table: ClassTable): Region {
  const [here, told] = [classOf(nonce, table), classOf(region.prefix, table)];
  if (here === told) return region.strays === 0 ? region : { ...region, strays: 0 };
  const strays = here < told || region.strays === null ? MOVED : region.strays + 1;
  return strays < MOVED ? { ...region, strays } : { prefix: nonce.slice(0, PREFIX_DIGITS), strays: 0 };
}
