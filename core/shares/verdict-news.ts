import { BoundedMap } from "../bounded-map.ts";
import type { BlockRecord } from "../ledger/contract/records.ts";
import type { FoundBlock, JudgedShare, RefutedShare, ShareVerdict } from "./share.ts";

/** Logins with something to hear, and how much of it each. */
const MOST_LOGINS = 1_024;
const MOST_SHARES = 16;

/** What a verifier has to say beside its verdicts, until the next one takes it along. */
export class VerdictNews {
  readonly #refuted = new BoundedMap<string, readonly RefutedShare[]>(MOST_LOGINS);
  #found: FoundBlock | null = null;

  /** A share of a login that was accepted on its claim has been refuted. */
  refuted(login: string, share: RefutedShare): void {
    this.#refuted.set(login, [...(this.#refuted.get(login) ?? []), share].slice(-MOST_SHARES));
  }

  /** A node accepted a block. */
  found({ height, solo = false }: Pick<BlockRecord, "height" | "solo">): void {
    this.#found = { height, solo };
  }

  /** The verdict on a share of a login, with what there is. */
  with(login: string, verdict: ShareVerdict): JudgedShare {
    const refuted = this.#refuted.get(login);
    const found = this.#found;
    if (refuted === undefined && found === null) return verdict;
    this.#refuted.delete(login);
    this.#found = null;
    return { ...verdict, ...(refuted && { refuted }), ...(found && { found }) };
  }
}
