import { BoundedMap } from "../bounded-map.ts";

/** Headers of some hours. */
const REMEMBERED = 8_192;

/**
 * Under which scheme a header's shares came. A header that is both common and solo work (two upstreams that are one node, or mine for one
 * account) could be cashed twice: its shares by the round, the one that is a block under a solo login. Who brings the second scheme is refused, as long as
 * this lives: what the operator did wrong is named on `/health`, however short that is.
 */
export class HeaderSchemes {
  readonly #solo = new BoundedMap<string, boolean>(REMEMBERED);

  /** @returns whether this is the scheme that the header came with first */
  agrees({ header, solo = false }: { readonly header: string; readonly solo?: boolean }): boolean {
    const first = this.#solo.get(header);
    if (first === undefined) this.#solo.set(header, solo);
    return first === undefined || first === solo;
  }
}
