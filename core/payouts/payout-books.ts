import { bookMap, textList } from "../ledger/books/scan.ts";
import { ledgerKeys, type LedgerKeys } from "../ledger/contract/keys.ts";
import { RedisReplyError, type RedisPort, type RedisValue } from "../ledger/contract/redis-port.ts";
import { LEDGER_SCRIPTS } from "../ledger/contract/scripts/embedded.ts";
import { runScript } from "../ledger/write-path/run-script.ts";
import { blockId, parseCandidate, parseListed, type PoolBlock } from "./block-members.ts";
import { encodeMove, type BlockMove } from "./block-move.ts";
import { decodeTerms, encodeTerms, type BlockTerms } from "./block-terms.ts";
import { moveCall } from "./move-call.ts";

/** What became of a step. `owed`: logins whose account could not be written; what they have to get or to give back is kept for them. */
export type StepResult =
  | { readonly kind: "done"; readonly owed: readonly string[] }
  /** The block is no longer where it was: somebody else has moved it. */
  | { readonly kind: "gone" }
  /** Nothing was moved, and why. */
  | { readonly kind: "refused"; readonly reason: string };

/** A list's blocks that may be due, and members that cannot be read. */
export interface DueBlocks {
  readonly blocks: readonly PoolBlock[];
  readonly unreadable: readonly string[];
}

/** Weights by login, or why there are none. */
export type RoundResult =
  | { readonly ok: true; readonly weights: ReadonlyMap<string, bigint> }
  | { readonly ok: false; readonly reason: string };

/** Logins of one request: some 70 kB, and well within what Lua's `unpack` takes. */
const PART_LOGINS = 1_000;
/** Blocks of one list that one run looks at. */
const MOST_DUE = 1_000;

const CODES = { gone: 0, done: 1, before: 2, replaced: 3, incomplete: 4 } as const;

/** The unlocker's side of the books. Whatever it writes is one atomic step, or parts of which each can be sent again. */
export class PayoutBooks {
  readonly #redis: RedisPort;
  readonly #partLogins: number;
  readonly keys: LedgerKeys;

  /** @param partLogins logins a request, for tests of steps with many parts */
  constructor(redis: RedisPort, coin: string, partLogins: number = PART_LOGINS) {
    this.#redis = redis;
    this.#partLogins = partLogins;
    this.keys = ledgerKeys(coin);
  }

  /** Blocks of a list up to a height, lowest first. */
  async due(list: PoolBlock["list"], maxHeight: number, minHeight = 0): Promise<DueBlocks> {
    const command = [
      "ZRANGEBYSCORE",
      this.keys[list],
      minHeight,
      maxHeight,
      "WITHSCORES",
      "LIMIT",
      0,
      MOST_DUE,
    ] as const;
    const reply = textList(await this.#redis.command(command));
    const blocks: PoolBlock[] = [];
    const unreadable: string[] = [];
    for (let i = 0; i + 1 < reply.length; i += 2) {
      const [member = "", score = ""] = [reply[i], reply[i + 1]];
      const block = list === "candidates" ? parseCandidate(member, score) : parseListed(list, member, score);
      if (block === null) unreadable.push(`blocks:${list} has "${member.slice(0, 80)}", which is no block`);
      else blocks.push(block);
    }
    return { blocks, unreadable };
  }

  /** Score of the lowest member of a list, whatever it is; null for an empty one. */
  async lowest(list: PoolBlock["list"]): Promise<number | null> {
    const [, score] = textList(await this.#redis.command(["ZRANGE", this.keys[list], 0, 0, "WITHSCORES"]));
    return score === undefined ? null : Number(score);
  }

  /** The terms of a block: those that it was found under, else from now on these. @returns null where what stands there cannot be read */
  async terms(block: PoolBlock, now: BlockTerms): Promise<BlockTerms | null> {
    const { blockTerms } = this.keys;
    const [, kept] = await this.#pipeline([
      ["HSETNX", blockTerms, blockId(block), encodeTerms(now)],
      ["HGET", blockTerms, blockId(block)],
    ]);
    return typeof kept === "string" ? decodeTerms(kept) : null;
  }

  /** Whom a block's revenue belongs to, by the scheme that it was found under. */
  async weights(block: PoolBlock, terms: BlockTerms): Promise<RoundResult> {
    switch (terms.scheme) {
      case "prop":
        return await this.#round(block, block.totalShares);
      case "solo":
        if (terms.finder === null)
          return { ok: false, reason: "it was found under solo, and by whom was not written down" };
        return { ok: true, weights: new Map([[terms.finder, 1n]]) };
      case "pplns":
        if (terms.weights === null)
          return { ok: false, reason: "it was found under pplns, and its window was not written down" };
        return await this.#round(block, terms.weights);
    }
  }

