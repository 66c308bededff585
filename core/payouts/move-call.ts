import { bookMap, textList } from "../ledger/books/scan.ts";
import type { LedgerKeys } from "../ledger/contract/keys.ts";
import type { RedisPort } from "../ledger/contract/redis-port.ts";
import { LEDGER_SCRIPTS } from "../ledger/contract/scripts/embedded.ts";
import type { LedgerScript } from "../ledger/contract/scripts/script.ts";
import type { ListedBlock } from "./block-members.ts";
import { creditsOf, memberOf, type BlockMove } from "./block-move.ts";
import { SHANNON_WEI } from "./reward-schedule.ts";

/** A move as its script takes it, but for the plan and the part. */
export interface MoveCall {
  readonly script: LedgerScript;
  readonly keys: readonly string[];
  /** From the third argument on, up to the logins. */
  readonly args: readonly string[];
  /** Arguments a login. */
  readonly logins: readonly (readonly string[])[];
}

/** Reads what a move has to know of the ledger. A move that was interrupted needs only what is left of it. */
export async function moveCall(
  redis: RedisPort,
  keys: LedgerKeys,
  move: BlockMove,
  weights: ReadonlyMap<string, bigint>,
): Promise<MoveCall> {
  const { block, to } = move;
  if (block.list === "candidates" || to === "immature") return immatureCall(keys, move, creditsOf(move, weights));
  const given =
    to === "taken" ? keys.credits(block.height, block.hash) : keys.immatureCredits(block.height, block.hash);
  const had = [...(await bookMap(redis, given, "hash")).keys()];
  if (to === "matured") return maturedCall(keys, move, creditsOf(move, weights), { given, had });
  return await orphanCall(redis, keys, move, block, { given, had });
}

/** What a block's credits are under now, and which logins have some. */
interface Given {
  readonly given: string;
  readonly had: readonly string[];
}

const commonArgs = (keys: LedgerKeys, move: BlockMove): string[] => [
  move.block.member,
  String(move.fate.height),
  memberOf(move),
  keys.minerPrefix,
];

function immatureCall(keys: LedgerKeys, move: BlockMove, credits: ReadonlyMap<string, bigint>): MoveCall {
  const { block, fate } = move;
  const round = keys.round(block.height, block.nonce);
  return {
    script: LEDGER_SCRIPTS["to-immature"],
    keys: [
      keys.candidates,
      keys.immature,
      keys.immatureCredits(fate.height, fate.hash),
      keys.finances,
      round,
      keys.round(fate.height, block.nonce),
      keys.blockMoves,
      keys.owed,
    ],
    args: [...commonArgs(keys, move), String(credits.size)],
    logins: [...credits].map(([login, amount]) => [login, String(amount)]),
  };
}

function maturedCall(
  keys: LedgerKeys,
  move: BlockMove,
  credits: ReadonlyMap<string, bigint>,
  { given, had }: Given,
): MoveCall {
  const { block, fate, ts } = move;
  const pairs = [...credits].map(([login, amount]) => [login, String(amount)]);
  const others = had.filter((login) => !credits.has(login)).map((login) => [login, "0"]);
  const record = `${fate.hash}:${ts}:${fate.rewardWei}`;
  return {
    script: LEDGER_SCRIPTS["to-matured"],
    keys: [
      keys.immature,
      keys.matured,
      given,
      keys.credits(fate.height, fate.hash),
      keys.finances,
      keys.round(block.height, block.nonce),
      keys.creditsAll,
      keys.blockMoves,
      keys.owed,
    ],
    args: [...commonArgs(keys, move), String(credits.size), record, String(fate.rewardWei / SHANNON_WEI), fate.hash],
    logins: [...pairs, ...others],
  };
}

async function orphanCall(
  redis: RedisPort,
  keys: LedgerKeys,
  move: BlockMove,
  block: ListedBlock,
  { given, had }: Given,
): Promise<MoveCall> {
  const taken = move.to === "taken";
  const round = keys.round(block.height, block.nonce);
  const worked = move.merge ? [...(await bookMap(redis, round, "hash")).keys()] : [];
  const record = taken ? await creditRecord(redis, keys, block) : "";
  const mined = taken ? BigInt(block.rewardWei) / SHANNON_WEI : 0n;
  return {
    script: LEDGER_SCRIPTS["to-orphan"],
    keys: [
      taken ? keys.matured : keys.immature,
      keys.matured,
      given,
      keys.finances,
      round,
      keys.roundCurrent,
      keys.stats,
      keys.creditsAll,
      keys.blockMoves,
      keys.owed,
      keys.window,
    ],
    args: [...commonArgs(keys, move), taken ? "balance" : "immature", move.merge ? "1" : "0", record, String(mined)],
    logins: [...new Set([...had, ...worked])].map((login) => [login]),
  };
}

/** The block's member in `credits:all`, empty where there is none. */
async function creditRecord(redis: RedisPort, keys: LedgerKeys, { height, hash }: ListedBlock): Promise<string> {
  const members = textList(await redis.command(["ZRANGEBYSCORE", keys.creditsAll, height, height]));
  return members.find((member) => member.startsWith(`${hash}:`)) ?? "";
}
