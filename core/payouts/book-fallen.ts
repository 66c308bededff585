import type { BlockFate } from "./block-members.ts";
import type { PayoutBooks, StepResult } from "./payout-books.ts";

/**
 * An operator's word that a matured block is no longer in the chain: it becomes an orphan and what it brought is taken back from everybody.
 * A balance may fall below 0 where it was paid out meanwhile; coming credits fill it up.
 * @param ts Unix time in seconds
 * @returns `gone` where no matured block of that height and hash is listed @throws as the ledger does
 */
export async function bookFallen(books: PayoutBooks, height: number, hash: string, ts: number): Promise<StepResult> {
  const { blocks } = await books.due("matured", height, height);
  const block = blocks.find((one) => one.list === "matured" && one.hash === hash && !one.orphan);
  if (block === undefined || block.list !== "matured") return { kind: "gone" };
  const fate: BlockFate = { height, uncleHeight: block.uncleHeight, orphan: true, hash, rewardWei: 0n };
  const begun = (await books.moves()).get(block.member) ?? null;
  return await books.carryOut({ to: "taken", block, fate, payout: null, merge: false, ts }, new Map(), begun);
}