  /**
   * A closed round, or what the window of a block had. It must have shares, and as many as was written down with the block. A field that is no sum of shares is in no block's total, and what its
   * login worked is not known: the block waits until the operator has taken it out.
   */
  async #round(block: PoolBlock, shares: string): Promise<RoundResult> {
    const key = this.keys.round(block.height, block.nonce);
    const weights = new Map<string, bigint>();
    let total = 0n;
    for (const [login, value] of await bookMap(this.#redis, key, "hash")) {
      if (!/^\d{1,30}$/.test(value)) return { ok: false, reason: `${key} holds "${value.slice(0, 40)}" for ${login}` };
      weights.set(login, BigInt(value));
      total += BigInt(value);
    }
    if (total === 0n) return { ok: false, reason: `${key} is missing or empty` };
    if (String(total) !== shares) return { ok: false, reason: `${key} has ${total} shares, the block says ${shares}` };
    return { ok: true, weights };
  }

  /** Forgets what of the window's log no block can pay any more. @param keep difficulty that is kept @returns how many elements are left */
  async trimWindow(keep: bigint): Promise<number> {
    const [, left] = await runScript(this.#redis, LEDGER_SCRIPTS["trim-window"], [this.keys.window], [String(keep)]);
    return Number(left);
  }

  /** Under another scheme than `pplns` nothing is logged: a log that goes on after a gap would leave shares out. */
  async dropWindow(): Promise<void> {
    await this.#redis.command(["DEL", this.keys.window]);
  }

  /** The greatest network difficulty that the pool's nodes have given; null where none is known. */
  async networkDifficulty(): Promise<bigint | null> {
    let greatest: bigint | null = null;
    for (const [field, value] of await bookMap(this.#redis, this.keys.nodes, "hash")) {
      if (!field.endsWith(":difficulty") || !/^\d{1,40}$/.test(value)) continue;
      if (greatest === null || BigInt(value) > greatest) greatest = BigInt(value);
    }
    return greatest;
  }

  /** Plans of moves that were begun and not ended, by the member that they move. */
  async moves(): Promise<ReadonlyMap<string, string>> {
    return await bookMap(this.#redis, this.keys.blockMoves, "hash");
  }

  /** Logins that something is owed to. */
  async owed(): Promise<readonly string[]> {
    const fields = await bookMap(this.#redis, this.keys.owed, "hash");
    return [...new Set([...fields.keys()].map((field) => field.slice(0, field.lastIndexOf(":"))))];
  }

  /** @returns whether the login has everything now */
  async settleOwed(login: string): Promise<boolean> {
    const keys = [this.keys.owed, this.keys.finances, this.keys.miner(login)];
    const [code] = await runScript(this.#redis, LEDGER_SCRIPTS["settle-owed"], keys, [login]);
    return code !== CODES.gone;
  }

  /**
   * Carries a move out: in one atomic step where its logins fit one request, else in parts, under a plan that is durable in the ledger first.
   * @param weights of the round, for a move with a payout
   * @param resumed the plan as {@link moves} gave it
   * @throws RedisReplyError @throws RedisUnreachableError then the move can be carried out again
   */
  async carryOut(
    move: BlockMove,
    weights: ReadonlyMap<string, bigint>,
    resumed: string | null = null,
  ): Promise<StepResult> {
    const call = await moveCall(this.#redis, this.keys, move, weights);
    const parts = chunks(call.logins, this.#partLogins);
    let plan = resumed ?? "";
    if (resumed === null && parts.length > 1) {
      plan = encodeMove(move);
      const { blockMoves } = this.keys;
      const [, kept] = await this.#pipeline([
        ["HSETNX", blockMoves, move.block.member, plan],
        ["HGET", blockMoves, move.block.member],
      ]);
      if (kept !== plan) return { kind: "refused", reason: "another plan for this block is under way" };
    }
    const owed: string[] = [];
    for (const [index, part] of parts.entries()) {
      const final = index === parts.length - 1;
      const args = [plan, final ? "1" : "0", ...call.args, ...part.flat()];
      const [code, ...bad] = await runScript(this.#redis, call.script, call.keys, args);
      if (code === CODES.gone) return { kind: "gone" };
      if (code === CODES.replaced) return { kind: "refused", reason: "another plan for this block is under way" };
      if (code === CODES.incomplete)
        return { kind: "refused", reason: "credits of this block in the ledger are not those of this move" };
      owed.push(...bad.map(String));
    }
    return { kind: "done", owed };
  }

  async #pipeline(commands: Parameters<RedisPort["pipeline"]>[0]): Promise<RedisValue[]> {
    const replies = await this.#redis.pipeline(commands);
    return replies.map((reply) => {
      if (reply instanceof RedisReplyError) throw reply;
      return reply;
    });
  }
}

/** At least one part, which may be empty. */
function chunks<T>(list: readonly T[], size: number): T[][] {
  const parts: T[][] = [];
  for (let i = 0; i < list.length; i += size) parts.push(list.slice(i, i + size));
  return parts.length === 0 ? [[]] : parts;
}
